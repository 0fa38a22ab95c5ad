import type { ByteReader } from "@ingot/disks";
import fc from "fast-check";
import { expect, test } from "vitest";
import { differences, merged, within, without } from "./ranges.ts";

const LENGTH = 64;
const rangesOf = fc.array(fc.record({ offset: fc.nat(LENGTH - 1), length: fc.integer({ min: 1, max: 20 }) }), {
  maxLength: 6,
});

const covered = (ranges: readonly { offset: number; length: number }[]): Set<number> =>
  new Set(ranges.flatMap(({ offset, length }) => Array.from({ length }, (_unused, at) => offset + at)));

test("ranges are joined, cut and taken away as the sets of bytes that they are", () => {
  fc.assert(
    fc.property(rangesOf, rangesOf, (some, others) => {
      const [a, b] = [merged(some), merged(others)];
      expect(covered(a)).toEqual(covered(some));
      expect(covered(without(a, b))).toEqual(covered(some).difference(covered(others)));
      const [outer = { offset: 3, length: 9 }] = others;
      expect(covered(within(a, outer))).toEqual(covered(some).intersection(covered([outer])));
    }),
  );
});

function readerOf(bytes: Uint8Array, bad?: number): ByteReader {
  return {
    sizeBytes: bytes.length,
    read(offset, into) {
      if (bad !== undefined && offset <= bad && bad < offset + into.length)
        return Promise.reject(Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" }));
      into.set(bytes.subarray(offset, offset + into.length));
      return Promise.resolve();
    },
  };
}

test("differences are told to the sector, and what a disk does not give to the page", async () => {
  const expected = new Uint8Array(600 * 1024).fill(7);
  const disk = expected.slice();
  disk[5000] = 8;
  disk[5700] = 8;
  disk[300 * 1024] = 8;
  const whole = [{ offset: 0, length: expected.length }];
  expect(await differences(readerOf(expected), readerOf(disk, 500_000), whole)).toEqual([
    { offset: 4608, length: 512, unreadable: false },
    { offset: 5632, length: 512, unreadable: false },
    { offset: 300 * 1024, length: 512, unreadable: false },
    { offset: 499_712, length: 4096, unreadable: true },
  ]);
  expect(await differences(readerOf(expected), readerOf(disk), [{ offset: 5120, length: 512 }])).toEqual([]);
});

test("an error that is not the disk's is not taken for damage", async () => {
  const broken: ByteReader = { sizeBytes: 4096, read: () => Promise.reject(new TypeError("a mistake")) };
  const whole = [{ offset: 0, length: 4096 }];
  await expect(differences(readerOf(new Uint8Array(4096)), broken, whole)).rejects.toThrow("a mistake");
});
