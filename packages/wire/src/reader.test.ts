import fc from "fast-check";
import { expect, test } from "vitest";
import { DecodeError, Reader, Writer } from "./index.ts";

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.code;
    throw error;
  }
}

test("fields of every width are read in both byte orders", () => {
  const bytes = Uint8Array.of(
    0x01, // u8
    0x01,
    0x02, // u16
    0x01,
    0x02,
    0x03, // u24
    0xff,
    0x02,
    0x03,
    0x04, // u32, the highest bit set
    0xff,
    0,
    0,
    0,
    0,
    0,
    0,
    1, // u64
    0x01,
    0x02, // u16LE
    0x01,
    0x02,
    0x03,
    0xff, // u32LE
    1,
    0,
    0,
    0,
    0,
    0,
    0,
    0xff, // u64LE
  );
  const reader = new Reader(bytes, "example");
  expect(reader.u8()).toBe(1);
  expect(reader.u16()).toBe(0x0102);
  expect(reader.u24()).toBe(0x010203);
  expect(reader.u32()).toBe(0xff020304);
  expect(reader.u64()).toBe(0xff00000000000001n);
  expect(reader.u16LE()).toBe(0x0201);
  expect(reader.u32LE()).toBe(0xff030201);
  expect(reader.u64LE()).toBe(0xff00000000000001n);
  reader.end();
});

test("reading past the end says where, what was wanted and what was there", () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3), "example");
  reader.u8();
  const error = (() => {
    try {
      return reader.u32();
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: "truncated", what: "example", offset: 1, wanted: 4, available: 2 });
  expect(reader.offset).toBe(1);
});

test.each([
  ["a negative length", () => new Reader(Uint8Array.of(1)).bytes(-1), "truncated"],
  ["a length that is no number", () => new Reader(Uint8Array.of(1)).bytes(Number.NaN), "truncated"],
  ["left-over bytes", () => new Reader(Uint8Array.of(1)).end(), "trailing"],
  ["a seek past the end", () => new Reader(Uint8Array.of(1)).seek(2), "truncated"],
  ["a decoder's own complaint", () => new Reader(Uint8Array.of(1)).fail("no"), "invalid"],
])("%s is refused", (_name, run, code) => {
  expect(codeOf(run)).toBe(code);
});

test.each([
  ["a Uint8Array", Uint8Array.of(1, 2)],
  ["a Buffer", Buffer.from([1, 2])],
])("of %s, bytes is a view and copy is a copy", (_name, bytes) => {
  const view = new Reader(bytes).bytes(1);
  const copy = new Reader(bytes).copy(1);
  bytes[0] = 9;
  expect(view[0]).toBe(9);
  expect(copy[0]).toBe(1);
});

test("a view into the middle of a larger buffer is read from its own start", () => {
  expect(new Reader(Uint8Array.of(9, 9, 1, 2).subarray(2)).u16()).toBe(0x0102);
});

test("what a writer wrote, a reader reads (any values)", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xff }),
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 0xffffff }),
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
      fc.uint8Array({ maxLength: 300 }),
      (u8, u16, u24, u32, u64, rest) => {
        const bytes = new Writer(1)
          .u8(u8)
          .u16(u16)
          .u24(u24)
          .u32(u32)
          .u64(u64)
          .u16LE(u16)
          .u32LE(u32)
          .u64LE(u64)
          .zeros(3)
          .bytes(rest)
          .finish();
        const r = new Reader(bytes);
        expect([r.u8(), r.u16(), r.u24(), r.u32(), r.u64(), r.u16LE(), r.u32LE(), r.u64LE(), r.u24()]).toEqual([
          u8,
          u16,
          u24,
          u32,
          u64,
          u16,
          u32,
          u64,
          0,
        ]);
        expect(r.rest()).toEqual(rest);
      },
    ),
  );
});

test.each([
  ["a byte of 256", () => new Writer().u8(256)],
  ["a negative u16", () => new Writer().u16(-1)],
  ["a fraction", () => new Writer().u32(1.5)],
  ["a u24 of 2^24", () => new Writer().u24(0x1000000)],
  ["a negative u64", () => new Writer().u64(-1n)],
  ["a letter outside of ASCII", () => new Writer().ascii("ü")],
  ["a patch past the end", () => new Writer().u8(1).patchU16(0, 1)],
])("a writer refuses %s instead of cutting it", (_name, run) => {
  expect(run).toThrow(RangeError);
});

test("a patched length field keeps what follows", () => {
  const writer = new Writer().u16(0).ascii("abc");
  writer.patchU16(0, writer.length);
  expect([...writer.finish()]).toEqual([0, 5, 0x61, 0x62, 0x63]);
});
