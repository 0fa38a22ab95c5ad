import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What a program printed and how it ended. */
export interface Finished {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end, at most a minute. */
export async function finish(program: string, ...options: readonly string[]): Promise<Finished> {
  try {
    const { stdout, stderr } = await run(program, options, { timeout: 60_000 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: number | string; stdout?: string; stderr?: string };
    return {
      code: typeof code === "number" ? code : -1,
      output: `${stdout}${stderr}${typeof code === "string" ? code : ""}`,
    };
  }
}

/** Whether programs are there; in CI a missing one is a failure, elsewhere a reason to skip. */
export function havePrograms(...programs: readonly string[]): boolean {
  const missing = programs.filter(
    (program) => !(process.env["PATH"] ?? "").split(":").some((dir) => existsSync(`${dir}/${program}`)),
  );
  if (missing.length === 0) return true;
  const reason = `missing: ${missing.join(", ")} (Debian: libiscsi-bin, qemu-utils, qemu-block-extra)`;
  if (process.env["CI"] !== undefined) throw new Error(reason);
  process.stderr.write(`iSCSI peer tests skipped, ${reason}\n`);
  return false;
}
