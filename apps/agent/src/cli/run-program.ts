import { styleText } from "node:util";
import { Command, CommanderError } from "commander";
import { codeOf, messageOf } from "../errors.ts";
import { VERSION } from "../version.ts";
import { ExitCode, exitCodeOf } from "./exit-codes.ts";
import { pullCommand } from "./pull-command.ts";
import { runCommand } from "./run-command.ts";
import { seedCommand } from "./seed-command.ts";
import { serveCommand } from "./serve-command.ts";
import { unitCommand } from "./unit-command.ts";

/** Runs the command that the arguments name, with `more` beside those of every machine, and ends the process. */
export async function runProgram(more: readonly Command[]): Promise<never> {
  // Keys are among what the agent writes.
  process.umask(0o077);
  try {
    await programWith(more).parseAsync();
    // Connections that are kept open for the next request are no reason to stay.
    process.exit();
  } catch (error) {
    process.exit(report(error));
  }
}

function programWith(more: readonly Command[]): Command {
  const program = new Command("ingot agent")
    .description("The machine's side: fills disks from the swarm, serves them to others, does a machine's tasks")
    .version(VERSION);
  for (const command of [pullCommand(), serveCommand(), seedCommand(), runCommand(), unitCommand(), ...more])
    program.addCommand(command);
  for (const command of [program, ...program.commands]) command.exitOverride();
  return program;
}

/** One clear error; the stack only where the fault is ours. Under `--json` one object on standard error. */
function report(error: unknown): number {
  const isJson = process.argv.includes("--json");
  if (error instanceof CommanderError) {
    // For people Commander has printed its sentence already.
    if (error.exitCode !== 0 && isJson) printJson("usage", error.message);
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  }
  const { code, ours } = exitCodeOf(error);
  const message = messageOf(error);
  if (isJson) {
    printJson(codeOf(error), message);
    return code;
  }
  process.stderr.write(`${styleText("red", "error:", { stream: process.stderr })} ${message}\n`);
  if (ours && error instanceof Error && error.stack !== undefined) process.stderr.write(`${error.stack}\n`);
  return code;
}

function printJson(code: string, message: string): void {
  process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
}
