import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashBlock } from "./block-hash.ts";
import { CUT_BELOW, Chunker } from "./chunker.ts";
import type { Cut } from "./chunker.ts";
import { sha256 } from "./digest.ts";
import { makeImage, randomBytes } from "./testing/images.ts";
import type { ImagePart } from "./testing/images.ts";

const KIB = 1024;
const BLOCK = 4 * KIB;

/** A cut in short: what, where, how long, and the content's digest. */
type Line = readonly [kind: string, offset: number, length: number, digest?: string];

function lineOf(cut: Cut): Line {
  if (cut.kind !== "chunk") return [cut.kind, cut.offset, cut.length];
  return ["chunk", cut.offset, cut.bytes.length, sha256(cut.bytes)];
}

function cutAll(image: Uint8Array, sliceBytes: number = image.length): Line[] {
  const chunker = new Chunker(image.length);
  const cuts: Cut[] = [];
  for (let at = 0; at < image.length; at += sliceBytes) {
    cuts.push(...chunker.push(at, image.subarray(at, at + sliceBytes)));
  }
  cuts.push(...chunker.finish());
  return cuts.map(lineOf);
}

/** The rules of docs/formats/pack.md again, over the whole image at once. */
function cutByTheBook(image: Uint8Array): Line[] {
  const blocks = Math.ceil(image.length / BLOCK);
  const isZero = Array.from({ length: blocks }, (_, b) =>
    image.subarray(b * BLOCK, (b + 1) * BLOCK).every((v) => v === 0),
  );
  const inZeroExtent = isZero.slice();
  for (let b = 0; b < blocks;) {
    let end = b;
    while (end < blocks && isZero[end] === isZero[b]) end++;
    if (isZero[b] === true && b > 0 && end < blocks && end - b < 16) inZeroExtent.fill(false, b, end);
    b = end;
  }
  const lines: Line[] = [];
  for (let b = 0; b < blocks;) {
    let end = b + 1;
    if (inZeroExtent[b] === true) {
      while (end < blocks && inZeroExtent[end] === true) end++;
    } else {
      while (end < blocks && inZeroExtent[end] === false && !endsChunk(image, b, end)) end++;
    }
    const bytes = image.slice(b * BLOCK, end * BLOCK);
    lines.push(
      lineOf(
        inZeroExtent[b] === true
          ? { kind: "zero", offset: b * BLOCK, length: bytes.length }
          : { kind: "chunk", offset: b * BLOCK, bytes },
      ),
    );
    b = end;
  }
  return lines;
}

/** Whether the chunk of the blocks from `start` up to before `end` is finished. */
function endsChunk(image: Uint8Array, start: number, end: number): boolean {
  const count = end - start;
  if (count >= 256) return true;
  const last = image.slice((end - 1) * BLOCK, end * BLOCK);
  return count >= 16 && hashBlock(new Uint32Array(last.buffer), 0) < CUT_BELOW;
}

/** Parts around the lengths where rules change. */
const part: fc.Arbitrary<ImagePart> = fc.record({
  kind: fc.constantFrom("random" as const, "zero" as const, "compressible" as const),
  bytes: fc.oneof(
    fc.integer({ min: 1, max: 40 }).map((blocks) => blocks * BLOCK),
    fc.constantFrom(512, 15 * BLOCK, 16 * BLOCK, 17 * BLOCK, 64 * KIB + 512, 1200 * KIB),
  ),
  seed: fc.integer({ min: 0, max: 5 }),
});
const anyImage = fc.array(part, { minLength: 1, maxLength: 8 }).map(makeImage);

