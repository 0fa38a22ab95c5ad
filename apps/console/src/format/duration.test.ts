import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatAgo, formatDuration } from "./duration.ts";

describe("formatDuration", () => {
  it.each([
    [-20, "0 ms"],
    [0, "0 ms"],
    [8, "8 ms"],
    [420, "0.42 s"],
    [997, "1.0 s"],
    [4_200, "4.2 s"],
    [47_600, "48 s"],
    [59_600, "60 s"],
    [99_400, "99 s"],
    [99_600, "1 min 40 s"],
    [120_000, "2 min"],
    [3_599_900, "1 h"],
    [7_500_000, "2 h 5 min"],
    [86_399_000, "1 d"],
    [273_600_000, "3 d 4 h"],
  ])("writes %d ms as %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it("never shows sixty of anything", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 * 86_400_000 }), (ms) => !/\b60 (s|min)\b/.test(formatDuration(ms))),
    );
  });
});

describe("formatAgo", () => {
  it.each([
    [500, "now"],
    [-10_000, "now"],
    [12_900, "12 s ago"],
    [59_999, "59 s ago"],
    [60_000, "1 min ago"],
    [3_600_000, "1 h ago"],
    [172_800_000, "2 d ago"],
  ])("%d ms later says %s", (elapsed, text) => {
    expect(formatAgo(1_000_000, 1_000_000 + elapsed)).toBe(text);
  });
});
