import { fork } from "node:child_process";
import { once } from "node:events";
import { tieChild } from "../targets/child-process.ts";

/** Starts one of the programs of this directory, sends it its order and returns its one report. Rejects when it ends before. */
export async function runForked(program: "load-process.ts" | "replay-process.ts", order: object): Promise<unknown> {
  const child = fork(new URL(program, import.meta.url), { serialization: "advanced" });
  tieChild(child);
  child.send(order);
  const ended = once(child, "exit").then(([code]) => Promise.reject(new Error(`${program} ended with status ${code}`)));
  const [report] = (await Promise.race([once(child, "message"), ended])) as [unknown];
  // With the channel closed nothing keeps it.
  child.disconnect();
  await ended.catch(() => undefined);
  return report;
}