describe("Chunker", () => {
  it("cuts as the format page says", () => {
    fc.assert(
      fc.property(anyImage, (image) => {
        expect(cutAll(image)).toEqual(cutByTheBook(image));
      }),
      { numRuns: 40 },
    );
  });

  it("cuts the same however the image is sliced, and whether zeros are given or left out", () => {
    fc.assert(
      fc.property(
        anyImage,
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 0, max: 99 }),
        (image, sectors, seed) => {
          const expected = cutAll(image);
          expect(cutAll(image, sectors * 512)).toEqual(expected);
          expect(cutAll(image, sectors * 512 - 3)).toEqual(expected);
          const chunker = new Chunker(image.length);
          const cuts: Cut[] = [];
          for (let at = 0, i = seed; at < image.length; at += 512, i++) {
            const sector = image.subarray(at, at + 512);
            // A few zero sectors are given all the same.
            if (i % 7 === 0 || sector.some((byte) => byte !== 0)) cuts.push(...chunker.push(at, sector));
          }
          cuts.push(...chunker.finish());
          expect(cuts.map(lineOf)).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("cuts this image here: a change of these numbers is a change of the format", () => {
    const image = makeImage([
      { kind: "zero", bytes: BLOCK },
      { kind: "random", bytes: 700 * KIB, seed: 3 },
      { kind: "zero", bytes: 15 * BLOCK },
      { kind: "random", bytes: 5 * BLOCK, seed: 4 },
      { kind: "zero", bytes: 16 * BLOCK },
      { kind: "random", bytes: BLOCK + 1536, seed: 5 },
    ]);
    const lines = cutAll(image).map(([kind, offset, length]) => `${kind} ${offset / 512} ${length / 512}`);
    expect(lines).toEqual([
      "zero 0 8",
      "chunk 8 312",
      "chunk 320 320",
      "chunk 640 200",
      "chunk 840 496",
      "chunk 1336 232",
      "zero 1568 128",
      "chunk 1696 11",
    ]);
  });

  it("makes chunks of 252 KiB on average, 64 KiB to 1 MiB, all but the last", () => {
    const lengths = cutAll(randomBytes(48 * KIB * KIB, 9)).map(([, , length]) => length);
    const average = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(average).toBeGreaterThan(200 * KIB);
    expect(average).toBeLessThan(310 * KIB);
    expect(Math.min(...lengths.slice(0, -1))).toBeGreaterThanOrEqual(64 * KIB);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1024 * KIB);
    expect(lengths.slice(0, -1).every((length) => length % BLOCK === 0)).toBe(true);
  });

  it("finds the same chunks again when blocks were inserted before them", () => {
    const data = randomBytes(8 * KIB * KIB, 21);
    const before = cutAll(data).map(([, , , digest]) => digest);
    const moved = cutAll(
      makeImage([
        { kind: "random", bytes: 12 * KIB, seed: 77 },
        { kind: "random", bytes: data.length, seed: 21 },
      ]),
    );
    const again = moved.filter(([, , , digest]) => before.includes(digest)).length;
    expect(again).toBeGreaterThan(before.length - 5);
  });

  it("cuts a repeated block that never ends a chunk at 1 MiB", () => {
    const image = new Uint8Array(3 * KIB * KIB).fill(0xff);
    expect(cutAll(image).map(([, , length]) => length)).toEqual([KIB * KIB, KIB * KIB, KIB * KIB]);
  });

  it("counts holes instead of walking through them", () => {
    const chunker = new Chunker(2 ** 50);
    const sector = new Uint8Array(512).fill(1);
    const cuts = [...chunker.push(2 ** 49 + 512, sector), ...chunker.finish()].map(lineOf);
    expect(cuts.map(([kind, offset, length]) => [kind, offset, length])).toEqual([
      ["zero", 0, 2 ** 49],
      ["chunk", 2 ** 49, BLOCK],
      ["zero", 2 ** 49 + BLOCK, 2 ** 49 - BLOCK],
    ]);
  });

  it("keeps a last chunk that is no multiple of 4096", () => {
    const image = makeImage([{ kind: "random", bytes: 64 * KIB + 512 }]);
    expect(cutAll(image).map(([, , length]) => length)).toEqual([64 * KIB + 512]);
    expect(cutAll(new Uint8Array(512))).toEqual([["zero", 0, 512]]);
  });
});
