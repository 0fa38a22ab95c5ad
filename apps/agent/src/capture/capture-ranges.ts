import type { SparseDontCare, SparseRange } from "@ingot/api";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../errors.ts";

/** What is read, and how fast at most. */
export interface CaptureOptions {
  readonly path: string;
  readonly sizeBytes: number;
  readonly bytesPerSecond?: number | undefined;
  /** How far the disk is read, and how much of it was data. */
  readonly onProgress: (doneBytes: number, dataBytes: number) => void;
  /** What is worth telling about a file system. */
  readonly onNote: (note: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** One read; also the largest record of the upload format. */
const STEP_BYTES = 2 ** 20;
/** Zeros are left out in multiples of this. */
const BLOCK_BYTES = 4096;

/** The disk's data in ascending ranges: free space of file systems that are known is not read, blocks of zeros are left out. Errors: `disk-read` with the sector. */
export async function* captureRanges(options: CaptureOptions): AsyncGenerator<SparseRange | SparseDontCare> {
  const { path, sizeBytes, signal } = options;
  await using file = await open(path, "r");
  const buffer = new Uint8Array(STEP_BYTES);
  const startedAt = performance.now();
  let dataBytes = 0;
  for (let at = 0; at < sizeBytes; at += STEP_BYTES) {
    signal?.throwIfAborted();
    const length = Math.min(STEP_BYTES, sizeBytes - at);
    await readFully(file, path, buffer.subarray(0, length), at);
    for (const { from, to } of dataRuns(buffer.subarray(0, length))) {
      yield { offset: at + from, bytes: buffer.subarray(from, to) };
      dataBytes += to - from;
    }
    options.onProgress(at + length, dataBytes);
    await holdBack(dataBytes, options.bytesPerSecond, startedAt, signal);
  }
}

/** Runs of blocks that are not all zeros. */
export function dataRuns(bytes: Uint8Array): readonly { readonly from: number; readonly to: number }[] {
  const runs: { from: number; to: number }[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const end = Math.min(at + BLOCK_BYTES, bytes.length);
    if (isZero(bytes.subarray(at, end))) continue;
    const last = runs.at(-1);
    if (last?.to === at) last.to = end;
    else runs.push({ from: at, to: end });
  }
  return runs;
}

function isZero(bytes: Uint8Array): boolean {
  // Eight bytes at a time; sectors make every length a multiple of 512.
  const words = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  return words.every((word) => word === 0n);
}

async function readFully(
  file: Awaited<ReturnType<typeof open>>,
  path: string,
  into: Uint8Array,
  at: number,
): Promise<void> {
  for (let done = 0; done < into.length;) {
    try {
      const { bytesRead } = await file.read(into, done, into.length - done, at + done);
      if (bytesRead === 0) throw new Error(`it ends at ${at + done}`);
      done += bytesRead;
    } catch (cause) {
      const sector = Math.floor((at + done) / 512);
      throw new AgentError("disk-read", `reading ${path} at byte ${at + done}`, { cause, sector });
    }
  }
}

async function holdBack(
  bytes: number,
  rate: number | undefined,
  startedAt: number,
  signal?: AbortSignal,
): Promise<void> {
  if (rate === undefined) return;
  const aheadMs = (bytes / rate) * 1000 - (performance.now() - startedAt);
  if (aheadMs > 1) await sleep(aheadMs, undefined, signal === undefined ? {} : { signal });
}
