import { type ChunkExtent, type ChunkReader, sha256 } from "@ingot/chunks";

import { ChunkState, ChunkStates } from "./chunk-states.ts";
import { DiskError } from "./errors.ts";
import { GroupCommit } from "./group-commit.ts";
import type { HaveStore } from "./have-store.ts";
import { HAVE_COMMIT_BYTES, MAX_WRITE_BEHIND_BYTES } from "./limits.ts";

/**
 * The chunks of one replica: fetches each at most once at a time, serves it from memory, writes it behind, and sets its
 * have-bit when it is durable. Chunks go by their number among the manifest's chunk extents.
 */
export class ChunkKeeper {
  readonly chunks: readonly ChunkExtent[];
  readonly dataBytes: number;
  readonly #store: HaveStore;
  readonly #reader: ChunkReader;
  /** Shared with whoever reads the backing beside this. */
  readonly states: ChunkStates;
  readonly #fetching = new Map<number, Promise<Uint8Array>>();
  readonly #writing = new Map<number, { bytes: Uint8Array; done: Promise<void> }>();
  readonly #commits = new GroupCommit(() => this.#commit());
  readonly #abort = new AbortController();
  #uncommitted: number[] = [];
  #uncommittedBytes = 0;
  #damaged: number[] = [];
  #writingBytes = 0;
  #heldChunks = 0;
  #heldBytes = 0;
  #fetchedChunks = 0;
  #lastWriteError: unknown;
  #failure: DiskError | undefined;

  constructor(chunks: readonly ChunkExtent[], store: HaveStore, reader: ChunkReader) {
    this.chunks = chunks;
    this.#store = store;
    this.#reader = reader;
    this.states = ChunkStates.of(chunks.length);
    for (const chunk of chunks.keys()) this.states.set(chunk, ChunkState[store.answer(chunk)]);
    this.dataBytes = chunks.reduce((sum, { length }) => sum + length, 0);
    for (const [chunk, { length }] of chunks.entries()) if (this.isHeld(chunk)) this.#countHeld(1, length);
  }

  /** Chunks in the backing. */
  get heldChunks(): number {
    return this.#heldChunks;
  }

  /** Bytes of the chunks in the backing. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Chunks that came from the reader. */
  get fetchedChunks(): number {
    return this.#fetchedChunks;
  }

  /** Why the last chunk that could not be written was not. */
  get lastWriteError(): unknown {
    return this.#lastWriteError;
  }

  /** Whether the chunk can be read from the backing. */
  isHeld(chunk: number): boolean {
    return this.states.get(chunk) === ChunkState.held;
  }

  /** The verified bytes of a chunk that is not held: from memory at once, otherwise fetched. MUST NOT be written to. */
  bytesOf(chunk: number): Uint8Array | Promise<Uint8Array> {
    const writing = this.#writing.get(chunk);
    if (writing !== undefined) return writing.bytes;
    const fetching = this.#fetching.get(chunk) ?? this.#obtain(chunk).finally(() => this.#fetching.delete(chunk));
    this.#fetching.set(chunk, fetching);
    return fetching;
  }

  /** Resolves when the chunk is in the backing. Rejects with the error of fetching or writing it. */
  async keep(chunk: number): Promise<void> {
    if (this.states.get(chunk) === ChunkState.damaged) await this.flush();
    if (this.isHeld(chunk)) return;
    await this.bytesOf(chunk);
    await this.#writing.get(chunk)?.done;
    if (!this.isHeld(chunk)) throw this.#failure ?? this.#lastWriteError;
  }

  /** Brings a held chunk into the page cache, if it is not there. */
  async warm(chunk: number): Promise<void> {
    const { offset, length } = this.#extent(chunk);
    const { backing } = this.#store;
    if (backing.bringIn === undefined) await backing.read(offset, new Uint8Array(length));
    else await backing.bringIn(offset, length);
    this.states.noteWarm(chunk);
  }

