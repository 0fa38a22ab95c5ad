/** What is known of a chunk of a replica. */
export const ChunkState = {
  missing: 0,
  /** The have-map was damaged here: the backing is looked at before the chunk is fetched. */
  unknown: 1,
  /** Found damaged in the backing, and its have-bit not yet cleared: fetched and served, but not written. */
  damaged: 2,
  /** In the backing; the have-bit may still be waiting for the next commit. */
  held: 3,
} as const;
/** One of the values of `ChunkState`. */
export type ChunkState = (typeof ChunkState)[keyof typeof ChunkState];

/** Entries of the log of warm chunks that are kept: 1 GiB of chunks of average size. */
const WARM_ENTRIES = 4096;
/** The count of entries ever made, then the entries. */
const WARM_LOG_BYTES = (1 + WARM_ENTRIES) * 4;

/**
 * The states of a replica's chunks, by their number among the manifest's chunk extents, in memory that threads share. The
 * replica's owner alone changes them, and sets `held` only when the bytes are in the backing file; everybody else looks at
 * each read anew, because what was held may be found damaged.
 *
 * Beside them a log of the chunks that the owner has just read from the backing, or written to it: they are in the page cache
 * for everybody. A hint; who reads it while it is written may see another chunk.
 */
export class ChunkStates {
  /** The log, then one byte a chunk; to be passed to `ChunkStates.over` in another thread. */
  readonly memory: SharedArrayBuffer;
  readonly #warm: Int32Array<SharedArrayBuffer>;
  readonly #states: Uint8Array<SharedArrayBuffer>;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#warm = new Int32Array(memory, 0, 1 + WARM_ENTRIES);
    this.#states = new Uint8Array(memory, WARM_LOG_BYTES);
  }

  /** States for `chunkCount` chunks, all `missing`. */
  static of(chunkCount: number): ChunkStates {
    return new ChunkStates(new SharedArrayBuffer(WARM_LOG_BYTES + chunkCount));
  }

  /** The states that another thread made. */
  static over(memory: SharedArrayBuffer): ChunkStates {
    return new ChunkStates(memory);
  }

  /** Chunks outside of the image are `missing`. */
  get(chunk: number): ChunkState {
    return chunk < this.#states.length ? (Atomics.load(this.#states, chunk) as ChunkState) : ChunkState.missing;
  }

  /** For the owner alone. */
  set(chunk: number, state: ChunkState): void {
    Atomics.store(this.#states, chunk, state);
  }

  /** Whether the chunk can be read from the backing. */
  isHeld(chunk: number): boolean {
    return this.get(chunk) === ChunkState.held;
  }

  /** Chunks that were ever logged as warm. */
  get warmCount(): number {
    return Atomics.load(this.#warm, 0);
  }

  /** For the owner alone: the chunk's bytes are in the page cache now. */
  noteWarm(chunk: number): void {
    const count = this.warmCount;
    Atomics.store(this.#warm, 1 + (count % WARM_ENTRIES), chunk);
    Atomics.store(this.#warm, 0, count + 1);
  }

  /** The chunks that were logged after the first `count`, as far as they are kept. */
  *warmSince(count: number): Generator<number, void, undefined> {
    const end = this.warmCount;
    for (let entry = Math.max(count, end - WARM_ENTRIES); entry < end; entry++) {
      yield Atomics.load(this.#warm, 1 + (entry % WARM_ENTRIES));
    }
  }
}
