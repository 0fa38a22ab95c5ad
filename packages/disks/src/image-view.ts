import type { Manifest } from "@ingot/chunks";

import type { ByteReader } from "./used-blocks/byte-reader.ts";

/** Where the bytes of an image are found, chunk by chunk. */
export interface ImageSources {
  /** The disk, for what stands there as the image has it. */
  readonly disk: ByteReader;
  /** At which offsets the disk holds something else than its chunk. */
  readonly wrong: ReadonlySet<number>;
  /** What was fetched of these, at the same offsets. */
  readonly fetched: ByteReader;
  /** At which offsets it was. */
  readonly isFetched: (offset: number) => boolean;
}

/**
 * An image as it was made, put together from a disk that still holds most of it and from what was fetched of the rest. Zeros also where nobody cares
 * what there is, and behind the end. RangeError for a chunk that is in neither place.
 */
export class ImageView implements ByteReader {
  readonly sizeBytes: number;
  readonly #extents: Manifest["extents"];
  readonly #sources: ImageSources;

  /** `sizeBytes`: of the whole view, zeros behind the image. */
  constructor(manifest: Manifest, sizeBytes: number, sources: ImageSources) {
    this.sizeBytes = sizeBytes;
    this.#extents = manifest.extents;
    this.#sources = sources;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    into.fill(0);
    const end = offset + into.length;
    const { disk, wrong, fetched, isFetched } = this.#sources;
    for (let at = this.#extentAt(offset); at < this.#extents.length; at++) {
      const extent = this.#extents[at];
      if (extent === undefined || extent.offset >= end) return;
      if (extent.kind !== "chunk") continue;
      const isWrong = wrong.has(extent.offset);
      if (isWrong && !isFetched(extent.offset)) throw new RangeError(`the chunk at byte ${extent.offset} is not here`);
      const from = Math.max(offset, extent.offset);
      const to = Math.min(end, extent.offset + extent.length);
      await (isWrong ? fetched : disk).read(from, into.subarray(from - offset, to - offset));
    }
  }

  /** Place of the extent that holds a byte. */
  #extentAt(offset: number): number {
    let [low, high] = [0, this.#extents.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const extent = this.#extents[middle];
      if (extent !== undefined && extent.offset + extent.length > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
