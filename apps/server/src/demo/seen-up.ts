import { setTimeout as sleep } from "node:timers/promises";
import type { Machine } from "@ingot/api";
import type { Classroom } from "./classroom.ts";

/** A guest reports in a moment after its prompt; 60 s is ample even on a slow machine. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 500;

/** Waits until the server, too, has seen that a machine is up. Throws when it never does. */
export async function seenUp(classroom: Classroom, name: string, signal: AbortSignal): Promise<void> {
  let state = "";
  for (let tries = 0; tries < PATIENCE_MS / LOOK_EVERY_MS; tries++) {
    ({ state } = await classroom.api.get<Machine>(`/api/v1/machines/${name}`));
    if (state === "up") return;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
  throw new Error(`${name} has a login prompt, but the server has it as ${state}: it never reported in`);
}
