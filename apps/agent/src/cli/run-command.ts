import { Command } from "commander";
import { addServerOptions, type ServerOptions } from "./common.ts";
import { EXIT_CODE_HELP } from "./exit-codes.ts";
import { collect } from "./parse-options.ts";

/** Options of `ingot agent run`. */
export interface RunOptions extends ServerOptions {
  readonly ram?: true;
  readonly power?: true;
  readonly screen?: readonly string[];
}

/** `ingot agent run` */
export function runCommand(): Command {
  const command = new Command("run").description(
    "be this machine's agent: enrol, then do the tasks that the server gives",
  );
  addServerOptions(command)
    .option(
      "--ram",
      "this is the system in memory: server and pin come from the kernel's command line, the machine may be rebooted",
    )
    .option(
      "--screen <device>",
      "also paint the screen on this terminal, for example /dev/tty1 (may be repeated)",
      collect,
    )
    .option("--power", "on an installed system: let the server reboot the machine and switch it off")
    .addHelpText(
      "after",
      `
It shows what it does as a screen on a terminal, and as lines elsewhere. It ends only when it is interrupted, or
when the machine goes down.

Examples:
  ingot agent run --server https://10.0.0.1:8472 --pin 3f8a…
  ingot agent run --ram
${EXIT_CODE_HELP}`,
    )
    .action(async (options: RunOptions) => {
      const { runAgent } = await import("../loop/run-agent.ts");
      await runAgent(options);
    });
  return command;
}
