import { seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { preload, replaceSeed, scoreSeed, type SeedFacts, slowSeeds, smoothed } from "./seeds.ts";

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

  test("follows what is measured, a quarter of the way each time", () => {
    expect(smoothed(undefined, 100)).toBe(100);
    expect(smoothed(100, 200)).toBe(125);
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

describe("the place of a dead seed is taken", () => {
  const candidate = (id: number, site: string, heldPieces: number, facts: Partial<SeedFacts> = {}) => ({
    ...seed(id, facts),
    site,
    heldPieces,
  });

  test.each([
    ["by the one that holds most", [candidate(1, "a", 5), candidate(2, "b", 9)], 2],
    ["by one of its site, of two that hold as much", [candidate(1, "b", 9), candidate(2, "a", 9, { load: 0.5 })], 2],
    ["by the quickest of these", [candidate(1, "a", 9, { load: 0.5 }), candidate(2, "a", 9)], 2],
    ["by nobody when there is nobody", [], undefined],
  ])("%s", (_what, candidates, expected) => {
    expect(replaceSeed("a", candidates)).toBe(expected);
  });
});

describe("what seeds fetch ahead", () => {
  test("is given to each in equal parts, and no piece twice before all are given once", () => {
    const cases = fc.record({
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      seeds: fc.integer({ min: 1, max: 12 }),
      pieceCount: fc.integer({ min: 1, max: 300 }),
      chance: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ share, seeds, pieceCount, chance }) => {
        const ids = Array.from({ length: seeds }, (_unused, index) => index + 100);
        const plan = preload(share, ids, pieceCount, seededRandom(chance));
        expect([...plan.keys()]).toEqual(ids);
        const copies = Array.from({ length: pieceCount }, (_unused, piece) =>
          [...plan.values()].filter((part) => part.has(piece)),
        ).map(({ length }) => length);
        for (const part of plan.values()) expect(part.size).toBe(Math.ceil(share * pieceCount));
        expect(Math.max(...copies) - Math.min(...copies)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("a fifth for each of five is the whole image", () => {
    const parts = [...preload(0.2, [1, 2, 3, 4, 5], 1000, seededRandom(3)).values()];
    expect(parts.map(({ size }) => size)).toEqual([200, 200, 200, 200, 200]);
    for (let piece = 0; piece < 1000; piece++) expect(parts.filter((part) => part.has(piece))).toHaveLength(1);
  });

  test.each([-0.1, 1.01, Number.NaN])("a share of %d is refused", (share) => {
    expect(() => preload(share, [1], 10, Math.random)).toThrow(RangeError);
  });
});
