import type { Mac } from "@ingot/wire";
import { scriptFrom, shown } from "./script-text.ts";

const READING_TIME_MS = 30_000;

/** The script for a machine that gets nothing: it says why on the screen, waits for it to be read, and leaves to the firmware. */
export function refusalScript(input: { readonly mac: Mac; readonly reason: string }): string {
  return scriptFrom([
    "echo",
    `echo Ingot: this machine (${input.mac}) is not served: ${shown(input.reason)}`,
    `prompt --timeout ${READING_TIME_MS} Press any key to go on ||`,
    "exit 1",
  ]);
}
