import { readFile, writeFile } from "node:fs/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { type BlockTrace, formatTrace, parseTrace } from "./block-trace.ts";

/** The recorded boot that is kept beside the measurements. */
export const DEBIAN_BOOT: string = new URL("debian-bios.trace.gz", import.meta.url).pathname;

/** Reads a trace from a gzip file. */
export async function readTraceFile(path: string): Promise<BlockTrace> {
  return parseTrace(gunzipSync(await readFile(path)).toString());
}

/** Writes a trace as a gzip file; returns its size. */
export async function writeTraceFile(path: string, trace: BlockTrace): Promise<number> {
  const bytes = gzipSync(formatTrace(trace), { level: 9 });
  await writeFile(path, bytes);
  return bytes.length;
}
