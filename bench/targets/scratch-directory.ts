import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory for one run: gone at its end, also when it is interrupted. */
export interface ScratchDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Makes a directory below the temporary one ($TMPDIR). From then on SIGINT and SIGTERM end the process in order. */
export async function openScratchDirectory(name: string): Promise<ScratchDirectory> {
  const path = await mkdtemp(join(tmpdir(), `ingot-bench-${name}-`));
  process.once("exit", () => rmSync(path, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
