import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addNew, hasNew, bucketEndUs, estimateSumUs, percentileUs, scaleBuckets } from "./latency-buckets.ts";

/** Counts times as the disk service does. */
function bucketsOf(timesUs: readonly number[], length = 24): number[] {
  const buckets = Array.from({ length }, () => 0);
  for (const timeUs of timesUs) {
    const index = Math.min(length - 1, Math.floor(Math.log2(Math.max(1, timeUs))));
    buckets[index] = (buckets[index] ?? 0) + 1;
  }
  return buckets;
}

const times = fc.array(fc.integer({ min: 1, max: 2 ** 20 }), { minLength: 1, maxLength: 300 });

describe("percentileUs", () => {
  it("knows nothing of nothing", () => {
    expect(percentileUs([], 0.5)).toBeUndefined();
    expect(percentileUs([0, 0, 0.4], 0.5)).toBeUndefined();
  });

  it("lies in the bucket where the command of that rank is", () => {
    fc.assert(
      fc.property(times, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (timesUs, share) => {
        const sorted = timesUs.toSorted((a, b) => a - b);
        const truth = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
        const answer = percentileUs(bucketsOf(timesUs), share) ?? -1;
        expect(answer).toBeGreaterThanOrEqual(2 ** Math.floor(Math.log2(truth)));
        expect(answer).toBeLessThanOrEqual(2 ** (Math.floor(Math.log2(truth)) + 1));
      }),
    );
  });

  it("never falls with a higher share", () => {
    fc.assert(
      fc.property(times, fc.double({ min: 0, max: 1, noNaN: true }), (timesUs, share) => {
        const buckets = bucketsOf(timesUs);
        expect(percentileUs(buckets, share) ?? 0).toBeLessThanOrEqual(percentileUs(buckets, 1) ?? 0);
      }),
    );
  });

  it("says of the last bucket only where it begins", () => {
    expect(percentileUs([0, 0, 0, 7], 0.99)).toBe(8);
  });

  it("reads counts that have faded to fractions", () => {
    expect(percentileUs([0, 0, 0.3, 0.3], 0.99)).toBe(8);
    expect(percentileUs([0, 0, 0.3, 0.3, 0], 0.5)).toBe(8);
  });
});

it("estimates the sum within half and twice of the truth", () => {
  fc.assert(
    fc.property(times, (timesUs) => {
      const sum = timesUs.reduce((total, each) => total + each, 0);
      const estimate = estimateSumUs(bucketsOf(timesUs));
      expect(estimate).toBeGreaterThanOrEqual(sum / 2);
      expect(estimate).toBeLessThanOrEqual(sum * 2);
    }),
  );
});

it("ends a bucket where the next one begins", () => {
  expect([0, 1, 9].map(bucketEndUs)).toEqual([2, 4, 1024]);
});

it("adds what is new, also where a histogram began anew or grew longer", () => {
  const sum = [1];
  expect([hasNew([1, 5], [1]), hasNew([1, 5], [1, 5]), hasNew([], [])]).toEqual([true, false, false]);
  addNew(sum, [1, 5, 3], [1, 2]);
  expect(sum).toEqual([1, 3, 3]);
  addNew(sum, [1, 0], [4, 0]);
  expect(sum).toEqual([1, 3, 3]);
});

it("weighs before it says that there were too few", () => {
  const buckets = [0, 0, 8];
  expect(percentileUs(buckets, 0.5, 0.01)).toBeUndefined();
  scaleBuckets(buckets, 0.5);
  expect(buckets).toEqual([0, 0, 4]);
});
