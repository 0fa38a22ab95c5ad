import type { Digest, Manifest } from "@ingot/chunks";

/** Smallest size that pieces are aimed at, in plain bytes; the largest of images with few pieces, and of those with many. */
const MIN_PIECE_BYTES: number = 512 * 1024;
const COMMON_PIECE_BYTES: number = 2 * 1024 * 1024;
const MAX_PIECE_BYTES: number = 4 * 1024 * 1024;

/**
 * Pieces that an image is aimed to have: enough that doubling costs little (2 % in a room of 24), few enough that what is said about each, some ten messages,
 * costs less processor time than its bytes.
 */
const PIECES_WANTED = 256;

/** Where more would be of no use: doubling among 5,000 machines costs 1 % by then, and at 1 Gbit/s what is said of pieces of 2 MiB takes a tenth of a core. */
const PIECES_ENOUGH = 4096;

/**
 * What the swarm schedules, worked out from a manifest alone: everybody who has the manifest has the same numbers.
 *
 * A *chunk number* counts the distinct digests of a manifest by their first occurrence. A *piece* is a run of consecutive chunk numbers,
 * closed before the chunk that would bring it over `pieceBytes`; so no piece is larger than `pieceBytes`, or one chunk where that is larger.
 */
export class PieceMap {
  readonly chunkCount: number;
  readonly pieceCount: number;
  /** Plain bytes that a piece is aimed at: a power of two, 512 KiB to 4 MiB unless given. */
  readonly pieceBytes: number;
  /** Plain bytes of all chunks, each counted once. */
  readonly plainBytes: number;
  readonly #digests: readonly Digest[];
  readonly #lengths: Uint32Array;
  readonly #offsets: readonly (readonly number[])[];
  /** First chunk of each piece, and behind the last one the chunk count. */
  readonly #starts: Uint32Array;
  readonly #pieceOfChunk: Uint32Array;

  private constructor(manifest: Manifest, pieceBytes: number | undefined) {
    const { digests, lengths, offsets } = distinctChunks(manifest);
    this.#digests = digests;
    this.#lengths = Uint32Array.from(lengths);
    this.#offsets = offsets;
    this.chunkCount = digests.length;
    this.plainBytes = lengths.reduce((sum, length) => sum + length, 0);
    this.pieceBytes = pieceBytes ?? pieceBytesFor(this.plainBytes);
    this.#starts = Uint32Array.from(pieceStarts(lengths, this.pieceBytes));
    this.pieceCount = this.#starts.length - 1;
    this.#pieceOfChunk = new Uint32Array(this.chunkCount);
    for (let piece = 0; piece < this.pieceCount; piece++) {
      this.#pieceOfChunk.fill(piece, this.#starts[piece], this.#starts[piece + 1]);
    }
  }

  /** The pieces of a manifest. Everybody in a swarm MUST use the same `pieceBytes`; leave it out but for tests. */
  static of(manifest: Manifest, pieceBytes?: number): PieceMap {
    if (pieceBytes !== undefined && !(pieceBytes >= 1))
      throw new RangeError(`pieces of ${pieceBytes} bytes: at least 1`);
    return new PieceMap(manifest, pieceBytes);
  }

  /** RangeError for a number that the image does not have; so do the other methods. */
  digestOf(chunk: number): Digest {
    return this.#digests[chunk] ?? this.#noChunk(chunk);
  }

  /** Plain bytes of a chunk. */
  lengthOf(chunk: number): number {
    return this.#lengths[chunk] ?? this.#noChunk(chunk);
  }

  /** Every place of a chunk in the image, in bytes, ascending. */
  offsetsOf(chunk: number): readonly number[] {
    return this.#offsets[chunk] ?? this.#noChunk(chunk);
  }

  /** The chunk numbers of a piece: from `first` up to and without `end`. */
  chunksOf(piece: number): { readonly first: number; readonly end: number } {
    const first = this.#starts[piece];
    const end = this.#starts[piece + 1];
    if (first === undefined || end === undefined)
      throw new RangeError(`piece ${piece}: the image has ${this.pieceCount}`);
    return { first, end };
  }

  pieceOf(chunk: number): number {
    return this.#pieceOfChunk[chunk] ?? this.#noChunk(chunk);
  }

  /** Plain bytes of a piece. */
  plainBytesOf(piece: number): number {
    const { first, end } = this.chunksOf(piece);
    let bytes = 0;
    for (let chunk = first; chunk < end; chunk++) bytes += this.lengthOf(chunk);
    return bytes;
  }

  #noChunk(chunk: number): never {
    throw new RangeError(`chunk ${chunk}: the image has ${this.chunkCount}`);
  }
}

function distinctChunks(manifest: Manifest): { digests: Digest[]; lengths: number[]; offsets: number[][] } {
  const digests: Digest[] = [];
  const lengths: number[] = [];
  const offsets: number[][] = [];
  const numbers = new Map<Digest, number>();
  for (const extent of manifest.extents) {
    if (extent.kind !== "chunk") continue;
    const known = numbers.get(extent.digest);
    if (known !== undefined) {
      offsets[known]?.push(extent.offset);
      continue;
    }
    numbers.set(extent.digest, digests.length);
    digests.push(extent.digest);
    lengths.push(extent.length);
    offsets.push([extent.offset]);
  }
  return { digests, lengths, offsets };
}

/** A power of two: next to 1/256 of the image's data as long as that is little, then 2 MiB, and 4 MiB where more than enough pieces would be smaller. */
function pieceBytesFor(plainBytes: number): number {
  if (plainBytes > PIECES_ENOUGH * COMMON_PIECE_BYTES) return MAX_PIECE_BYTES;
  const wanted = 2 ** Math.round(Math.log2(Math.max(1, plainBytes / PIECES_WANTED)));
  return Math.min(COMMON_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, wanted));
}

function pieceStarts(lengths: readonly number[], pieceBytes: number): number[] {
  const starts: number[] = [];
  let bytes = Infinity;
  for (const [chunk, length] of lengths.entries()) {
    if (bytes + length > pieceBytes) {
      starts.push(chunk);
      bytes = 0;
    }
    bytes += length;
  }
  return [...starts, lengths.length];
}
