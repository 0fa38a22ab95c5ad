import type { Manifest } from "@ingot/chunks";

import type { ReadableDevice } from "./block-device.ts";
import type { ChunkPlaces } from "./boot-trace-recorder.ts";
import { ChunkStates } from "./chunk-states.ts";
import { DiskError } from "./errors.ts";
import { BACKING_NAME } from "./have-store.ts";
import { MAX_PROVIDED_CHUNKS } from "./limits.ts";
import { type ChunkSource, ReplicaReader } from "./replica-reader.ts";
import type { DurableFile, ReadOnlyVolume } from "./volume.ts";

/** How to look at a replica that another thread owns. */
export interface ReplicaViewOptions {
  /** The replica's own directory. */
  readonly volume: ReadOnlyVolume;
  readonly manifest: Manifest;
  /** The owner's `Replica.chunkStates`. */
  readonly chunkStates: SharedArrayBuffer;
  /**
   * Asks the owner's `Replica.provide` for a chunk, by its number among the manifest's chunk extents: its verified bytes, which
   * are the view's from then on, or nothing when it is held by now.
   */
  readonly provide: (chunk: number) => Promise<Uint8Array | undefined>;
  /** Tells the owner, once, that the view is closed. */
  readonly onClose?: () => void | Promise<void>;
}

/**
 * A replica as a thread sees it that does not own it. What is held is read from the backing file here, without asking anybody;
 * what is missing is asked of the owner, which fetches, verifies and keeps it. Whether a chunk is held is looked up in shared
 * memory at each read: the owner may find it damaged at any time.
 */
export class ReplicaView implements ReadableDevice {
  readonly sizeBytes: number;
  readonly #options: ReplicaViewOptions;
  readonly #image: ReplicaReader;
  readonly #backing: Pick<DurableFile, "read" | "close" | "noteCached">;
  readonly #source: ChunkSource;
  /** Asked for now; readers of one chunk share the answer. */
  readonly #asked = new Map<number, Promise<Uint8Array | undefined>>();
  /** Answered lately, and perhaps not in the backing yet. The oldest go first. */
  readonly #provided = new Map<number, Uint8Array>();
  readonly #states: ChunkStates;
  /** Entries of the log of warm chunks that were looked at. */
  #warmCount = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: ReplicaViewOptions, backing: Pick<DurableFile, "read" | "close" | "noteCached">) {
    this.#options = options;
    this.#image = new ReplicaReader(options.manifest);
    this.sizeBytes = this.#image.sizeBytes;
    this.#backing = backing;
    const states = ChunkStates.over(options.chunkStates);
    this.#states = states;
    this.#source = {
      isHeld: (chunk) => states.isHeld(chunk),
      readHeld: (offset, into) => {
        if (states.warmCount !== this.#warmCount) this.#learnWarm();
        return this.#backing.read(offset, into);
      },
      bytesOf: (chunk) => this.#bytesOf(chunk),
    };
  }

  /** Opens the backing file; the owner MUST have the replica open as long as the view is. */
  static async open(options: ReplicaViewOptions): Promise<ReplicaView> {
    return new ReplicaView(options, await options.volume.openReadOnly(BACKING_NAME));
  }

  /** Where the image's chunks are. */
  get places(): ChunkPlaces {
    return this.#image;
  }

  /** See ReadableDevice. What the owner answers with an error passes through; the next read asks again. */
  read(offset: number, into: Uint8Array): void | Promise<void> {
    if (this.#closing !== undefined) throw new DiskError("closed", "replica view: read after close");
    return this.#image.read(this.#source, offset, into);
  }

  /** Chunk extents take up space (whether they are held yet or not), the others do not. */
  isAllocated(offset: number): { allocated: boolean; lengthBytes: number } {
    return this.#image.isAllocated(offset);
  }

  /** Closes the file and tells the owner. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    await Promise.allSettled(this.#asked.values());
    await this.#backing.close();
    await this.#options.onClose?.();
  }

  /** What the owner has just read or written is in the page cache, which all threads share: it can be read at once. */
  #learnWarm(): void {
    const since = this.#warmCount;
    this.#warmCount = this.#states.warmCount;
    for (const chunk of this.#states.warmSince(since)) {
      const extent = this.#image.chunks[chunk];
      if (extent !== undefined) this.#backing.noteCached?.(extent.offset, extent.length);
    }
  }

  #bytesOf(chunk: number): Uint8Array | Promise<Uint8Array | undefined> {
    const provided = this.#provided.get(chunk);
    if (provided !== undefined) return provided;
    const asking = this.#asked.get(chunk) ?? this.#ask(chunk).finally(() => this.#asked.delete(chunk));
    this.#asked.set(chunk, asking);
    return asking;
  }

  async #ask(chunk: number): Promise<Uint8Array | undefined> {
    const bytes = await this.#options.provide(chunk);
    if (bytes === undefined) return undefined;
    this.#provided.set(chunk, bytes);
    if (this.#provided.size > MAX_PROVIDED_CHUNKS) {
      const [oldest] = this.#provided.keys();
      if (oldest !== undefined) this.#provided.delete(oldest);
    }
    return bytes;
  }
}
