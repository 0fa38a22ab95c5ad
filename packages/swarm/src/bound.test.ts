import { expect, test } from "vitest";
import { distributionBound } from "./bound.ts";

const receivers = (count: number, upload: number, download: number) =>
  Array.from({ length: count }, () => ({ upload, download }));

test.each([
  ["the seed has to send everything once", { seedUpload: 10, receivers: receivers(8, 100, 100) }, 100],
  ["the slowest receiver has to take everything", { seedUpload: 100, receivers: receivers(8, 100, 20) }, 50],
  ["what all take somebody has to send", { seedUpload: 100, receivers: receivers(9, 0, 100) }, 90],
])("%s", (_why, capacity, seconds) => {
  expect(distributionBound({ imageBytes: 1000, ...capacity })).toBeCloseTo(seconds);
});
