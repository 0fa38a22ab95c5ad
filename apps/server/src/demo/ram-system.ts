import { join } from "node:path";
import { runCommand } from "@ingot/testkit/lab";
import { formatBytes } from "../cli/output.ts";

/** Options of {@link buildRamSystem}. */
export interface RamSystemOptions {
  /** Where the server looks for it: `boot/agent` of its data directory. */
  readonly output: string;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal;
}

const agentFile = join(import.meta.dirname, "..", "..", "..", "agent", "src", "main.ts");
/** How the agent begins what it says on standard error. */
const VOICE = "ingot: ";

/**
 * Builds the system that machines run from memory while their disks are filled, as `ingot agent build --fast` does. Its parts
 * stay in the cache directory: half a minute for the first time, some seconds afterwards. Returns one line that describes it.
 */
export async function buildRamSystem({ output, onProgress, signal }: RamSystemOptions): Promise<string> {
  const build = [agentFile, "build", "--fast", "--json", "--output", output];
  const { stdout } = await runCommand(process.execPath, [...process.execArgv, ...build], {
    onLine: (line) => {
      if (line.startsWith(VOICE)) onProgress(line.slice(VOICE.length));
    },
    signal,
  });
  const built = JSON.parse(stdout) as { kernelRelease: string; kernelBytes: number; initrdBytes: number };
  return `Linux ${built.kernelRelease} with Node and the agent, ${formatBytes(built.kernelBytes + built.initrdBytes)}`;
}
