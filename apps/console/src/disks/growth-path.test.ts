import { expect, it } from "vitest";
import { growthPath } from "./growth-path.ts";

it("draws no curve of nothing", () => {
  expect(growthPath([], 10, 100, 50)).toBeUndefined();
});

it("holds each size until the next was seen, and the last one until now", () => {
  const points = [
    { atMs: 1000, sizeBytes: 0 },
    { atMs: 2000, sizeBytes: 50 },
    { atMs: 3000, sizeBytes: 100 },
  ];
  expect(growthPath(points, 5000, 100, 50)).toEqual({
    line: "M0 50.0H25.0V25.0H50.0V0.0H100",
    topBytes: 100,
  });
});

it("draws an empty overlay on the ground and not at the top", () => {
  expect(growthPath([{ atMs: 0, sizeBytes: 0 }], 1000, 100, 50)?.line).toBe("M0 50.0H100");
});
