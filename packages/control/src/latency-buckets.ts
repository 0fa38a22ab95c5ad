/**
 * Counts of commands by how long they took. Entry `i` holds those below 2^(i+1) µs and not below 2^i µs; entry 0 everything
 * below 2 µs, the last entry everything that took longer.
 */
export type LatencyBuckets = readonly number[];

/** Where a bucket ends, in microseconds; the last one of a histogram has no end, which this does not know. */
export function bucketEndUs(index: number): number {
  return 2 ** (index + 1);
}

/** Fewer commands than this say nothing. Not 1: counts that fade away are below it in the end. */
const FEWEST_COMMANDS = 0.5;

/**
 * So many microseconds were enough for `share` (0 to 1) of the commands; `undefined` where there were none. Within a bucket,
 * which is as wide as it is far from zero, the commands are taken to lie evenly by their logarithm; of the last bucket only
 * the beginning is known.
 */
export function percentileUs(buckets: LatencyBuckets, share: number): number | undefined {
  const count = buckets.reduce((sum, each) => sum + each, 0);
  if (count < FEWEST_COMMANDS) return undefined;
  const wanted = share * count;
  let below = 0;
  for (const [index, inBucket] of buckets.entries()) {
    if (inBucket > 0 && below + inBucket >= wanted) {
      const startUs = index === 0 ? 1 : 2 ** index;
      if (index === buckets.length - 1) return startUs;
      return Math.round(startUs * 2 ** ((wanted - below) / inBucket));
    }
    below += inBucket;
  }
  // Sums of fractions may end a hair below `wanted`.
  return 2 ** buckets.findLastIndex((each) => each > 0);
}

/** The sum of all times in microseconds, with every command in the middle of its bucket and the last bucket's at its beginning. */
export function estimateSumUs(buckets: LatencyBuckets): number {
  return buckets.reduce((sum, count, index) => {
    const middleUs = index === 0 ? 1 : 1.5 * 2 ** index;
    return sum + count * (index === buckets.length - 1 ? 2 ** index : middleUs);
  }, 0);
}

/** What came since `before`: entry by entry, never below zero. */
export function newSince(buckets: LatencyBuckets, before: LatencyBuckets): number[] {
  return buckets.map((count, index) => Math.max(0, count - (before[index] ?? 0)));
}

/** Adds `more` to `sum`, which grows to its length. */
export function addBuckets(sum: number[], more: LatencyBuckets): void {
  for (const [index, count] of more.entries()) sum[index] = (sum[index] ?? 0) + count;
}
