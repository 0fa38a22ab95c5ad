import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { systemPrograms } from "../system/programs.ts";

interface BuildCommandOptions {
  readonly output?: string;
  readonly fast?: true;
  readonly json?: true;
}

/** zstd's level with `--fast`: seconds instead of minutes, a fifth larger. */
const FAST_LEVEL = 3;

/** `ingot agent build` */
export function buildCommand(): Command {
  return new Command("build")
    .description("make the system that machines run from memory while their disks are worked on")
    .option(
      "--output <directory>",
      "where vmlinuz and initrd go (default: where a server on this machine looks for them)",
    )
    .option("--fast", "compress quickly instead of well: a larger system, for trying")
    .option("--json", "tell the result as JSON on standard output")
    .addHelpText(
      "after",
      `
The parts come from this machine's Debian package sources; nothing is installed, root is not needed. What takes long is kept in
the cache directory and done again only when it changes. The same packages and sources give the same bytes.

Examples:
  ingot agent build                        for the server with its data in the usual place
  ingot agent build --output DATA/boot/agent   for a server started with --data DATA`,
    )
    .action(build);
}

async function build(options: BuildCommandOptions): Promise<void> {
  const { buildRamSystem } = await import("./ram-system.ts");
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ingot", "agent-system");
  const output = options.output === undefined ? defaultOutput() : resolve(options.output);
  const onProgress = (line: string): void => void process.stderr.write(`ingot: ${line}\n`);
  const level = options.fast === true ? { compressionLevel: FAST_LEVEL } : {};
  const built = await buildRamSystem({ output, cache, programs: systemPrograms, onProgress, ...level });
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ output, ...built })}\n`);
    return;
  }
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  process.stdout.write(
    `${join(output, "vmlinuz")}: Linux ${built.kernelRelease}, ${megabytes(built.kernelBytes)}\n` +
      `${join(output, "initrd")}: ${megabytes(built.initrdBytes)}\n`,
  );
}

/** The boot directory of a server's usual data directory, as the server itself finds it. */
function defaultOutput(): string {
  const named = process.env["INGOT_DATA"];
  if (named !== undefined && named !== "") return join(resolve(named), "boot", "agent");
  if (process.getuid?.() === 0) return "/var/lib/ingot/boot/agent";
  return join(process.env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"), "ingot", "boot", "agent");
}
