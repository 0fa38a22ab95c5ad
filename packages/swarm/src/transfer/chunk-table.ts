import type { PieceMap } from "../piece-map.ts";

/** A chunk table as it goes to a thread: nothing of it is copied. */
export interface SharedChunkTable {
  readonly lengths: Uint32Array<SharedArrayBuffer>;
  readonly digests: Uint8Array<SharedArrayBuffer>;
  readonly places: Float64Array<SharedArrayBuffer>;
  readonly placeStarts: Uint32Array<SharedArrayBuffer>;
  readonly pieceStarts: Uint32Array<SharedArrayBuffer>;
}

const DIGEST_BYTES = 32;

/** What the threads need of a `PieceMap`, in memory that they share: a thread that takes part in an image decodes no manifest. */
export class ChunkTable {
  readonly shared: SharedChunkTable;
  readonly chunkCount: number;
  readonly pieceCount: number;

  constructor(shared: SharedChunkTable) {
    this.shared = shared;
    this.chunkCount = shared.lengths.length;
    this.pieceCount = shared.pieceStarts.length - 1;
  }

  static of(map: PieceMap): ChunkTable {
    const lengths = new Uint32Array(new SharedArrayBuffer(map.chunkCount * 4));
    const digests = new Uint8Array(new SharedArrayBuffer(map.chunkCount * DIGEST_BYTES));
    const placeStarts = new Uint32Array(new SharedArrayBuffer((map.chunkCount + 1) * 4));
    const pieceStarts = new Uint32Array(new SharedArrayBuffer((map.pieceCount + 1) * 4));
    let placeCount = 0;
    for (let chunk = 0; chunk < map.chunkCount; chunk++) {
      lengths[chunk] = map.lengthOf(chunk);
      digests.set(Uint8Array.fromHex(map.digestOf(chunk)), chunk * DIGEST_BYTES);
      placeCount += map.offsetsOf(chunk).length;
      placeStarts[chunk + 1] = placeCount;
    }
    const places = new Float64Array(new SharedArrayBuffer(placeCount * 8));
    for (let chunk = 0; chunk < map.chunkCount; chunk++) places.set(map.offsetsOf(chunk), placeStarts[chunk]);
    for (let piece = 0; piece < map.pieceCount; piece++) pieceStarts[piece + 1] = map.chunksOf(piece).end;
    return new ChunkTable({ lengths, digests, places, placeStarts, pieceStarts });
  }

  /** Plain bytes of a chunk; 0 for one that the image does not have. */
  lengthOf(chunk: number): number {
    return this.shared.lengths[chunk] ?? 0;
  }

  /** SHA-256 of a chunk: a view. */
  digestOf(chunk: number): Uint8Array {
    return this.shared.digests.subarray(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  }

  /** Every place of a chunk in the image, in bytes, ascending: a view. */
  offsetsOf(chunk: number): Float64Array {
    return this.shared.places.subarray(this.shared.placeStarts[chunk], this.shared.placeStarts[chunk + 1]);
  }

  /** The chunks of a piece: from `first` up to and without `end`; none for a piece that the image does not have. */
  chunksOf(piece: number): { readonly first: number; readonly end: number } {
    const first = this.shared.pieceStarts[piece] ?? 0;
    return { first, end: this.shared.pieceStarts[piece + 1] ?? first };
  }
}

/** A set of chunk numbers in memory that threads share. */
export class ChunkBits {
  readonly shared: Uint8Array<SharedArrayBuffer>;

  constructor(shared: Uint8Array<SharedArrayBuffer>) {
    this.shared = shared;
  }

  static empty(chunkCount: number): ChunkBits {
    return new ChunkBits(new Uint8Array(new SharedArrayBuffer(Math.ceil(chunkCount / 8))));
  }

  has(chunk: number): boolean {
    return ((this.shared[chunk >>> 3] ?? 0) & (1 << (chunk & 7))) !== 0;
  }

  add(chunk: number): void {
    Atomics.or(this.shared, chunk >>> 3, 1 << (chunk & 7));
  }

  delete(chunk: number): void {
    Atomics.and(this.shared, chunk >>> 3, ~(1 << (chunk & 7)));
  }
}
