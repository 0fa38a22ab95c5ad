import fc from "fast-check";
import { expect, test } from "vitest";
import { UploadError, type UploadErrorCode } from "./errors.ts";
import { MAX_RECORD_BYTES } from "./limits.ts";
import { decodeSparse, encodeSparse, type SparseDontCare, type SparseRange } from "./sparse.ts";

/** An image of 2048 bytes with one sector of 0xAA at 512. */
const literal: Uint8Array = Uint8Array.from(
  Buffer.from(
    [
      "494e474f5453500a", // "INGOTSP\n"
      "00000002", // version
      "00000000", // reserved
      "0000000000000800", // sizeBytes 2048
      "0000000000000200", // record: offset 512
      "00000200", // length 512
      "aa".repeat(512),
      "0000000000000800", // end: offset = sizeBytes
      "00000000", // length 0
      "0000000000000001", // one record
      "0000000000000200", // 512 bytes of data
    ].join(""),
    "hex",
  ),
);

type AnyRange = SparseRange | SparseDontCare;

async function* ranges(...list: readonly AnyRange[]): AsyncGenerator<AnyRange> {
  yield* list;
}

async function* pieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(Buffer.concat(await Array.fromAsync(stream)));
}

async function readWhole(body: Uint8Array, pieceBytes = 7): Promise<{ sizeBytes: number; content: Uint8Array }> {
  const image = await decodeSparse(pieces(body, pieceBytes));
  const content = new Uint8Array(image.sizeBytes);
  for await (const range of image.data) if ("bytes" in range) content.set(range.bytes, range.offset);
  return { sizeBytes: image.sizeBytes, content };
}

function patched(at: number, ...bytes: readonly number[]): Uint8Array {
  const body = Uint8Array.from(literal);
  body.set(bytes, at);
  return body;
}

test("the literal is what one sector of data in four encodes to", async () => {
  const data = ranges({ offset: 512, bytes: new Uint8Array(512).fill(0xaa) });
  expect(await collect(encodeSparse({ sizeBytes: 2048, data }))).toEqual(Uint8Array.from(literal));
});

test("what was encoded is decoded to the same content, whatever the pieces it comes in", async () => {
  const layout = fc.array(fc.record({ gap: fc.integer({ min: 0, max: 4 }), sectors: fc.integer({ min: 1, max: 5 }) }), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(layout, fc.integer({ min: 1, max: 5000 }), async (runs, pieceBytes) => {
      const list: SparseRange[] = [];
      let offset = 0;
      for (const run of runs) {
        offset += run.gap * 512;
        list.push({ offset, bytes: new Uint8Array(run.sectors * 512).fill(list.length + 1) });
        offset += run.sectors * 512;
      }
      const sizeBytes = offset + 512;
      const expected = new Uint8Array(sizeBytes);
      for (const range of list) expected.set(range.bytes, range.offset);
      const body = await collect(encodeSparse({ sizeBytes, data: ranges(...list) }));
      expect(await readWhole(body, pieceBytes)).toEqual({ sizeBytes, content: expected });
    }),
    { numRuns: 100 },
  );
});

test("a range larger than a record is cut into records", async () => {
  const bytes = new Uint8Array(MAX_RECORD_BYTES * 2 + 512).fill(3);
  const body = await collect(encodeSparse({ sizeBytes: bytes.length, data: ranges({ offset: 0, bytes }) }));
  const image = await decodeSparse(pieces(body, 100_000));
  const lengths: number[] = [];
  for await (const range of image.data) lengths.push("bytes" in range ? range.bytes.length : 0);
  expect(lengths).toEqual([MAX_RECORD_BYTES, MAX_RECORD_BYTES, 512]);
});

test.each<[string, Uint8Array, UploadErrorCode]>([
  ["another file", patched(0, 0x7f, 0x45), "badMagic"],
  ["a later version", patched(11, 3), "unsupportedVersion"],
  ["a reserved field that is set", patched(15, 1), "unsupportedVersion"],
  ["a size of nothing", patched(22, 0), "badSize"],
  ["a size between sectors", patched(23, 1), "badSize"],
  ["a size beyond the limit", patched(16, 0xff), "badSize"],
  ["an offset between sectors", patched(31, 1), "badRecord"],
  ["a record past the image's end", patched(30, 8), "badRecord"],
  ["a record that is too long", patched(33, 0x20), "badRecord"],
  ["an empty record before the end", patched(34, 0), "badRecord"],
  ["an end that names another number of records", patched(literal.length - 9, 2), "countMismatch"],
  ["an end that names another amount", patched(literal.length - 1, 1), "countMismatch"],
  ["bytes after the end", Uint8Array.from([...literal, 0]), "trailing"],
])("refuses %s", async (_what, body, code) => {
  await expect(readWhole(body)).rejects.toMatchObject({ name: "UploadError", code });
});

test("refuses ranges that overlap or go back, also when writing", async () => {
  const bytes = new Uint8Array(1024);
  const twice = encodeSparse({ sizeBytes: 4096, data: ranges({ offset: 0, bytes }, { offset: 512, bytes }) });
  await expect(collect(twice)).rejects.toMatchObject({ code: "badRecord" });
});

test("a stream cut anywhere is truncated, never a smaller image", async () => {
  const body = Uint8Array.from(literal);
  for (let length = 0; length < body.length; length += 1) {
    await expect(readWhole(body.subarray(0, length), 64)).rejects.toSatisfy(
      (error) => error instanceof UploadError && error.code === "truncated",
    );
  }
});

test("a range that nobody needs travels as its length", async () => {
  const sizeBytes = 2 ** 40;
  const list: AnyRange[] = [
    { offset: 0, dontCareLength: 512 },
    { offset: 512, bytes: new Uint8Array(512).fill(7) },
    { offset: 4096, dontCareLength: sizeBytes - 4096 },
  ];
  const body = await collect(encodeSparse({ sizeBytes, data: ranges(...list) }));
  expect(body.length).toBe(24 + 20 + (12 + 512) + 20 + 28);
  const image = await decodeSparse(pieces(body, 100));
  expect(await Array.fromAsync(image.data, (range) => ({ ...range }))).toEqual(list);
});

test("an upload of version 1 is read, and has no don't-care records", async () => {
  expect((await readWhole(patched(11, 1))).sizeBytes).toBe(2048);
  const body = await collect(encodeSparse({ sizeBytes: 4096, data: ranges({ offset: 512, dontCareLength: 512 }) }));
  body[11] = 1;
  await expect(readWhole(body)).rejects.toMatchObject({ code: "badRecord" });
});

test("a don't-care record is as careful with its range as any other", async () => {
  for (const [offset, dontCareLength] of [
    [0, 0],
    [0, 8192],
    [1, 512],
    [0, 513],
  ] as const) {
    const data = ranges({ offset, dontCareLength });
    await expect(collect(encodeSparse({ sizeBytes: 4096, data }))).rejects.toMatchObject({ code: "badRecord" });
  }
  const body = await collect(encodeSparse({ sizeBytes: 4096, data: ranges({ offset: 0, dontCareLength: 4096 }) }));
  for (const [at, value] of [
    [24 + 7, 2],
    [24 + 18, 0x20],
    [24 + 19, 1],
  ] as const) {
    await expect(readWhole(Uint8Array.from(body, (byte, i) => (i === at ? value : byte)))).rejects.toMatchObject({
      code: "badRecord",
    });
  }
});
