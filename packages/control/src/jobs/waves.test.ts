import fc from "fast-check";
import { expect, test } from "vitest";
import { isWindowOpen } from "./change-window.ts";
import { assignWaves } from "./waves.ts";

test.each([
  [10, [10, 50, 100], [0, 1, 1, 1, 1, 2, 2, 2, 2, 2]],
  [1, [10, 50, 100], [0]],
  [2, [10, 50, 100], [0, 1]],
  [3, [100], [0, 0, 0]],
])("%i machines in waves to %j percent", (count, shares, expected) => {
  expect(assignWaves(count, shares)).toEqual(expected);
});

test("every machine has a wave, waves ascend without a gap, and shares are kept to the next machine", () => {
  const shares = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 5 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), shares, (count, list) => {
      const waves = assignWaves(count, [...list.toSorted((a, b) => a - b), 100]);
      expect(waves).toHaveLength(count);
      waves.forEach((wave, index) => expect([0, 1]).toContain(wave - (waves[index - 1] ?? 0)));
    }),
  );
});

test.each([
  ["22:00", "05:00", 22 * 60, true],
  ["22:00", "05:00", 4 * 60 + 59, true],
  ["22:00", "05:00", 5 * 60, false],
  ["22:00", "05:00", 12 * 60, false],
  ["08:00", "12:00", 8 * 60, true],
  ["08:00", "12:00", 12 * 60, false],
])("the window %s to %s in minute %i: %s", (from, to, minute, open) => {
  expect(isWindowOpen({ from, to }, minute)).toBe(open);
});
