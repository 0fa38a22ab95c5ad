import { ChunkError, type ChunkExtent, type ChunkReader, type Manifest } from "@ingot/chunks";

import type { ReadableDevice } from "./block-device.ts";
import type { ChunkPlaces } from "./boot-trace-recorder.ts";
import { ChunkKeeper } from "./chunk-keeper.ts";
import { DiskError } from "./errors.ts";
import { HaveStore } from "./have-store.ts";
import { MAX_READ_AHEAD_CHUNKS } from "./limits.ts";
import { Prefetch, type PrefetchOptions, type PrefetchReport } from "./prefetch.ts";
import { ReadAhead } from "./read-ahead.ts";
import { type ChunkSource, ReplicaReader } from "./replica-reader.ts";
import type { Volume } from "./volume.ts";

/** How to open a replica. */
export interface ReplicaOptions {
  /** The replica's own directory, used by nobody else. */
  readonly volume: Volume;
  readonly manifest: Manifest;
  /** SHA-256 of the encoded manifest, 64 hexadecimal digits. */
  readonly manifestId: string;
  /** Where missing chunks come from. MUST return verified bytes. */
  readonly reader: ChunkReader;
}

/** How far a replica is filled. */
export interface ReplicaProgress {
  readonly heldChunks: number;
  readonly chunkCount: number;
  readonly heldBytes: number;
  /** Bytes of all chunk extents; the image's other bytes are zeros. */
  readonly dataBytes: number;
}

/** What a replica holds, and what it did since it was opened. */
export interface ReplicaStats extends ReplicaProgress {
  readonly sizeBytes: number;
  readonly fetchedChunks: number;
  /** Chunks fetched ahead of a reader without success; the reader gets the error if it comes that far. */
  readonly failedReadAheads: number;
  /** Why fetched chunks are not kept: the last error in writing the backing. Reads go on without it. */
  readonly lastWriteError: unknown;
}

/** A chunk that could not be had, and where the image needs it. */
export interface UnavailableChunk {
  readonly offset: number;
  readonly digest: string;
  readonly error: ChunkError;
}

/** Options of work on the whole replica. */
export interface ReplicaWork {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReplicaProgress) => void;
}

/**
 * An image as a read-only disk: chunks are fetched when they are first read, verified, kept in a sparse backing file, and
 * remembered in a durable have-map (docs/formats/have-map.md). One replica is shared by all overlays over its image.
 */
