import { Command } from "commander";
import { agentTokenCommand } from "./agent-token-command.ts";
import { captureCommand, deployCommand, verifyCommand, wipeCommand } from "./deploy-command.ts";
import { jobCommand } from "./job-command.ts";
import { settingsCommand } from "./settings-command.ts";
import { defaultDataDirectory } from "../data/data-directory.ts";
import { demoCommand } from "./demo-command.ts";
import { diskCommand } from "./disk-command.ts";
import { EXIT_CODE_HELP } from "./exit-codes.ts";
import { groupCommand } from "./group-command.ts";
import { imageCommand } from "./image-command.ts";
import { machineCommand } from "./machine-command.ts";
import { serveCommand } from "./serve-command.ts";
import { sessionCommand } from "./session-command.ts";
import { statusCommand } from "./status-command.ts";
import { testCommand } from "./test-command.ts";
import { VERSION } from "../version.ts";

const HELP = `
Examples:
  ingot demo                                      watch two machines boot one image
  ingot image add debian-lab disk.img             put a golden image into the library
  ingot machine set pc-17 --plan diskless --image debian-lab
  ingot deploy debian-lab --to room-3 --watch     fill the disks of a room and watch it
  ingot serve --interface eth1 --dhcp proxy       boot machines beside an existing DHCP server`;

/** The whole command line. Options that every command has are declared here and inherited. */
export function buildProgram(): Command {
  const program = new Command("ingot")
    .description("One golden image, every way onto a machine")
    .version(VERSION)
    .showHelpAfterError("(--help shows how it is used)")
    .exitOverride()
    .addHelpText("after", HELP)
    .addHelpText("after", EXIT_CODE_HELP);
  const commands = [
    serveCommand(),
    imageCommand(),
    machineCommand(),
    groupCommand(),
    diskCommand(),
    sessionCommand(),
    deployCommand(),
    captureCommand(),
    verifyCommand(),
    wipeCommand(),
    jobCommand(),
    agentTokenCommand(),
    settingsCommand(),
    statusCommand(),
    demoCommand(),
    testCommand(),
  ];
  for (const command of commands) program.addCommand(withCommonOptions(command));
  return program;
}

/** Under `--json` standard error holds one JSON object, written by `main.ts`. */
const ERROR_OUTPUT = {
  writeErr(text: string): void {
    if (!process.argv.includes("--json")) process.stderr.write(text);
  },
};

/** Gives `--json` and `--data` to a command and everything below it, and the exit codes to its help. */
function withCommonOptions(command: Command): Command {
  command.exitOverride().showHelpAfterError("(--help shows how it is used)").configureOutput(ERROR_OUTPUT);
  if (command.commands.length > 0) {
    for (const inner of command.commands) withCommonOptions(inner);
    return command.addHelpText("after", EXIT_CODE_HELP);
  }
  return command
    .option("--data <dir>", "the data directory (INGOT_DATA)", defaultDataDirectory())
    .option("--json", "print JSON for programs")
    .addHelpText("after", EXIT_CODE_HELP);
}
