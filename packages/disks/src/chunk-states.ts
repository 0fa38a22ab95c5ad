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

/**
 * The states of a replica's chunks, by their number among the manifest's chunk extents, in memory that threads share. The
 * replica's owner alone changes them, and sets `held` only when the bytes are in the backing file; everybody else looks at
 * each read anew, because what was held may be found damaged.
 */
export class ChunkStates {
  /** One byte a chunk; to be passed to `ChunkStates.over` in another thread. */
  readonly memory: SharedArrayBuffer;
  readonly #states: Uint8Array<SharedArrayBuffer>;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#states = new Uint8Array(memory);
  }

  /** States for `chunkCount` chunks, all `missing`. */
  static of(chunkCount: number): ChunkStates {
    return new ChunkStates(new SharedArrayBuffer(chunkCount));
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
}
