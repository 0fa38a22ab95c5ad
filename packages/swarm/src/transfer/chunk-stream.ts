// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { hash } from "node:crypto";
// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { DecodeError } from "@ingot/wire";
import { MAX_CHUNK_BYTES } from "./limits.ts";

/** How a chunk's bytes travel: as they are, or as one Zstandard frame. The numbers are those of packs. */
export const ChunkCodec = { stored: 0, zstd: 1 } as const;
export type ChunkCodec = (typeof ChunkCodec)[keyof typeof ChunkCodec];

/** Bytes in front of each chunk of a chunk stream. */
export const CHUNK_HEADER_BYTES = 8;

/** Media type of a chunk stream. */
export const CHUNK_STREAM_TYPE = "application/vnd.ingot.chunks";

/** What stands in front of a chunk. */
export interface ChunkHeader {
  /** Number of the chunk among the distinct chunks of its manifest. */
  readonly chunk: number;
  readonly codec: ChunkCodec;
  /** Bytes that follow: at most the chunk's plain length, exactly that for `stored`. */
  readonly storedLength: number;
}

/** A chunk as it travels. */
export interface StoredChunk {
  readonly chunk: number;
  readonly codec: ChunkCodec;
  /** A view. */
  readonly payload: Uint8Array;
}

/** What a receiver knows of a stream before it comes. */
export interface ExpectedChunks {
  /** Plain bytes of a chunk. */
  readonly lengthOf: (chunk: number) => number;
  /** The chunks that were asked for, ascending; the stream has to have exactly these. */
  readonly chunks: readonly number[];
}

/**
 * The header of one chunk.
 *
 * ```
 *  0               4       5               8
 * +---------------+-------+---------------+----------------+----
 * | chunk number  | codec | stored length | payload        | next chunk …
 * |      u32      |  u8   |      u24      | stored length  |
 * +---------------+-------+---------------+----------------+----
 * ```
 *
 * Big-endian. A chunk stream is any number of these in ascending order of chunk number, without an end mark: its length is known from
 * what carries it (Content-Length, or the multicast header).
 */
export function encodeChunkHeader(header: ChunkHeader, into: Uint8Array, offset = 0): void {
  const { chunk, codec, storedLength } = header;
  if (storedLength > 0xff_ffff) throw new RangeError(`chunk ${chunk}: ${storedLength} bytes do not fit 24 bits`);
  const view = new DataView(into.buffer, into.byteOffset + offset, CHUNK_HEADER_BYTES);
  view.setUint32(0, chunk);
  view.setUint32(4, codec * 2 ** 24 + storedLength);
}

/** A whole chunk stream in one buffer. */
export function encodeChunkStream(chunks: readonly StoredChunk[]): Uint8Array<ArrayBuffer> {
  const total = chunks.reduce((sum, { payload }) => sum + CHUNK_HEADER_BYTES + payload.length, 0);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const { chunk, codec, payload } of chunks) {
    encodeChunkHeader({ chunk, codec, storedLength: payload.length }, bytes, at);
    bytes.set(payload, at + CHUNK_HEADER_BYTES);
    at += CHUNK_HEADER_BYTES + payload.length;
  }
  return bytes;
}

/**
 * What is moved to the buffer's start whenever a chunk is done with: the rest of one TLS record at most. So the stream goes through as
 * little memory as its chunks need, which stays in the processor's cache.
 */
const CHEAP_MOVE_BYTES: number = 16 * 1024;

const NOTHING: readonly StoredChunk[] = [];

/**
 * Takes a chunk stream apart as it comes, in one buffer that it never grows. The caller reads into `space()`, tells how much with
 * `advance()`, and gets the chunks that are whole now, as views into the buffer. Whatever is not what was asked for throws `DecodeError`
 * `invalid` as soon as its header is there.
 */
export class ChunkStreamDecoder {
  readonly #expected: ExpectedChunks;
  readonly #buffer: Uint8Array;
  readonly #view: DataView;
  /** Which of the expected chunks comes next. */
  #next = 0;
  #start = 0;
  #end = 0;
  /** Bytes of the stream before `#start`. */
  #offset = 0;
  /** Of the chunk at `#start`, once it is there. */
  #header: ChunkHeader | undefined;
  /** Bytes from `#start` on that have to be there before there is anything to do: a header, then its chunk. */
  #wanted: number = CHUNK_HEADER_BYTES;

