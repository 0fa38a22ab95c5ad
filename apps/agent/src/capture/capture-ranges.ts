import { setTimeout as sleep } from "node:timers/promises";
import type { SparseDontCare, SparseRange } from "@ingot/api";

/** How a disk is sent. */
export interface CaptureOptions {
  readonly bytesPerSecond?: number | undefined;
  /** How much of what is in use was read, and how much of that was not zeros. */
  readonly onProgress: (doneBytes: number, dataBytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Zeros are left out in multiples of this. */
const BLOCK_BYTES = 4096;

/** What of a disk travels: its used ranges without blocks of zeros, no faster than is allowed. Ranges that nobody needs pass through. */
export async function* captureRanges(
  used: AsyncIterable<SparseRange | SparseDontCare>,
  options: CaptureOptions,
): AsyncGenerator<SparseRange | SparseDontCare> {
  const startedAt = performance.now();
  let doneBytes = 0;
  let dataBytes = 0;
  for await (const range of used) {
    options.signal?.throwIfAborted();
    if (!("bytes" in range)) {
      yield range;
      continue;
    }
    for (const { from, to } of dataRuns(range.bytes)) {
      yield { offset: range.offset + from, bytes: range.bytes.subarray(from, to) };
      dataBytes += to - from;
    }
    doneBytes += range.bytes.length;
    options.onProgress(doneBytes, dataBytes);
    await holdBack(dataBytes, options.bytesPerSecond, startedAt, options.signal);
  }
}

/** Runs of blocks that are not all zeros. The length is a multiple of 512. */
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
  const words = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
  // Object.is tells 0 from -0, which has a byte that is not zero.
  return words.every((word) => Object.is(word, 0));
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
