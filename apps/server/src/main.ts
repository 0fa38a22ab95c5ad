import { styleText } from "node:util";
import { CommanderError } from "commander";
import { ExitCode, exitCodeOf } from "./cli/exit-codes.ts";
import { buildProgram } from "./cli/program.ts";

try {
  await buildProgram().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** One clear error; the stack only where the fault is ours. Under `--json` one object on standard error. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  const { code, ours } = exitCodeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (process.argv.includes("--json")) {
    const named = error instanceof Error && "code" in error ? String(error.code) : "failure";
    process.stderr.write(`${JSON.stringify({ error: { code: named, message } })}\n`);
    return code;
  }
  process.stderr.write(`${styleText("red", "error:", { stream: process.stderr })} ${message}\n`);
  if (ours && error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
  return code;
}
