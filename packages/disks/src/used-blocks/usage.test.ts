import fc from "fast-check";
import { expect, test } from "vitest";

import { type UsedRange, UsageBuilder, withFree } from "./usage.ts";

test("ranges of one kind in a row are one, and what is not named is data", () => {
  const builder = new UsageBuilder();
  builder.add("data", 512);
  builder.add("data", 512);
  builder.add("dontCare", 1024);
  builder.add("dontCare", 0);
  expect(builder.finish(4096)).toEqual([
    { kind: "data", offset: 0, length: 1024 },
    { kind: "dontCare", offset: 1024, length: 1024 },
    { kind: "data", offset: 2048, length: 2048 },
  ]);
});

test("of more ranges than may be, the shortest free ones become data", () => {
  const builder = new UsageBuilder(64);
  for (let i = 0; i < 1000; i++) {
    builder.add("data", 4096);
    builder.add("dontCare", i % 100 === 50 ? 2 ** 20 : 8192);
  }
  const size = builder.end;
  const ranges = builder.finish(size);
  expect(ranges.length).toBeLessThanOrEqual(64);
  expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBe(size);
  const free = ranges.filter(({ kind, length }) => kind === "dontCare" && length === 2 ** 20);
  expect(free).toHaveLength(10);
});

const sector = fc.integer({ min: 0, max: 40 });

test("what is free besides is free, sector by sector", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ isData: fc.boolean(), sectors: fc.integer({ min: 1, max: 6 }) }), { maxLength: 8 }),
      fc.array(fc.record({ from: sector, sectors: sector, more: fc.integer({ min: 0, max: 511 }) }), { maxLength: 6 }),
      (parts, frees) => {
        const builder = new UsageBuilder();
        for (const { isData, sectors } of parts) builder.add(isData ? "data" : "dontCare", sectors * 512);
        const before = builder.finish(builder.end);
        const free = frees.map(({ from, sectors, more }) => ({ offset: from * 512, length: sectors * 512 + more }));
        const isFree = (at: number): boolean =>
          free.some(({ offset, length }) => offset <= at && at + 512 <= offset + length);
        const wanted = kindsOf(before).map((kind, i) => (isFree(i * 512) ? "dontCare" : kind));
        expect(kindsOf(withFree(before, free))).toEqual(wanted);
      },
    ),
  );
});

/** The kind of each sector. */
function kindsOf(ranges: readonly UsedRange[]): string[] {
  return ranges.flatMap(({ kind, length }) => Array<string>(length / 512).fill(kind));
}
