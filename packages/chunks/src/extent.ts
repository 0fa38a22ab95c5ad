import type { Digest } from "./digest.ts";

/** Content named by its digest. */
export interface ChunkExtent {
  readonly kind: "chunk";
  /** Bytes from the start of the image, a multiple of 512. */
  readonly offset: number;
  /** Bytes, a multiple of 512, at most 1 MiB. */
  readonly length: number;
  readonly digest: Digest;
}

/** A range that reads as zeros, or whose content nobody needs. */
export interface EmptyExtent {
  readonly kind: "zero" | "dontCare";
  readonly offset: number;
  readonly length: number;
}

/** A range of an image. See `docs/formats/manifest.md`. */
export type Extent = ChunkExtent | EmptyExtent;

/**
 * Finds extents by byte offset: binary search over a typed array, 18 steps for 160 000 extents.
 * The extents MUST be sorted, without gaps, from offset 0 (those of a manifest are).
 */
export class ExtentMap {
  readonly extents: readonly Extent[];
  readonly sizeBytes: number;
  readonly #starts: Float64Array;

  constructor(extents: readonly Extent[]) {
    this.extents = extents;
    this.#starts = Float64Array.from(extents, (extent) => extent.offset);
    const last = extents.at(-1);
    this.sizeBytes = last === undefined ? 0 : last.offset + last.length;
  }

  /** Number of the extent that holds the byte; throws `RangeError` outside 0 … sizeBytes - 1. */
  indexAt(offset: number): number {
    if (!(offset >= 0 && offset < this.sizeBytes)) {
      throw new RangeError(`offset ${offset} lies outside the image of ${this.sizeBytes} bytes`);
    }
    const starts = this.#starts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The extent that holds the byte. */
  at(offset: number): Extent {
    const extent = this.extents[this.indexAt(offset)];
    if (extent === undefined) throw new RangeError(`offset ${offset}: no extent`);
    return extent;
  }

  /** The extents that touch the byte range, in order; they reach beyond it at both ends. */
  *within(offset: number, length: number): Generator<Extent, void, undefined> {
    if (length <= 0) return;
    const end = offset + length;
    if (end > this.sizeBytes) {
      throw new RangeError(`range ${offset}+${length} reaches beyond the image of ${this.sizeBytes} bytes`);
    }
    for (let i = this.indexAt(offset); i < this.extents.length; i++) {
      const extent = this.extents[i];
      if (extent === undefined || extent.offset >= end) return;
      yield extent;
    }
  }
}
