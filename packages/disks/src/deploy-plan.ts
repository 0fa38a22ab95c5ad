import type { Digest, EmptyExtent, Manifest } from "@ingot/chunks";

/** A distinct chunk of an image, and every place it has there. */
export interface DistinctChunk {
  readonly digest: Digest;
  /** Bytes. */
  readonly length: number;
  /** Bytes from the image's start, ascending; at least one. */
  readonly offsets: readonly number[];
}

/** A byte range that is to hold a chunk. */
export interface ChunkPlace {
  readonly offset: number;
  readonly length: number;
  readonly digest: Digest;
}

/** What has to be on a disk: an image's distinct chunks and its empty extents by number (docs/formats/deployment.md). */
export class DeployPlan {
  readonly sizeBytes: number;
  readonly chunks: readonly DistinctChunk[];
  readonly empties: readonly EmptyExtent[];
  readonly #numbers: ReadonlyMap<Digest, number>;

  private constructor(manifest: Manifest) {
    const chunks: { digest: Digest; length: number; offsets: number[] }[] = [];
    const numbers = new Map<Digest, number>();
    const empties: EmptyExtent[] = [];
    for (const extent of manifest.extents) {
      if (extent.kind !== "chunk") {
        empties.push(extent);
        continue;
      }
      const { digest, length, offset } = extent;
      const number = numbers.get(digest);
      if (number === undefined) {
        numbers.set(digest, chunks.length);
        chunks.push({ digest, length, offsets: [offset] });
      } else {
        chunks[number]?.offsets.push(offset);
      }
    }
    this.sizeBytes = manifest.sizeBytes;
    this.chunks = chunks;
    this.empties = empties;
    this.#numbers = numbers;
  }

  /** The plan of a manifest. */
  static of(manifest: Manifest): DeployPlan {
    return new DeployPlan(manifest);
  }

  /** The chunk's number; undefined when the image does not have it. */
  numberOf(digest: Digest): number | undefined {
    return this.#numbers.get(digest);
  }

  /** RangeError when there is no such chunk. */
  chunk(number: number): DistinctChunk {
    const chunk = this.chunks[number];
    if (chunk === undefined) throw new RangeError(`chunk ${number}: the image has ${this.chunks.length}`);
    return chunk;
  }

  /** Every place of a chunk. */
  placesOf(number: number): ChunkPlace[] {
    const { digest, length, offsets } = this.chunk(number);
    return offsets.map((offset) => ({ offset, length, digest }));
  }
}
