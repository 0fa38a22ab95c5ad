import { type Extent, type Manifest, sha256 } from "@ingot/chunks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PieceMap } from "./piece-map.ts";

const KIB = 1024;

/** An image of chunks: name of the content and length, one after the other; no name is zeros. */
function imageOf(...parts: readonly (readonly [string, number])[]): Manifest {
  let offset = 0;
  const extents = parts.map(([name, length]): Extent => {
    const at = offset;
    offset += length;
    if (name === "") return { kind: "zero", offset: at, length };
    return { kind: "chunk", offset: at, length, digest: sha256(new TextEncoder().encode(name)) };
  });
  return { formatVersion: 1, sizeBytes: offset, sectorBytes: 512, partitions: undefined, extents };
}

test("chunks are numbered by their first place, and a content that comes twice is one chunk with two places", () => {
  const map = PieceMap.of(imageOf(["a", 512], ["", 4096], ["b", 1024], ["a", 512]));
  expect([map.chunkCount, map.pieceCount, map.plainBytes]).toEqual([2, 1, 1536]);
  expect(map.digestOf(1)).toBe(sha256(new TextEncoder().encode("b")));
  expect([map.lengthOf(0), map.lengthOf(1)]).toEqual([512, 1024]);
  expect([map.offsetsOf(0), map.offsetsOf(1)]).toEqual([[0, 5632], [4608]]);
});

test("a piece ends before the chunk that would make it too large; a chunk that is too large is a piece of its own", () => {
  const map = PieceMap.of(imageOf(["a", 1024], ["b", 1024], ["c", 512], ["d", 8192], ["e", 512]), 2048);
  const pieces = Array.from({ length: map.pieceCount }, (_unused, piece) => map.chunksOf(piece));
  expect(pieces).toEqual([
    { first: 0, end: 2 },
    { first: 2, end: 3 },
    { first: 3, end: 4 },
    { first: 4, end: 5 },
  ]);
  expect([0, 1, 2, 3, 4].map((chunk) => map.pieceOf(chunk))).toEqual([0, 0, 1, 2, 3]);
  expect([0, 1, 2, 3].map((piece) => map.plainBytesOf(piece))).toEqual([2048, 512, 8192, 512]);
});

test("an image without data has no pieces", () => {
  const map = PieceMap.of(imageOf(["", 4096]));
  expect([map.chunkCount, map.pieceCount, map.pieceBytes]).toEqual([0, 0, 512 * KIB]);
  expect(() => map.chunksOf(0)).toThrow(RangeError);
});

test.each([
  [64, 512],
  [256, 1024],
  [512, 2048],
  [8192, 2048],
  [8193, 4096],
  [100_000, 4096],
])("%i MiB of data are cut into pieces of %i KiB", (mebibytes, kibibytes) => {
  const parts = Array.from({ length: mebibytes }, (_unused, i) => [`chunk ${i}`, KIB * KIB] as const);
  expect(PieceMap.of(imageOf(...parts)).pieceBytes).toBe(kibibytes * KIB);
});

test("numbers outside of the image are refused", () => {
  const map = PieceMap.of(imageOf(["a", 512]));
  for (const number of [1, -1, 0.5]) {
    expect(() => map.digestOf(number)).toThrow(RangeError);
    expect(() => map.lengthOf(number)).toThrow(RangeError);
    expect(() => map.offsetsOf(number)).toThrow(RangeError);
    expect(() => map.chunksOf(number)).toThrow(RangeError);
    expect(() => map.pieceOf(number)).toThrow(RangeError);
  }
  expect(() => PieceMap.of(imageOf(["a", 512]), 0)).toThrow(RangeError);
});

test("every chunk is in exactly one piece, and every place of the image belongs to one chunk", () => {
  const anyPart = fc.tuple(fc.constantFrom("", "a", "b", "c", "d"), fc.constant(512));
  fc.assert(
    fc.property(fc.array(anyPart, { maxLength: 60 }), fc.integer({ min: 1, max: 4096 }), (parts, pieceBytes) => {
      const manifest = imageOf(...parts);
      const map = PieceMap.of(manifest, pieceBytes);
      let next = 0;
      for (let piece = 0; piece < map.pieceCount; piece++) {
        const { first, end } = map.chunksOf(piece);
        expect(first).toBe(next);
        expect(end).toBeGreaterThan(first);
        next = end;
      }
      expect(next).toBe(map.chunkCount);
      const places = manifest.extents.flatMap((extent) => (extent.kind === "chunk" ? [extent.offset] : []));
      const mapped = Array.from({ length: map.chunkCount }, (_unused, chunk) => map.offsetsOf(chunk)).flat();
      expect(mapped.toSorted((a, b) => a - b)).toEqual(places);
    }),
  );
});
