import fc from "fast-check";
import { expect, it } from "vitest";
import { timeTicks } from "./time-ticks.ts";

it("chooses round steps", () => {
  expect(timeTicks(48_000)).toEqual([0, 10_000, 20_000, 30_000, 40_000]);
  expect(timeTicks(900)).toEqual([0, 200, 400, 600, 800]);
});

it("starts at zero, ascends and never passes the end", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 9 }), (spanMs) => {
      const ticks = timeTicks(spanMs);
      expect(ticks[0]).toBe(0);
      expect(ticks.length).toBeLessThanOrEqual(7);
      expect(ticks.at(-1)).toBeLessThanOrEqual(spanMs);
      expect(ticks.toSorted((a, b) => a - b)).toEqual(ticks);
    }),
  );
});
