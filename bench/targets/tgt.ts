import { type ChildProcess, execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { freePort, killChild, tieChild } from "./child-process.ts";
import type { DiskAddress, RunningTarget } from "./disk-address.ts";

const run = promisify(execFile);

/** tgt as Debian ships it, in the foreground, with a control socket and a port of its own, and with its default threads. */
export class Tgt implements RunningTarget {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #control: string;
  readonly #port: number;

  private constructor(child: ChildProcess, control: string, port: number) {
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#control = control;
    this.#port = port;
  }

  /** Starts it; it has no targets yet. */
  static async start(): Promise<Tgt> {
    const port = await freePort();
    // Its control sockets are numbered to 32767.
    const control = String(port % 32_768);
    const child = spawn("tgtd", ["-f", "-C", control, "--iscsi", `portal=127.0.0.1:${port}`], { stdio: "ignore" });
    tieChild(child);
    const tgt = new Tgt(child, control, port);
    for (let tries = 0; ; tries++) {
      try {
        await tgt.#admin("--mode", "system", "--op", "show");
        return tgt;
      } catch (error) {
        if (tries < 50) await new Promise((resolve) => setTimeout(resolve, 100));
        else {
          await killChild(child);
          throw error;
        }
      }
    }
  }

  /** Serves a file as target number `tid` (from 1), LUN 1; LUN 0 is the controller of tgt. `parameters` as `tgtadm --params` takes them. */
  async serve(tid: number, path: string, parameters?: string): Promise<DiskAddress> {
    const target = `iqn.2026-11.org.ingot:tgt-${tid}`;
    await this.#admin("--mode", "target", "--op", "new", "--tid", String(tid), "-T", target);
    await this.#admin("--mode", "logicalunit", "--op", "new", "--tid", String(tid), "--lun", "1", "-b", path);
    if (parameters !== undefined) {
      const unit = ["--tid", String(tid), "--lun", "1"];
      await this.#admin("--mode", "logicalunit", "--op", "update", ...unit, "--params", parameters);
    }
    await this.#admin("--mode", "target", "--op", "bind", "--tid", String(tid), "-I", "ALL");
    return { address: "127.0.0.1", port: this.#port, target, lun: 1 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // In the foreground it ends only on SIGKILL while sessions linger.
    await killChild(this.#child);
  }

  async #admin(...options: string[]): Promise<void> {
    await run("tgtadm", ["-C", this.#control, "--lld", "iscsi", ...options]);
  }
}
