import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseSeed, piecesOfPart, scoreSeed, type SeedFacts, slowSeeds } from "./seeds.ts";

const GIGABIT = 125e6;
const seed = (id: number, facts: Partial<SeedFacts> = {}): SeedFacts => ({
  id,
  uploadRate: GIGABIT,
  latencyMs: 1,
  load: 0,
  ...facts,
});

describe("the score of a seed", () => {
  test("is the time that 4 MiB would take", () => {
    expect(scoreSeed(seed(1))).toBeCloseTo(0.001 + (4 * 1_048_576) / GIGABIT);
    expect(scoreSeed(seed(1, { load: 0.5 }))).toBeCloseTo(0.001 + (8 * 1_048_576) / GIGABIT);
    expect(scoreSeed(seed(1, { uploadRate: 0 }))).toBe(Infinity);
  });

  test.each<[string, Partial<SeedFacts>]>([
    ["less upload", { uploadRate: GIGABIT / 2 }],
    ["more latency", { latencyMs: 20 }],
    ["more load", { load: 0.75 }],
  ])("is worse for %s", (_what, facts) => {
    expect(scoreSeed(seed(1, facts))).toBeGreaterThan(scoreSeed(seed(1)));
  });
});

describe("slow seeds", () => {
  test("take more than three times as long as the one in the middle", () => {
    const seeds = [
      seed(1),
      seed(2),
      seed(3, { uploadRate: GIGABIT / 2.5 }),
      seed(4, { uploadRate: GIGABIT / 4 }),
      seed(5),
    ];
    expect([...slowSeeds(seeds)]).toEqual([4]);
  });

  test("one of two can be one", () => {
    expect([...slowSeeds([seed(1, { load: 1 }), seed(2)])]).toEqual([1]);
  });

  test("are never all, and none when all are alike", () => {
    expect(slowSeeds([]).size).toBe(0);
    expect(slowSeeds([seed(1, { uploadRate: 0 })]).size).toBe(0);
    const rates = fc.array(fc.nat(1e9), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(rates, (list) => {
        const seeds = list.map((uploadRate, id) => seed(id, { uploadRate }));
        expect(slowSeeds(seeds).size).toBeLessThan(seeds.length);
      }),
    );
  });
});

describe("who needs a source is introduced to", () => {
  const candidate = (id: number, heldPieces: number, facts: Partial<SeedFacts> = {}) => ({
    ...seed(id, facts),
    heldPieces,
  });

  test.each([
    ["the one that holds most", [candidate(1, 5), candidate(2, 9, { load: 0.5 })], 2],
    ["the quickest of those", [candidate(1, 9, { load: 0.5 }), candidate(2, 9), candidate(3, 5)], 2],
    ["nobody when there is nobody", [], undefined],
  ])("%s", (_what, candidates, expected) => {
    expect(chooseSeed(candidates)).toBe(expected);
  });
});

describe("parts of an image", () => {
  test("have each of its first pieces once among them, and are alike", () => {
    const cases = fc.record({
      of: fc.integer({ min: 1, max: 8 }),
      pieceCount: fc.integer({ min: 1, max: 300 }),
      end: fc.integer({ min: 0, max: 320 }),
    });
    fc.assert(
      fc.property(cases, ({ of, pieceCount, end }) => {
        const parts = Array.from({ length: of }, (_unused, place) =>
          piecesOfPart({ end, of, places: [place] }, pieceCount),
        );
        for (let piece = 0; piece < pieceCount; piece++) {
          expect(parts.filter((part) => part.has(piece))).toHaveLength(piece < end ? 1 : 0);
        }
        const sizes = parts.map(({ size }) => size);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("can have the places of several", () => {
    expect(piecesOfPart({ end: 9, of: 3, places: [0, 2] }, 9).size).toBe(6);
  });
});
