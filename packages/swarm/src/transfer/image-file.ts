import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { SwarmError } from "../errors.ts";
import { ChunkCodec, type StoredChunk, WrongChunkError, decodeChunk, encodeChunk } from "./chunk-stream.ts";
import { ChunkBits, ChunkTable } from "./chunk-table.ts";
import { MAX_OPEN_PACKS } from "./limits.ts";
import type { ThreadImage } from "./messages.ts";
import type { StoredChunkCache } from "./stored-chunk-cache.ts";

const SECTOR_BYTES = 512;

/** A chunk that is about to be sent: bytes in memory, or a stretch of a file. */
export type OutgoingChunk = {
  readonly chunk: number;
  readonly codec: ChunkCodec;
  readonly length: number;
} & (
  | { readonly payload: Uint8Array }
  /** A descriptor, or the path of a pack. */
  | { readonly file: number | string; readonly position: number }
);

/** An image as one thread sees it: where verified chunks are written, and where those that somebody wants are found. */
export class ImageFile {
  readonly manifestId: string;
  readonly table: ChunkTable;
  readonly #image: ThreadImage;
  readonly #held: ChunkBits;
  /** Chunks that came as they are although they might have been compressed: not worth another try. */
  readonly #incompressible: ChunkBits;
  readonly #cache: StoredChunkCache;
  #isClosed = false;

  constructor(image: ThreadImage, cache: StoredChunkCache) {
    this.manifestId = image.manifestId;
    this.table = new ChunkTable(image.table);
    this.#image = image;
    this.#held = new ChunkBits(image.held);
    this.#incompressible = new ChunkBits(image.incompressible);
    this.#cache = cache;
  }

  has(chunk: number): boolean {
    return this.#held.has(chunk);
  }

  /**
   * Verifies a chunk and writes it to every place that it has. Returns false when it was here before, in which case its bytes are not looked
   * at. Throws `SwarmError` `wrong-bytes` or `write-failed`.
   */
  write(stored: StoredChunk): boolean {
    const { chunk, codec, payload } = stored;
    if (this.#held.has(chunk)) return false;
    let plain;
    try {
      plain = decodeChunk(stored, this.table.lengthOf(chunk), this.table.digestOf(chunk));
    } catch (error) {
      if (!(error instanceof WrongChunkError)) throw error;
      throw new SwarmError("wrong-bytes", error.message, { chunk, cause: error });
    }
    for (const offset of this.table.offsetsOf(chunk)) this.#writeAt(plain, offset, chunk);
    if (codec === ChunkCodec.stored) this.#incompressible.add(chunk);
    else this.#cache.put(this.#image.cachePlaces, chunk, payload);
    this.#held.add(chunk);
    return true;
  }

  /** From now on the descriptor is not touched. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * The chunk for sending: from the cache, else from the target, compressed if that pays. Throws `SwarmError` `read-failed`, `closed`.
   */
  outgoing(chunk: number): OutgoingChunk {
    if (this.#isClosed) throw new SwarmError("closed", "the image was closed");
    const { disk, cachePlaces } = this.#image;
    if (disk === undefined) throw new TypeError(`image ${this.manifestId} is not on a disk`);
    const length = this.table.lengthOf(chunk);
    const [offset = 0] = this.table.offsetsOf(chunk);
    const plain = { chunk, codec: ChunkCodec.stored, length, file: disk.fd, position: disk.offset + offset };
    if (this.#incompressible.has(chunk)) return plain;
    const cached = this.#cache.get(cachePlaces, chunk);
    if (cached !== undefined) return { chunk, codec: ChunkCodec.zstd, length: cached.length, payload: cached };
    const bytes = new Uint8Array(length);
    readFully(disk.fd, bytes, plain.position);
    const { codec, payload } = encodeChunk(chunk, bytes);
    if (codec === ChunkCodec.stored) this.#incompressible.add(chunk);
    else this.#cache.put(cachePlaces, chunk, payload);
    return { chunk, codec, length: payload.length, payload };
  }

  #writeAt(bytes: Uint8Array, offset: number, chunk: number): void {
    const { disk } = this.#image;
    if (disk === undefined) throw new TypeError(`image ${this.manifestId} cannot be written: it is a store's`);
    for (let done = 0; done < bytes.length;) {
      try {
        done += writeSync(disk.fd, bytes, done, bytes.length - done, disk.offset + offset + done);
      } catch (error) {
        const lba = Math.floor((disk.offset + offset + done) / SECTOR_BYTES);
        const errno = codeOf(error);
        throw new SwarmError("write-failed", `writing chunk ${chunk} at sector ${lba}: ${errno}`, {
          chunk,
          lba,
          errno,
          cause: error,
        });
      }
    }
  }
}

/** Fills `into` from the file; throws `SwarmError` `read-failed`, also where the file ends too early. */
export function readFully(fd: number, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length;) {
    let count;
    try {
      count = readSync(fd, into, done, into.length - done, position + done);
    } catch (error) {
      const lba = Math.floor((position + done) / SECTOR_BYTES);
      throw new SwarmError("read-failed", `reading at byte ${position + done}: ${codeOf(error)}`, {
        lba,
        errno: codeOf(error),
        cause: error,
      });
    }
    if (count === 0) throw new SwarmError("read-failed", `file ends at byte ${position + done}`);
    done += count;
  }
}

/** The pack files that a thread has open; those used longest ago are closed. */
export class OpenPacks {
  readonly #descriptors = new Map<string, number>();

  /** The descriptor, valid until the next call. Throws `SwarmError` `read-failed`. */
  open(path: string): number {
    let fd = this.#descriptors.get(path);
    this.#descriptors.delete(path);
    try {
      fd ??= openSync(path, "r");
    } catch (error) {
      throw new SwarmError("read-failed", `opening ${path}: ${codeOf(error)}`, { errno: codeOf(error), cause: error });
    }
    for (const [oldest, descriptor] of this.#descriptors) {
      if (this.#descriptors.size < MAX_OPEN_PACKS) break;
      closeSync(descriptor);
      this.#descriptors.delete(oldest);
    }
    this.#descriptors.set(path, fd);
    return fd;
  }

  close(): void {
    for (const fd of this.#descriptors.values()) closeSync(fd);
    this.#descriptors.clear();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