  /** `buffer`: at least `CHUNK_HEADER_BYTES + MAX_CHUNK_BYTES`; the decoder's until it is done. */
  constructor(expected: ExpectedChunks, buffer: Uint8Array = new Uint8Array(CHUNK_HEADER_BYTES + MAX_CHUNK_BYTES)) {
    this.#expected = expected;
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** Whether every expected chunk has come. */
  get isComplete(): boolean {
    return this.#next === this.#expected.chunks.length;
  }

  /** Where the next bytes go: never empty. Views that `advance` gave before are no longer valid. */
  space(): Uint8Array {
    const isShort = this.#start > 0 && this.#end - this.#start <= CHEAP_MOVE_BYTES;
    if (isShort || this.#start + this.#wanted > this.#buffer.length || this.#end === this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#buffer.subarray(this.#end);
  }

  /** Counts `length` bytes that were put at `space()`, and returns the chunks that are whole now. */
  advance(length: number): readonly StoredChunk[] {
    this.#end += length;
    // Most calls bring one TLS record of a chunk of many.
    if (this.#end - this.#start < this.#wanted) return NOTHING;
    const whole: StoredChunk[] = [];
    while (this.#end - this.#start >= this.#wanted) {
      if (this.#header === undefined) {
        this.#header = decodeChunkHeader(this.#view, this.#start, this.#offset, this.#expected, this.#next);
        this.#wanted = CHUNK_HEADER_BYTES + this.#header.storedLength;
        continue;
      }
      const { chunk, codec } = this.#header;
      const end = this.#start + this.#wanted;
      whole.push({ chunk, codec, payload: this.#buffer.subarray(this.#start + CHUNK_HEADER_BYTES, end) });
      this.#offset += this.#wanted;
      this.#start = end;
      this.#next++;
      this.#header = undefined;
      this.#wanted = CHUNK_HEADER_BYTES;
    }
    return whole;
  }

  /** The same with a copy, for bytes that are elsewhere. Calls `onChunk` with each whole chunk; its view is valid during the call. */
  push(bytes: Uint8Array, onChunk: (chunk: StoredChunk) => void): void {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + this.space().length);
      this.space().set(part);
      at += part.length;
      for (const chunk of this.advance(part.length)) onChunk(chunk);
    }
  }

  /** Throws `DecodeError` `truncated` unless the stream ended where it should. */
  end(): void {
    if (this.isComplete && this.#start === this.#end) return;
    throw new DecodeError("truncated", `ended before chunk ${this.#expected.chunks[this.#next]}`, {
      what: "chunk stream",
      offset: this.#offset + this.#end - this.#start,
    });
  }
}

/** Takes a chunk stream apart that is there as a whole, without copying: the payloads are views. Throws `DecodeError`. */
export function decodeChunkStream(bytes: Uint8Array, expected: ExpectedChunks): StoredChunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: StoredChunk[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + CHUNK_HEADER_BYTES > bytes.length) throw truncated(at, CHUNK_HEADER_BYTES, bytes.length - at);
    const { chunk, codec, storedLength } = decodeChunkHeader(view, at, at, expected, chunks.length);
    const payloadAt = at + CHUNK_HEADER_BYTES;
    if (payloadAt + storedLength > bytes.length) throw truncated(payloadAt, storedLength, bytes.length - payloadAt);
    chunks.push({ chunk, codec, payload: bytes.subarray(payloadAt, payloadAt + storedLength) });
    at = payloadAt + storedLength;
  }
  if (chunks.length < expected.chunks.length) throw truncated(at, CHUNK_HEADER_BYTES, 0);
  return chunks;
}

/** Why a chunk's bytes are not the chunk. */
export class WrongChunkError extends Error {
  override readonly name = "WrongChunkError";
}

/**
 * The plain bytes of a chunk that travelled, verified; a view of the payload where it was stored as it is. What comes out of Zstandard is
 * bounded by `plainLength` whatever the payload claims. Throws `WrongChunkError`.
 */
export function decodeChunk(
  { chunk, codec, payload }: StoredChunk,
  plainLength: number,
  digest: Uint8Array,
): Uint8Array {
  let plain = payload;
  if (codec === ChunkCodec.zstd) {
    try {
      plain = zstdDecompressSync(payload, { chunkSize: plainLength + 64, maxOutputLength: plainLength });
    } catch (cause) {
      throw new WrongChunkError(`chunk ${chunk} does not decompress to ${plainLength} bytes (${String(cause)})`, {
        cause,
      });
    }
  }
  if (plain.length !== plainLength) {
    throw new WrongChunkError(`chunk ${chunk}: got ${plain.length} bytes, expected ${plainLength}`);
  }
  const got = hash("sha256", plain, "buffer");
  if (got.compare(digest) !== 0) {
    throw new WrongChunkError(`chunk ${chunk}: got SHA-256 ${got.toHex()}, expected ${digest.toHex()}`);
  }
  return plain;
}

/** The fastest level: what travels once is not worth more. */
const LEVEL = 1;

/** A chunk for the way: compressed when that saves at least 1/32, else the bytes themselves. */
export function encodeChunk(chunk: number, plain: Uint8Array): StoredChunk {
  const compressed = zstdCompressSync(plain, {
    chunkSize: plain.length + 1024,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  });
  if (compressed.length > plain.length - plain.length / 32) return { chunk, codec: ChunkCodec.stored, payload: plain };
  return { chunk, codec: ChunkCodec.zstd, payload: compressed };
}

function decodeChunkHeader(
  view: DataView,
  at: number,
  streamOffset: number,
  expected: ExpectedChunks,
  index: number,
): ChunkHeader {
  const chunk = view.getUint32(at);
  const word = view.getUint32(at + 4);
  const codec = word >>> 24;
  const storedLength = word & 0xff_ffff;
  const wanted = expected.chunks[index];
  if (wanted === undefined) throw invalid(`chunk ${chunk}, expected no more`, streamOffset);
  if (chunk !== wanted) throw invalid(`chunk ${chunk}, expected chunk ${wanted}`, streamOffset);
  if (codec !== ChunkCodec.stored && codec !== ChunkCodec.zstd) {
    throw invalid(`chunk ${chunk}: codec ${codec}, expected 0 or 1`, streamOffset + 4);
  }
  const plainLength = expected.lengthOf(chunk);
  if (storedLength === 0 || storedLength > plainLength || (codec === ChunkCodec.stored && storedLength < plainLength)) {
    const bound = codec === ChunkCodec.stored ? `${plainLength}` : `1 to ${plainLength}`;
    throw invalid(`chunk ${chunk}: ${storedLength} bytes, expected ${bound}`, streamOffset + 5);
  }
  return { chunk, codec, storedLength };
}

function invalid(message: string, offset: number): DecodeError {
  return new DecodeError("invalid", message, { what: "chunk stream", offset });
}

function truncated(offset: number, wanted: number, available: number): DecodeError {
  return new DecodeError("truncated", `${available} bytes left, expected ${wanted}`, {
    what: "chunk stream",
    offset,
    wanted,
    available,
  });
}
