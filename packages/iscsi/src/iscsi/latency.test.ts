import { expect, test } from "vitest";
import { countLatency, emptyHistogram, LATENCY_BUCKETS } from "./latency.ts";

test.each([
  [-5, 0],
  [0, 0],
  [0.001, 0],
  [0.0019, 0],
  [0.002, 1],
  [0.0639, 5],
  [0.064, 6],
  [1, 9],
  [1000, 19],
  [8388.61, LATENCY_BUCKETS - 1],
  [1e12, LATENCY_BUCKETS - 1],
])("%d ms are counted in bucket %i", (durationMs, bucket) => {
  const histogram = emptyHistogram();
  countLatency(histogram, durationMs);
  expect(histogram).toHaveLength(LATENCY_BUCKETS);
  expect(histogram.indexOf(1)).toBe(bucket);
});
