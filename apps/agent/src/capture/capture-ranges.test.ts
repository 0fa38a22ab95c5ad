import fc from "fast-check";
import { expect, test } from "vitest";
import { captureRanges, dataRuns } from "./capture-ranges.ts";

test("blocks of zeros are left out, whatever lies around them", () => {
  const bytes = new Uint8Array(5 * 4096 + 512);
  bytes[4096] = 1;
  bytes[3 * 4096 - 1] = 1;
  bytes[5 * 4096 + 511] = 1;
  expect(dataRuns(bytes)).toEqual([
    { from: 4096, to: 3 * 4096 },
    { from: 5 * 4096, to: 5 * 4096 + 512 },
  ]);
});

test("what is given back is the disk, and runs never touch", () => {
  const block = fc.constantFrom(0, 0x80, 7);
  fc.assert(
    fc.property(fc.array(block, { maxLength: 20 }), (blocks) => {
      const bytes = new Uint8Array(blocks.length * 4096);
      // One byte alone, the last of a word: the sign of what would be a minus zero.
      for (const [index, value] of blocks.entries()) bytes[index * 4096 + 7] = value;
      const again = new Uint8Array(bytes.length);
      let end = -1;
      for (const { from, to } of dataRuns(bytes)) {
        expect(from).toBeGreaterThan(end);
        again.set(bytes.subarray(from, to), from);
        end = to;
      }
      expect(Buffer.compare(again, bytes)).toBe(0);
    }),
  );
});

test("free space passes through and costs nothing", async () => {
  const progress: [number, number][] = [];
  const data = new Uint8Array(8192);
  data[0] = 1;
  async function* used(): AsyncGenerator<
    { offset: number; bytes: Uint8Array } | { offset: number; dontCareLength: number }
  > {
    yield await Promise.resolve({ offset: 0, bytes: data });
    yield { offset: 8192, dontCareLength: 4096 };
  }
  const out = await Array.fromAsync(captureRanges(used(), { onProgress: (done, sent) => progress.push([done, sent]) }));
  expect(out).toEqual([
    { offset: 0, bytes: data.subarray(0, 4096) },
    { offset: 8192, dontCareLength: 4096 },
  ]);
  expect(progress).toEqual([[8192, 4096]]);
});
