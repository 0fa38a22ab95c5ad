import fc from "fast-check";
import { expect, test } from "vitest";

import { applyFixups, attributesOf, decodeRuns } from "./ntfs-record.ts";

test("runs: 24 clusters at 22068, a hole of 16, 48 clusters 9 before the first", () => {
  const bytes = Uint8Array.of(0x21, 0x18, 0x34, 0x56, 0x01, 0x10, 0x11, 0x30, 0xf7, 0x00);
  expect(decodeRuns(bytes)).toEqual([
    { cluster: 0x5634, count: 24 },
    { cluster: undefined, count: 16 },
    { cluster: 0x5634 - 9, count: 48 },
  ]);
});

test.each([
  ["no end", [0x11, 0x30, 0x10]],
  ["cut short", [0x21, 0x18, 0x34]],
  ["no count", [0x10, 0x00]],
  ["a count of nothing", [0x11, 0x00, 0x01, 0x00]],
  ["before the volume", [0x11, 0x01, 0xff, 0x00]],
  ["a count longer than any", [0x19, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]],
])("runs with %s are refused", (_name, bytes) => {
  expect(decodeRuns(Uint8Array.from(bytes))).toBeUndefined();
});

test("a record of any bytes is refused or read, never trusted beyond its end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1024, maxLength: 1024 }), (bytes) => {
      bytes.set([0x46, 0x49, 0x4c, 0x45, 0x30, 0, 3, 0]);
      bytes.set([0x38, 0], 0x14);
      applyFixups(bytes, "FILE");
      try {
        attributesOf(bytes);
      } catch (error) {
        // Outside of the record: the caller takes the volume as it is.
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});
