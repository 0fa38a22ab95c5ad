import { BLOCK_WORDS, hashBlock, isZeroBlock } from "./block-hash.ts";
import { ChunkError } from "./errors.ts";
import {
  BLOCK_BYTES,
  MAX_CHUNK_BYTES,
  MAX_IMAGE_BYTES,
  MIN_CHUNK_BYTES,
  MIN_ZERO_RUN_BYTES,
  SECTOR_BYTES,
} from "./limits.ts";

/** A block whose hash is below this ends a chunk: one in 48, floor(2^32 / 48). See `docs/formats/pack.md`. */
export const CUT_BELOW = 89_478_485;

const MIN_ZERO_RUN_BLOCKS = MIN_ZERO_RUN_BYTES / BLOCK_BYTES;
const MIN_CHUNK_BLOCKS = MIN_CHUNK_BYTES / BLOCK_BYTES;

/** What the chunker found, in image order and without gaps. */
export type Cut =
  | {
      readonly kind: "chunk";
      readonly offset: number;
      /** The plain bytes; they belong to the receiver, in an ArrayBuffer of their own. */
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "zero" | "dontCare"; readonly offset: number; readonly length: number };

/**
 * Cuts an image into content-defined chunks at 4 KiB boundaries, zero extents, and don't-care extents.
 * Feed ranges in ascending order with `push`; what is not given is zeros. The cuts depend on the content only,
 * not on how it was sliced. The algorithm is a stored-format decision: `docs/formats/pack.md`.
 */
export class Chunker {
  readonly sizeBytes: number;
  /** Where the next byte of the image goes. */
  #position = 0;
  /** The current chunk, followed by the block that is being filled. */
  #buffer: Uint8Array<ArrayBuffer>;
  #words: Uint32Array<ArrayBuffer>;
  /** Whole blocks of the current chunk. */
  #blocks = 0;
  /** Zero blocks seen since, which belong to the chunk only if data follows soon. */
  #zeroBlocks = 0;
  /** Bytes of the block being filled. */
  #partial = 0;
  /** Image offset of the current chunk, or of the zero run when there is no chunk. */
  #start = 0;
  #out: Cut[] = [];

