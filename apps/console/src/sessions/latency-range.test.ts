import { expect, it } from "vitest";
import { latencyRange } from "./latency-range.ts";

it("places ten times longer one sixth further", () => {
  expect(latencyRange(100, 1000)).toMatchObject({ start: 1 / 6, width: expect.closeTo(1 / 6), tone: "info" });
});

it("says by its colour when it is slow, and when it is stuck", () => {
  expect(latencyRange(100, 100_000).tone).toBe("boot");
  expect(latencyRange(100, 2_000_000).tone).toBe("failed");
});

it.each([
  [0, 0],
  [1, 1],
  [50, 50],
  [99_000_000, 99_000_000],
])("stays on the scale and can be seen: %d to %d", (p50, p99) => {
  const { start, width } = latencyRange(p50, p99);
  expect(start).toBeGreaterThanOrEqual(0);
  expect(width).toBeGreaterThanOrEqual(0.03);
  expect(start + width).toBeLessThanOrEqual(1.000_001);
});
