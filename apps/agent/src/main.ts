import { styleText } from "node:util";
import { Command, CommanderError } from "commander";
import { ExitCode, exitCodeOf } from "./cli/exit-codes.ts";
import { pullCommand } from "./cli/pull-command.ts";
import { runCommand } from "./cli/run-command.ts";
import { serveCommand } from "./cli/serve-command.ts";
import { codeOf, messageOf } from "./errors.ts";
import { VERSION } from "./version.ts";

// Keys are among what the agent writes.
process.umask(0o077);

try {
  await (await buildProgram()).parseAsync();
  // Connections that are kept open for the next request are no reason to stay.
  process.exit();
} catch (error) {
  process.exit(report(error));
}

async function buildProgram(): Promise<Command> {
  const program = new Command("ingot agent")
    .description("The machine's side: fills disks from the swarm, serves them to others, does a machine's tasks")
    .version(VERSION)
    .addCommand(pullCommand())
    .addCommand(serveCommand())
    .addCommand(runCommand());
  // Building the system for machines needs much that nothing else does.
  const [wanted] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
  if (wanted === undefined || wanted === "build" || wanted === "help") {
    const { buildCommand } = await import("./build/command.ts");
    program.addCommand(buildCommand());
  }
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
