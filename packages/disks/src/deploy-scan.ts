import { type ChunkPlace, type DeployPlan } from "./deploy-plan.ts";
import { type DeployTarget, PlaceState } from "./deploy-target.ts";
import { FOREIGN_SAMPLE_CHUNKS } from "./limits.ts";

/** Places of one call of `check`: 16 MiB at the average size, long enough to be worth a message to a thread. */
const BATCH_PLACES = 64;

/** What was found of a chunk on the disk. */
export interface ScannedChunk {
  readonly chunk: number;
  /** One `PlaceState` for each of its offsets. */
  readonly states: Uint8Array;
}

/** What a scan takes. */
export interface ScanOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes that were looked at since the last call. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Hashes every place of the chunks, in the order of the disk as far as it matters. Yields each chunk when all its places are known. */
export async function* scanChunks(
  target: DeployTarget,
  plan: DeployPlan,
  chunks: Iterable<number>,
  options: ScanOptions = {},
): AsyncGenerator<ScannedChunk, void, undefined> {
  const running: { chunks: readonly number[]; answer: Promise<Uint8Array>; bytes: number }[] = [];
  const batches = batchesOf(plan, chunks);
  for (;;) {
    options.signal?.throwIfAborted();
    while (running.length < target.checkConcurrency) {
      const next = batches.next();
      if (next.done === true) break;
      const answer = target.check(next.value.places);
      // Awaited in turn; until then nobody hears it.
      answer.catch(() => undefined);
      running.push({ chunks: next.value.chunks, answer, bytes: next.value.bytes });
    }
    const batch = running.shift();
    if (batch === undefined) return;
    const states = await batch.answer;
    let at = 0;
    for (const chunk of batch.chunks) {
      const count = plan.chunk(chunk).offsets.length;
      yield { chunk, states: states.subarray(at, at + count) };
      at += count;
    }
    options.onBytes?.(batch.bytes);
  }
}

/** Whether every place holds the chunk. */
export function isWhole(states: Uint8Array): boolean {
  return states.every((state) => state === PlaceState.right);
}

/**
 * Chunks out of `candidates` that are worth a look: without those that lie in holes, and none at all when a random sample finds that the
 * disk holds something else altogether, so that nobody reads a whole disk of other content only to learn that.
 */
export async function promisingChunks(
  target: DeployTarget,
  plan: DeployPlan,
  candidates: readonly number[],
  random: () => number,
): Promise<readonly number[]> {
  const promising = candidates.filter((number) => {
    const { offsets, length } = plan.chunk(number);
    return offsets.some((offset) => !target.isHole(offset, length));
  });
  if (promising.length <= 2 * FOREIGN_SAMPLE_CHUNKS) return promising;
  for await (const { states } of scanChunks(target, plan, sampleOf(promising, FOREIGN_SAMPLE_CHUNKS, random))) {
    if (states.includes(PlaceState.right)) return promising;
  }
  return [];
}

/** `count` different items, or all, in their order. */
export function sampleOf(items: readonly number[], count: number, random: () => number): number[] {
  const sample: number[] = [];
  for (const [at, item] of items.entries()) {
    // Selection sampling: each of the rest is wanted with the same probability.
    if (random() * (items.length - at) < count - sample.length) sample.push(item);
  }
  return sample;
}

function* batchesOf(
  plan: DeployPlan,
  chunks: Iterable<number>,
): Generator<{ chunks: number[]; places: ChunkPlace[]; bytes: number }, void, undefined> {
  let batch: { chunks: number[]; places: ChunkPlace[]; bytes: number } = { chunks: [], places: [], bytes: 0 };
  for (const chunk of chunks) {
    const places = plan.placesOf(chunk);
    batch.chunks.push(chunk);
    batch.places.push(...places);
    batch.bytes += plan.chunk(chunk).length * places.length;
    if (batch.places.length < BATCH_PLACES) continue;
    yield batch;
    batch = { chunks: [], places: [], bytes: 0 };
  }
  if (batch.chunks.length > 0) yield batch;
}
