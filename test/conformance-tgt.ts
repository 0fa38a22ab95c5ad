import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Contestant } from "./conformance-run.ts";

const run = promisify(execFile);

const SIZE_BYTES = 64 * 1_048_576;

/** Debian's tgt with its default threads; every disk is a thin LUN over a sparse file. */
export async function startTgt(): Promise<Contestant> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-conformance-tgt-"));
  const port = await freePort();
  // Its control sockets are numbered to 32767.
  const control = String(port % 32_768);
  const child = spawn("tgtd", ["-f", "-C", control, "--iscsi", `portal=127.0.0.1:${port}`], { stdio: "ignore" });
  const admin = (mode: string, op: string, ...options: string[]) =>
    run("tgtadm", ["-C", control, "--lld", "iscsi", "--mode", mode, "--op", op, ...options]);
  await ready(child, () => admin("system", "show"));
  let tid = 0;
  return {
    async openDisk(test, needs) {
      const number = String(++tid);
      const path = join(directory, `${test}.raw`);
      const file = await open(path, "w");
      await file.truncate(SIZE_BYTES);
      await file.close();
      const targetName = `iqn.2026-11.org.ingot:tgt-${number}`;
      await admin("target", "new", "--tid", number, "-T", targetName);
      await admin("logicalunit", "new", "--tid", number, "--lun", "1", "-b", path);
      const parameters = `thin_provisioning=1${needs.readOnly === true ? ",readonly=1" : ""}`;
      await admin("logicalunit", "update", "--tid", number, "--lun", "1", "--params", parameters);
      await admin("target", "bind", "--tid", number, "-I", "ALL");
      return [`iscsi://127.0.0.1:${port}/${targetName}/1`];
    },
    async close() {
      // In the foreground it ends only on SIGKILL while sessions linger.
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      await rm(directory, { recursive: true });
    },
  };
}

async function ready(child: ChildProcess, ask: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    try {
      await ask();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  child.kill("SIGKILL");
  throw new Error("tgtd does not answer");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