  /** Whether a held chunk is undamaged in the backing; otherwise it is not held any more, durably after `flush`. */
  async recheck(chunk: number): Promise<boolean> {
    if ((await this.#fromBacking(chunk)) !== undefined) return true;
    if (this.isHeld(chunk)) {
      this.states.set(chunk, ChunkState.damaged);
      this.#countHeld(-1, -this.#extent(chunk).length);
      this.#damaged.push(chunk);
    }
    return false;
  }

  /** Makes the have-bits of what is held durable, and those of damaged chunks cleared. DiskError `failed`. */
  flush(): Promise<void> {
    return this.#commits.run();
  }

  /** Ends all fetches, makes durable what is there. The files stay open. */
  async close(): Promise<void> {
    this.#abort.abort(new DiskError("closed", "replica: closed while a chunk was fetched"));
    await Promise.allSettled(this.#fetching.values());
    await Promise.all([...this.#writing.values()].map(({ done }) => done));
    if (this.#failure === undefined) await this.flush();
  }

  async #obtain(chunk: number): Promise<Uint8Array> {
    const { digest, length } = this.#extent(chunk);
    while (this.#writingBytes > MAX_WRITE_BEHIND_BYTES) {
      await Promise.race([...this.#writing.values()].map(({ done }) => done));
    }
    if (this.states.get(chunk) === ChunkState.unknown) {
      const found = await this.#fromBacking(chunk);
      if (found !== undefined) {
        this.#markHeld(chunk);
        return found;
      }
      this.states.set(chunk, ChunkState.missing);
    }
    const bytes = await this.#reader.readChunk(digest, this.#abort.signal);
    if (bytes.length !== length) {
      throw new DiskError(
        "damaged-chunk",
        `replica: chunk ${digest} has ${bytes.length} bytes, the manifest ${length}`,
      );
    }
    this.#fetchedChunks += 1;
    if (this.states.get(chunk) === ChunkState.missing) {
      this.#writingBytes += length;
      // Not in this turn: the write removes this entry when it is done, which may be at once.
      const done = Promise.resolve().then(() => this.#writeBehind(chunk, bytes));
      this.#writing.set(chunk, { bytes, done });
    }
    return bytes;
  }

  async #writeBehind(chunk: number, bytes: Uint8Array): Promise<void> {
    try {
      await this.#store.backing.write(this.#extent(chunk).offset, bytes);
      this.#markHeld(chunk);
      this.states.noteWarm(chunk);
    } catch (error) {
      // The chunk stays missing and its readers have been served; `fill` and the statistics tell the error.
      this.#lastWriteError = error;
    } finally {
      this.#writingBytes -= bytes.length;
      this.#writing.delete(chunk);
    }
  }

  async #fromBacking(chunk: number): Promise<Uint8Array | undefined> {
    const { offset, length, digest } = this.#extent(chunk);
    const bytes = new Uint8Array(length);
    await this.#store.backing.read(offset, bytes);
    return sha256(bytes) === digest ? bytes : undefined;
  }

  #markHeld(chunk: number): void {
    const { length } = this.#extent(chunk);
    this.states.set(chunk, ChunkState.held);
    this.#countHeld(1, length);
    this.#uncommitted.push(chunk);
    this.#uncommittedBytes += length;
    if (this.#uncommittedBytes < HAVE_COMMIT_BYTES) return;
    this.#uncommittedBytes = 0;
    // Its failure stays in `#failure`, for everybody who calls `flush`.
    this.flush().catch(() => undefined);
  }

  #countHeld(chunks: number, bytes: number): void {
    this.#heldChunks += chunks;
    this.#heldBytes += bytes;
  }

  async #commit(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const written = this.#uncommitted;
    const damaged = this.#damaged;
    this.#uncommitted = [];
    this.#damaged = [];
    this.#uncommittedBytes = 0;
    try {
      if (written.length > 0) await this.#store.backing.sync();
      for (const chunk of written) if (this.isHeld(chunk)) this.#store.set(chunk);
      for (const chunk of damaged) this.#store.clear(chunk);
      await this.#store.save();
    } catch (cause) {
      const what = "replica: a sync failed; what is fetched from now on is not remembered until it is reopened";
      this.#failure = new DiskError("failed", what, { cause });
      throw this.#failure;
    }
    // Only now may they be written again: no crash can leave their old bit over bytes half written.
    for (const chunk of damaged) this.states.set(chunk, ChunkState.missing);
  }

  #extent(chunk: number): ChunkExtent {
    const extent = this.chunks[chunk];
    if (extent === undefined) throw new RangeError(`replica: no chunk ${chunk}, the image has ${this.chunks.length}`);
    return extent;
  }
}
