import { type ChunkExtent, ExtentMap, type Manifest } from "@ingot/chunks";

import { checkRange } from "./block-device.ts";
import type { ChunkPlaces } from "./boot-trace-recorder.ts";
import { type Part, runParts } from "./parts.ts";

/** Where a {@link ReplicaReader} finds the bytes of chunks. Chunks go by their number among the manifest's chunk extents. */
export interface ChunkSource {
  /** Whether the chunk can be read from the backing now. */
  isHeld(chunk: number): boolean;
  /** Reads what is held, from the image's offset; neighbouring chunks at once. */
  readHeld(offset: number, into: Uint8Array): void | Promise<void>;
  /** The bytes of a chunk that is not held, or nothing when it is held meanwhile. MUST NOT be written to. */
  bytesOf(chunk: number): Uint8Array | Promise<Uint8Array | undefined>;
}

const NO_CHUNK = -1;

/** Reads of an image by its manifest: which chunks a range touches, what is zeros, what lies side by side in the backing. */
export class ReplicaReader implements ChunkPlaces {
  readonly sizeBytes: number;
  /** The chunk extents, by their number. */
  readonly chunks: readonly ChunkExtent[];
  readonly #extents: ExtentMap;
  /** For each extent its number among the chunk extents, or NO_CHUNK. */
  readonly #chunkNumbers: Int32Array;

  constructor(manifest: Manifest) {
    this.sizeBytes = manifest.sizeBytes;
    this.chunks = manifest.extents.filter((extent): extent is ChunkExtent => extent.kind === "chunk");
    this.#extents = new ExtentMap(manifest.extents);
    let next = 0;
    this.#chunkNumbers = Int32Array.from(manifest.extents, ({ kind }) => (kind === "chunk" ? next++ : NO_CHUNK));
  }

  /** See ReadableDevice. */
  read(source: ChunkSource, offset: number, into: Uint8Array): void | Promise<void> {
    checkRange("replica: read", this.sizeBytes, offset, into.length);
    if (into.length === 0) return;
    const end = offset + into.length;
    const first = this.indexAt(offset);
    if (end <= this.endOf(first)) return this.#readPiece(source, this.chunkAt(first), offset, into);
    const parts: Part[] = [];
    for (let index = first, from = offset; from < end;) {
      const chunk = this.chunkAt(index);
      // What is held lies side by side in the backing and is read at once.
      if (this.#isHeld(source, index)) while (this.endOf(index) < end && this.#isHeld(source, index + 1)) index += 1;
      const at = from;
      const piece = into.subarray(at - offset, Math.min(this.endOf(index), end) - offset);
      parts.push(() => this.#readPiece(source, chunk, at, piece));
      from += piece.length;
      index += 1;
    }
    return runParts(parts);
  }

  /** Chunk extents take up space (whether they are held yet or not), the others do not. */
  isAllocated(offset: number): { allocated: boolean; lengthBytes: number } {
    const index = this.indexAt(offset);
    return { allocated: this.chunkAt(index) !== NO_CHUNK, lengthBytes: this.endOf(index) - offset };
  }

  /** See ChunkPlaces. */
  get chunkCount(): number {
    return this.chunks.length;
  }

  /** See ChunkPlaces. */
  indexAt(offset: number): number {
    return this.#extents.indexAt(offset);
  }

  /** See ChunkPlaces. */
  chunkAt(index: number): number {
    return this.#chunkNumbers[index] ?? NO_CHUNK;
  }

  /** See ChunkPlaces. */
  endOf(index: number): number {
    const extent = this.#extents.extents[index];
    return extent === undefined ? this.sizeBytes : extent.offset + extent.length;
  }

  /** Reads within one extent, or within neighbouring held ones whose first is `chunk`. */
  #readPiece(source: ChunkSource, chunk: number, offset: number, into: Uint8Array): void | Promise<void> {
    if (chunk === NO_CHUNK) {
      into.fill(0);
      return;
    }
    if (source.isHeld(chunk)) return source.readHeld(offset, into);
    const bytes = source.bytesOf(chunk);
    const at = offset - (this.chunks[chunk]?.offset ?? 0);
    if (bytes instanceof Uint8Array) into.set(bytes.subarray(at, at + into.length));
    else return bytes.then((found) => this.#fill(source, found, offset, at, into));
  }

  #fill(
    source: ChunkSource,
    found: Uint8Array | undefined,
    offset: number,
    at: number,
    into: Uint8Array,
  ): void | Promise<void> {
    if (found === undefined) return source.readHeld(offset, into);
    into.set(found.subarray(at, at + into.length));
  }

  #isHeld(source: ChunkSource, index: number): boolean {
    const chunk = this.chunkAt(index);
    return chunk !== NO_CHUNK && source.isHeld(chunk);
  }
}
