import { styleText } from "node:util";
import { CommanderError } from "commander";
import { ExitCode, exitCodeOf } from "./cli/exit-codes.ts";
import { buildProgram } from "./cli/program.ts";
import { messageOf } from "./errors.ts";

// What Ingot writes is for itself and its group: there are secrets among it.
process.umask(0o027);

try {
  await buildProgram().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** One clear error; the stack only where the fault is ours. Under `--json` one object on standard error. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // For people Commander has printed its sentence already.
    if (error.exitCode !== 0 && process.argv.includes("--json")) printJson("usage", error.message);
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  }
  const { code, ours } = exitCodeOf(error);
  const message = messageOf(error);
  if (process.argv.includes("--json")) {
    const named = error instanceof Error && "code" in error ? String(error.code) : "failure";
    printJson(named, message);
    return code;
  }
  process.stderr.write(`${styleText("red", "error:", { stream: process.stderr })} ${message}\n`);
  if (ours && error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
  return code;
}

function printJson(code: string, message: string): void {
  process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
}
