import { type Programs, runOrThrow } from "../system/programs.ts";

/** How long people who are logged in are given, in minutes. */
const WARNING_MINUTES = 1;

/**
 * Restarts the system that this agent runs in. Where somebody is logged in, they read why a minute before; where nobody is, it happens at
 * once. Answers what was done.
 */
export async function restartOwnSystem(programs: Programs, reason: string): Promise<string> {
  const who = await programs.run("who", []);
  const users = new Set(who?.stdout.split("\n").flatMap((line) => line.split(/\s/)[0] || []));
  await runOrThrow(programs, "sync", []);
  if (users.size === 0) {
    await runOrThrow(programs, "systemctl", ["reboot"]);
    return "restarting";
  }
  await runOrThrow(programs, "shutdown", ["-r", `+${WARNING_MINUTES}`, `Ingot restarts this machine: ${reason}`]);
  return `restarting in ${WARNING_MINUTES} minute, as ${[...users].join(", ")} can read`;
}
