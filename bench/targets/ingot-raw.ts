import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { killChild, tieChild } from "./child-process.ts";
import type { DiskAddress, RunningTarget } from "./disk-address.ts";

/** `@ingot/iscsi` over a raw file and nothing else, in a process of its own: what the protocol costs. */
export async function startIngotRaw(path: string): Promise<RunningTarget & { readonly disk: DiskAddress }> {
  const program = new URL("../../packages/iscsi/test/serve.ts", import.meta.url).pathname;
  const options = ["--disable-warning=ExperimentalWarning", program, "--file", path];
  const child = spawn(process.execPath, options, { stdio: ["ignore", "pipe", "inherit"] });
  tieChild(child);
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`the target ended with ${code}`)));
  // It ends at last; that is no error then.
  ended.catch(() => undefined);
  const line = once(createInterface({ input: child.stdout }), "line");
  const [text] = (await Promise.race([line, ended])) as [string];
  return {
    pid: child.pid ?? 0,
    disk: { address: "127.0.0.1", port: Number(text.split(" ")[1]), target: "iqn.2026-11.org.ingot:test", lun: 0 },
    [Symbol.asyncDispose]: () => killChild(child),
  };
}
