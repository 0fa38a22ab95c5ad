import type { RunOptions } from "../cli/run-command.ts";
export async function runAgent(_options: RunOptions): Promise<void> {
  await Promise.resolve();
}
