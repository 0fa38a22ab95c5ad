import { hash, randomBytes } from "node:crypto";
import { zstdCompressSync } from "node:zlib";
import { DecodeError, bytesFromHex } from "@ingot/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ChunkCodec,
  ChunkStreamDecoder,
  type StoredChunk,
  WrongChunkError,
  decodeChunk,
  decodeChunkStream,
  encodeChunk,
  encodeChunkStream,
} from "./chunk-stream.ts";

const LITERAL = bytesFromHex(
  [
    "00000003", // chunk 3
    "00 000002", // stored as it is, 2 bytes
    "aabb", // payload
    "00000005", // chunk 5
    "01 000003", // zstd, 3 bytes
    "010203", // payload
  ]
    .join("")
    .replaceAll(" ", ""),
);
const LENGTHS = new Map([
  [3, 2],
  [5, 512],
]);
const EXPECTED = { lengthOf: (chunk: number): number => LENGTHS.get(chunk) ?? 0, chunks: [3, 5] };
const CHUNKS: StoredChunk[] = [
  { chunk: 3, codec: ChunkCodec.stored, payload: Uint8Array.of(0xaa, 0xbb) },
  { chunk: 5, codec: ChunkCodec.zstd, payload: Uint8Array.of(1, 2, 3) },
];

function digestOf(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

function decodeInParts(bytes: Uint8Array, partBytes: number, bufferBytes = 600): StoredChunk[] {
  const decoder = new ChunkStreamDecoder(EXPECTED, new Uint8Array(bufferBytes));
  const chunks: StoredChunk[] = [];
  for (let at = 0; at < bytes.length; at += partBytes) {
    decoder.push(bytes.subarray(at, at + partBytes), (chunk) =>
      chunks.push({ ...chunk, payload: chunk.payload.slice() }),
    );
  }
  decoder.end();
  return chunks;
}

describe("a chunk stream", () => {
  it("is these bytes", () => {
    expect(encodeChunkStream(CHUNKS)).toEqual(LITERAL);
    expect(decodeChunkStream(LITERAL, EXPECTED)).toEqual(CHUNKS);
  });

  it("is the same in parts of any size", () => {
    for (let partBytes = 1; partBytes <= LITERAL.length; partBytes++) {
      expect(decodeInParts(LITERAL, partBytes)).toEqual(CHUNKS);
    }
  });

  it("of random chunks comes back, in a buffer that holds one of the largest", () => {
    const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(payloads, fc.integer({ min: 1, max: 400 }), (list, partBytes) => {
        const sent = list.map((payload, index) => ({ chunk: index * 2, codec: ChunkCodec.stored, payload }));
        const expected = {
          lengthOf: (chunk: number) => list[chunk / 2]?.length ?? 0,
          chunks: sent.map(({ chunk }) => chunk),
        };
        const stream = encodeChunkStream(sent);
        const decoder = new ChunkStreamDecoder(expected, new Uint8Array(308));
        const got: StoredChunk[] = [];
        for (let at = 0; at < stream.length; at += partBytes) {
          decoder.push(stream.subarray(at, at + partBytes), (chunk) =>
            got.push({ ...chunk, payload: chunk.payload.slice() }),
          );
        }
        decoder.end();
        expect(got).toEqual(sent);
      }),
    );
  });

  it.each([
    ["a chunk that was not asked for", 3, "04", "invalid"],
    ["an unknown codec", 4, "02", "invalid"],
    ["a stored chunk that is too short", 7, "01", "invalid"],
    ["a stored chunk that is too long", 7, "03", "invalid"],
    ["a length of 16 MiB", 5, "ffffff", "invalid"],
    ["no bytes of Zstandard", 17, "00", "invalid"],
    ["more Zstandard than plain bytes", 16, "0201", "invalid"],
    ["chunks out of order", 13, "02", "invalid"],
  ])("with %s is refused", (_name, at, hex, code) => {
    const bytes = LITERAL.slice();
    bytes.set(bytesFromHex(hex), at);
    expect(() => decodeChunkStream(bytes, EXPECTED)).toThrow(expect.objectContaining({ code }) as Error);
    expect(() => decodeInParts(bytes, 5)).toThrow(DecodeError);
  });

  it("with more than was asked for is refused", () => {
    const bytes = new Uint8Array([...LITERAL, ...LITERAL]);
    expect(() => decodeChunkStream(bytes, EXPECTED)).toThrow(expect.objectContaining({ code: "invalid" }) as Error);
    expect(() => decodeInParts(bytes, 7)).toThrow(expect.objectContaining({ code: "invalid" }) as Error);
  });

  it("that ends early is refused, wherever", () => {
    for (let length = 0; length < LITERAL.length; length++) {
      const truncated = expect.objectContaining({ code: "truncated" }) as Error;
      expect(() => decodeChunkStream(LITERAL.subarray(0, length), EXPECTED)).toThrow(truncated);
      expect(() => decodeInParts(LITERAL.subarray(0, length), 4)).toThrow(truncated);
    }
  });

  it("of any bytes gives chunks or a DecodeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeChunkStream(bytes, EXPECTED);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});

describe("a chunk on its way", () => {
  it("is compressed where that pays, and comes back", () => {
    const text = new Uint8Array(100_000).map((_, index) => index % 61);
    const noise = randomBytes(100_000);
    expect(encodeChunk(1, text).codec).toBe(ChunkCodec.zstd);
    expect(encodeChunk(1, noise)).toEqual({ chunk: 1, codec: ChunkCodec.stored, payload: noise });
    for (const plain of [text, noise]) {
      expect(Buffer.compare(decodeChunk(encodeChunk(1, plain), plain.length, digestOf(plain)), plain)).toBe(0);
    }
  });

  it("that says it is stored is not copied", () => {
    const plain = randomBytes(512);
    expect(decodeChunk({ chunk: 1, codec: ChunkCodec.stored, payload: plain }, 512, digestOf(plain))).toBe(plain);
  });

  it("is refused when one bit is wrong", () => {
    const plain = randomBytes(512);
    const digest = digestOf(plain);
    plain[100] = (plain[100] ?? 0) ^ 4;
    expect(() => decodeChunk({ chunk: 1, codec: ChunkCodec.stored, payload: plain }, 512, digest)).toThrow(
      WrongChunkError,
    );
  });

  it.each([
    ["is no Zstandard", randomBytes(40)],
    ["decompresses to too much", zstdCompressSync(new Uint8Array(100 * 1024 * 1024))],
    ["decompresses to too little", zstdCompressSync(new Uint8Array(511))],
    ["is cut off", zstdCompressSync(new Uint8Array(512)).subarray(0, 10)],
  ])("is refused when it %s", (_name, payload) => {
    const digest = digestOf(new Uint8Array(512));
    expect(() => decodeChunk({ chunk: 1, codec: ChunkCodec.zstd, payload }, 512, digest)).toThrow(WrongChunkError);
  });
});
