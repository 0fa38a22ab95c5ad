import { type Programs, runOrThrow } from "../system/programs.ts";

/** Restarts the machine or switches it off. In memory there is nothing to shut down first; an installed system does it its own way. */
export async function goDown(programs: Programs, how: "reboot" | "poweroff", isRam: boolean): Promise<void> {
  await runOrThrow(programs, "sync", []);
  if (isRam) await runOrThrow(programs, how, ["-f"]);
  else await runOrThrow(programs, "systemctl", [how]);
}
