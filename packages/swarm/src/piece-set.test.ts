import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_PIECES } from "./limits.ts";
import { PieceSet } from "./piece-set.ts";

const pieces = fc.array(fc.nat(99), { maxLength: 200 });

test("it holds what was added and not deleted, each once", () => {
  fc.assert(
    fc.property(pieces, pieces, (added, deleted) => {
      const set = new PieceSet(100);
      for (const piece of added) set.add(piece);
      for (const piece of deleted) set.delete(piece);
      const model = new Set(added);
      for (const piece of deleted) model.delete(piece);
      expect(set.size).toBe(model.size);
      for (let piece = 0; piece < 100; piece++) expect(set.has(piece)).toBe(model.has(piece));
    }),
  );
});

test("what is in one set and not in another is counted", () => {
  fc.assert(
    fc.property(pieces, pieces, (ours, theirs) => {
      const [a, b] = [new PieceSet(100), new PieceSet(100)];
      for (const piece of ours) a.add(piece);
      for (const piece of theirs) b.add(piece);
      expect(a.countMissingIn(b)).toBe(new Set(ours).difference(new Set(theirs)).size);
    }),
  );
});

test.each([1, 31, 32, 33, 1000])("all of %i pieces", (count) => {
  const set = PieceSet.full(count);
  expect(set.isFull).toBe(true);
  expect(set.countMissingIn(new PieceSet(count))).toBe(count);
  expect(set.delete(count - 1)).toBe(true);
  expect(set.isFull).toBe(false);
});

test("shares of gateways are disjoint and cover everything", () => {
  const shares = [0, 1, 2, 3].map((place) => PieceSet.every(103, 4, place));
  for (let piece = 0; piece < 103; piece++) expect(shares.filter((share) => share.has(piece))).toHaveLength(1);
});

test("a copy goes its own way", () => {
  const set = PieceSet.every(50, 2, 0);
  const copy = set.clone();
  copy.add(1);
  expect([set.has(1), set.size, copy.size]).toEqual([false, 25, 26]);
});

test.each([-1, 100, 1.5, Number.NaN])("piece %d of 100 is refused", (piece) => {
  expect(() => new PieceSet(100).add(piece)).toThrow(RangeError);
});

test.each([MAX_PIECES + 1, Number.NaN])("an image of %d pieces is refused", (count) => {
  expect(() => new PieceSet(count)).toThrow(RangeError);
});
