import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_PACKS } from "./limits.ts";
import { PackSet } from "./pack-set.ts";

const packs = fc.array(fc.nat(99), { maxLength: 200 });

test("it holds what was added and not deleted, each once", () => {
  fc.assert(
    fc.property(packs, packs, (added, deleted) => {
      const set = new PackSet(100);
      for (const pack of added) set.add(pack);
      for (const pack of deleted) set.delete(pack);
      const model = new Set(added);
      for (const pack of deleted) model.delete(pack);
      expect(set.size).toBe(model.size);
      for (let pack = 0; pack < 100; pack++) expect(set.has(pack)).toBe(model.has(pack));
    }),
  );
});

test("what is in one set and not in another is counted", () => {
  fc.assert(
    fc.property(packs, packs, (ours, theirs) => {
      const [a, b] = [new PackSet(100), new PackSet(100)];
      for (const pack of ours) a.add(pack);
      for (const pack of theirs) b.add(pack);
      expect(a.countMissingIn(b)).toBe(new Set(ours).difference(new Set(theirs)).size);
    }),
  );
});

test.each([1, 31, 32, 33, 1000])("all of %i packs", (count) => {
  const set = PackSet.full(count);
  expect(set.isFull).toBe(true);
  expect(set.countMissingIn(new PackSet(count))).toBe(count);
  expect(set.delete(count - 1)).toBe(true);
  expect(set.isFull).toBe(false);
});

test("shares of gateways are disjoint and cover everything", () => {
  const shares = [0, 1, 2, 3].map((place) => PackSet.every(103, 4, place));
  for (let pack = 0; pack < 103; pack++) expect(shares.filter((share) => share.has(pack))).toHaveLength(1);
});

test("a copy goes its own way", () => {
  const set = PackSet.every(50, 2, 0);
  const copy = set.clone();
  copy.add(1);
  expect([set.has(1), set.size, copy.size]).toEqual([false, 25, 26]);
});

test.each([-1, 100, 1.5, Number.NaN])("pack %d of 100 is refused", (pack) => {
  expect(() => new PackSet(100).add(pack)).toThrow(RangeError);
});

test.each([MAX_PACKS + 1, Number.NaN])("an image of %d packs is refused", (count) => {
  expect(() => new PackSet(count)).toThrow(RangeError);
});