  /** `sizeBytes`: 512 … 2^50, a multiple of 512; else `ChunkError` `invalid-source`. */
  constructor(sizeBytes: number) {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % SECTOR_BYTES !== 0) {
      throw new ChunkError(
        "invalid-source",
        `image size: got ${sizeBytes} bytes, expected a positive multiple of ${SECTOR_BYTES}`,
      );
    }
    if (sizeBytes > MAX_IMAGE_BYTES) {
      throw new ChunkError("too-large", `image size: got ${sizeBytes} bytes, expected at most ${MAX_IMAGE_BYTES}`);
    }
    this.sizeBytes = sizeBytes;
    this.#buffer = new Uint8Array(MAX_CHUNK_BYTES + BLOCK_BYTES);
    this.#words = new Uint32Array(this.#buffer.buffer);
  }

  /** Takes the bytes at `offset` (not before the end of the previous ones) and returns what they completed. The bytes are copied. */
  push(offset: number, bytes: Uint8Array): readonly Cut[] {
    if (!Number.isSafeInteger(offset) || offset < this.#position) {
      throw new ChunkError("invalid-source", `image data at ${offset}: expected at or after ${this.#position}`);
    }
    if (offset + bytes.length > this.sizeBytes) {
      throw new ChunkError(
        "invalid-source",
        `image data at ${offset}: ${bytes.length} bytes reach beyond the size of ${this.sizeBytes}`,
      );
    }
    this.#skipTo(offset);
    this.#take(bytes);
    return this.#drain();
  }

  /**
   * Nobody needs the content of a range: what is whole blocks of it becomes an extent of its own, when there is enough of
   * that, and else zeros. Order and errors as `push`.
   */
  skipDontCare(offset: number, length: number): readonly Cut[] {
    if (
      !Number.isSafeInteger(offset) ||
      offset < this.#position ||
      !(length >= 0) ||
      offset + length > this.sizeBytes
    ) {
      throw new ChunkError(
        "invalid-source",
        `don't-care range at ${offset}: ${length} bytes, expected to lie between ${this.#position} and ${this.sizeBytes}`,
      );
    }
    const start = Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
    const reach = offset + length;
    const end = reach === this.sizeBytes ? reach : Math.floor(reach / BLOCK_BYTES) * BLOCK_BYTES;
    if (end - start < MIN_ZERO_RUN_BYTES) return [];
    this.#skipTo(start);
    if (this.#blocks > 0) this.#cutChunk(this.#blocks * BLOCK_BYTES);
    this.#cutZeros(this.#zeroBlocks * BLOCK_BYTES);
    this.#zeroBlocks = 0;
    this.#out.push({ kind: "dontCare", offset: start, length: end - start });
    this.#start = end;
    this.#position = end;
    return this.#drain();
  }

  /** The rest of the image is zeros; returns the last cuts. Call once. */
  finish(): readonly Cut[] {
    this.#skipTo(this.sizeBytes);
    if (this.#partial > 0) this.#endShortBlock();
    if (this.#blocks > 0) this.#cutChunk(this.#blocks * BLOCK_BYTES);
    this.#cutZeros(this.sizeBytes - this.#start);
    return this.#drain();
  }

  #drain(): readonly Cut[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** Zeros up to `offset`; whole blocks of them are only counted. */
  #skipTo(offset: number): void {
    if (this.#partial > 0) {
      const fill = Math.min(BLOCK_BYTES - this.#partial, offset - this.#position);
      const at = this.#blocks * BLOCK_BYTES + this.#partial;
      this.#buffer.fill(0, at, at + fill);
      this.#advance(fill);
    }
    const whole = Math.floor((offset - this.#position) / BLOCK_BYTES);
    this.#zeroBlocks += whole;
    this.#position += whole * BLOCK_BYTES;
    const rest = offset - this.#position;
    if (rest > 0) {
      const at = this.#blocks * BLOCK_BYTES;
      this.#buffer.fill(0, at, at + rest);
      this.#advance(rest);
    }
  }

  #take(bytes: Uint8Array): void {
    let taken = 0;
    while (taken < bytes.length) {
      const part = Math.min(BLOCK_BYTES - this.#partial, bytes.length - taken);
      this.#buffer.set(bytes.subarray(taken, taken + part), this.#blocks * BLOCK_BYTES + this.#partial);
      taken += part;
      this.#advance(part);
    }
  }

  /** `count` bytes were put into the block being filled. */
  #advance(count: number): void {
    this.#position += count;
    this.#partial += count;
    if (this.#partial === BLOCK_BYTES) {
      this.#partial = 0;
      if (isZeroBlock(this.#words, this.#blocks * BLOCK_WORDS)) this.#zeroBlocks++;
      else this.#addDataBlock();
    }
  }

  /** The block behind the current chunk is data: settle the zeros before it, then add it. */
  #addDataBlock(): void {
    const zeroBlocks = this.#zeroBlocks;
    if (zeroBlocks > 0) {
      const block = this.#buffer.slice(this.#blocks * BLOCK_BYTES, (this.#blocks + 1) * BLOCK_BYTES);
      this.#settleZeros();
      this.#buffer.set(block, this.#blocks * BLOCK_BYTES);
    }
    this.#addBlock();
  }

  /** Data follows the counted zero blocks: they are an extent of their own, or part of the data run. */
  #settleZeros(): void {
    const zeroBlocks = this.#zeroBlocks;
    const runStart = this.#start + this.#blocks * BLOCK_BYTES;
    this.#zeroBlocks = 0;
    if (zeroBlocks >= MIN_ZERO_RUN_BLOCKS || runStart === 0) {
      if (this.#blocks > 0) this.#cutChunk(this.#blocks * BLOCK_BYTES);
      this.#cutZeros(zeroBlocks * BLOCK_BYTES);
      return;
    }
    for (let i = 0; i < zeroBlocks; i++) {
      const at = this.#blocks * BLOCK_BYTES;
      this.#buffer.fill(0, at, at + BLOCK_BYTES);
      this.#addBlock();
    }
  }

  /** The block behind the current chunk joins it; the chunk may end here. */
  #addBlock(): void {
    const block = this.#blocks++;
    const length = this.#blocks * BLOCK_BYTES;
    if (length < MAX_CHUNK_BYTES) {
      if (this.#blocks < MIN_CHUNK_BLOCKS || hashBlock(this.#words, block * BLOCK_WORDS) >= CUT_BELOW) return;
    }
    this.#cutChunk(length);
  }

  /** The image ends inside a block. */
  #endShortBlock(): void {
    const at = this.#blocks * BLOCK_BYTES;
    const block = this.#buffer.slice(at, at + this.#partial);
    this.#partial = 0;
    if (block.every((byte) => byte === 0)) return;
    if (this.#zeroBlocks > 0) this.#settleZeros();
    this.#buffer.set(block, this.#blocks * BLOCK_BYTES);
    this.#cutChunk(this.#blocks * BLOCK_BYTES + block.length);
  }

  /** Gives the first `length` bytes of the buffer away as a chunk. */
  #cutChunk(length: number): void {
    const bytes = this.#buffer.slice(0, length);
    this.#out.push({ kind: "chunk", offset: this.#start, bytes });
    this.#start += length;
    this.#blocks = 0;
  }

  #cutZeros(length: number): void {
    if (length === 0) return;
    this.#out.push({ kind: "zero", offset: this.#start, length });
    this.#start += length;
  }
}