export class Replica implements ReadableDevice {
  readonly sizeBytes: number;
  readonly manifestId: string;
  readonly #image: ReplicaReader;
  readonly #store: HaveStore;
  readonly #keeper: ChunkKeeper;
  readonly #source: ChunkSource;
  readonly #readAhead = new ReadAhead(MAX_READ_AHEAD_CHUNKS);
  #failedReadAheads = 0;
  #prefetch: Prefetch | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: ReplicaOptions, image: ReplicaReader, store: HaveStore) {
    const { manifestId, reader } = options;
    this.sizeBytes = image.sizeBytes;
    this.manifestId = manifestId;
    this.#image = image;
    this.#store = store;
    const keeper = new ChunkKeeper(image.chunks, store, reader);
    this.#keeper = keeper;
    this.#source = {
      isHeld: (chunk) => keeper.isHeld(chunk),
      readHeld: (offset, into) => store.backing.read(offset, into),
      bytesOf: (chunk) => this.#bytesOf(chunk),
    };
  }

  /** Opens the replica in `volume`, creating it where there is none. DiskError `wrong-manifest`, `unsupported-version`. */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const { manifest, manifestId, volume } = options;
    const image = new ReplicaReader(manifest);
    const header = { manifestId, sizeBytes: manifest.sizeBytes, chunkCount: image.chunks.length };
    return new Replica(options, image, await HaveStore.open(volume, header));
  }

  /**
   * See ReadableDevice. A chunk that is missing is fetched; concurrent readers share the fetch and are answered from memory.
   * Errors of the chunk reader pass through (`ChunkError` `missing`, `damaged`); the next read tries again.
   */
  read(offset: number, into: Uint8Array): void | Promise<void> {
    this.#refuseIfClosed("read");
    return this.#image.read(this.#source, offset, into);
  }

  /** Chunk extents take up space (whether they are held yet or not), the others do not. */
  isAllocated(offset: number): { allocated: boolean; lengthBytes: number } {
    return this.#image.isAllocated(offset);
  }

  /** Where the image's chunks are. */
  get places(): ChunkPlaces {
    return this.#image;
  }

  /** Which chunks are held, for a `ReplicaView` of this replica on another thread. */
  get chunkStates(): SharedArrayBuffer {
    return this.#keeper.states.memory;
  }

  /**
   * What a `ReplicaView` asks for: the verified bytes of a chunk, or nothing when it is held by now. Goes for a read of it as far
   * as fetching ahead is concerned. MUST NOT be written to. Rejects with what the chunk reader says, and `closed`.
   */
  async provide(chunk: number): Promise<Uint8Array | undefined> {
    this.#refuseIfClosed("read");
    return this.#keeper.isHeld(chunk) ? undefined : this.#bytesOf(chunk);
  }

  /**
   * Brings the chunks of a boot trace near, in its order: held ones into the page cache, missing ones into the backing. While
   * missing ones are fetched, nothing else is fetched ahead of readers. Resolves when it is through, or the replica is
   * closed; what it could not have is no error. One at a time: called while another runs, it gives that one's report.
   */
  async prefetch(chunks: readonly number[], options: PrefetchOptions = {}): Promise<PrefetchReport> {
    this.#refuseIfClosed("prefetch");
    const keeper = this.#keeper;
    this.#prefetch ??= new Prefetch(
      {
        isHeld: (chunk) => keeper.isHeld(chunk),
        lengthOf: (chunk) => keeper.chunks[chunk]?.length ?? 0,
        warm: (chunk) => keeper.warm(chunk),
        fetch: (chunk) => keeper.bytesOf(chunk),
      },
      chunks,
      options,
    );
    const report = await this.#prefetch.done;
    this.#prefetch = undefined;
    return report;
  }

  /**
   * Fetches everything that is missing, in the order of the image, `concurrency` chunks at a time (default 4), and makes it
   * durable. Returns the chunks that the reader does not have, or has only damaged; any other error ends the filling, as
   * does the signal (with its reason). What was fetched until then is kept.
   */
  async fill(options: ReplicaWork & { readonly concurrency?: number } = {}): Promise<UnavailableChunk[]> {
    const unavailable: UnavailableChunk[] = [];
    let hasFailed = false;
    const remaining = this.#keeper.chunks.entries();
    const work = async (): Promise<void> => {
      for (const [chunk, { offset, digest }] of remaining) {
        if (hasFailed) return;
        options.signal?.throwIfAborted();
        this.#refuseIfClosed("fill");
        if (this.#keeper.isHeld(chunk)) continue;
        try {
          await this.#keeper.keep(chunk);
        } catch (error) {
          if (!isUnavailable(error)) throw error;
          unavailable.push({ offset, digest, error });
        }
        options.onProgress?.(this.#progress());
      }
    };
    const workers = Array.from({ length: options.concurrency ?? 4 }, async () => {
      await work().catch((error: unknown) => {
        hasFailed = true;
        throw error;
      });
    });
    const results = await Promise.allSettled(workers);
    for (const result of results) {
      if (result.status === "fulfilled") continue;
      // The error that ended the filling says more than what the flush may add.
      await this.flush().catch(() => undefined);
      throw result.reason;
    }
    await this.flush();
    return unavailable;
  }

  /**
   * Hashes every held chunk again. Those that the backing does not hold as they were written count as missing from then
   * on, durably, and are returned; the next read or `fill` fetches them. What is in the page cache is not read from the
   * disk again.
   */
  async verify(options: ReplicaWork = {}): Promise<ChunkExtent[]> {
    const damaged: ChunkExtent[] = [];
    try {
      for (const [chunk, extent] of this.#keeper.chunks.entries()) {
        options.signal?.throwIfAborted();
        this.#refuseIfClosed("verify");
        if (!this.#keeper.isHeld(chunk)) continue;
        if (!(await this.#keeper.recheck(chunk))) damaged.push(extent);
        options.onProgress?.(this.#progress());
        // Hashing what is in the page cache never waits by itself; readers have to get a turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      await this.flush();
    }
    return damaged;
  }

  /** Makes the have-bits of everything fetched so far durable. DiskError `failed` when that cannot be done any more. */
  flush(): Promise<void> {
    return this.#keeper.flush();
  }

  /** How far it is filled, and what it did. */
  stats(): ReplicaStats {
    return {
      ...this.#progress(),
      sizeBytes: this.sizeBytes,
      fetchedChunks: this.#keeper.fetchedChunks,
      failedReadAheads: this.#failedReadAheads,
      lastWriteError: this.#keeper.lastWriteError,
    };
  }

  /** Ends fetches (their readers get an error), makes durable what is there, closes the files. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    try {
      this.#prefetch?.stop();
      await this.#keeper.close();
    } finally {
      await this.#prefetch?.done;
      await this.#store.close();
    }
  }

  #bytesOf(chunk: number): Uint8Array | Promise<Uint8Array> {
    const bytes = this.#keeper.bytesOf(chunk);
    const prefetch = this.#prefetch;
    if (prefetch !== undefined && !(bytes instanceof Uint8Array)) prefetch.demanded(chunk, bytes);
    if (prefetch?.isFetching !== true) this.#fetchAhead(chunk);
    return bytes;
  }

  #fetchAhead(chunk: number): void {
    const { from, to } = this.#readAhead.touch(chunk);
    for (let ahead = from; ahead < Math.min(to, this.#keeper.chunks.length); ahead++) {
      if (this.#keeper.isHeld(ahead)) continue;
      const fetching = this.#keeper.bytesOf(ahead);
      if (fetching instanceof Uint8Array) continue;
      fetching.catch(() => {
        this.#failedReadAheads += 1;
      });
    }
  }

  #progress(): ReplicaProgress {
    const { chunks, heldChunks, heldBytes, dataBytes } = this.#keeper;
    return { heldChunks, chunkCount: chunks.length, heldBytes, dataBytes };
  }

  #refuseIfClosed(what: string): void {
    if (this.#closing !== undefined) throw new DiskError("closed", `replica: ${what} after close`);
  }
}

function isUnavailable(error: unknown): error is ChunkError {
  return error instanceof ChunkError && (error.code === "missing" || error.code === "damaged");
}
