/**
 * Counts of commands by how long they took. Entry `i` holds those below 2^(i+1) µs and not below 2^i µs; entry 0 everything
 * below 2 µs, the last entry everything that took longer.
 */
export type LatencyBuckets = readonly number[];

/*
 * The loops here run for every busy session every second, so they count by index: with 5,000 sessions iterators and
 * intermediate arrays took most of a second's main thread.
 */

/** Where a bucket ends, in microseconds; the last one of a histogram has no end, which this does not know. */
export function bucketEndUs(index: number): number {
  return 2 ** (index + 1);
}

/** Fewer commands than this say nothing. Not 1: counts that fade away are below it in the end. */
const FEWEST_COMMANDS = 0.5;

/**
 * So many microseconds were enough for `share` (0 to 1) of the commands; `undefined` where there were none. Within a bucket,
 * which is as wide as it is far from zero, the commands are taken to lie evenly by their logarithm; of the last bucket only
 * the beginning is known. All counts are multiplied by `weight` first.
 */
export function percentileUs(buckets: LatencyBuckets, share: number, weight = 1): number | undefined {
  let count = 0;
  let last = 0;
  for (let index = 0; index < buckets.length; index++) {
    const inBucket = buckets[index] ?? 0;
    count += inBucket;
    if (inBucket > 0) last = index;
  }
  if (count * weight < FEWEST_COMMANDS) return undefined;
  const wanted = share * count;
  let below = 0;
  for (let index = 0; index <= last; index++) {
    const inBucket = buckets[index] ?? 0;
    if (inBucket > 0 && below + inBucket >= wanted) {
      const startUs = index === 0 ? 1 : 2 ** index;
      if (index === buckets.length - 1) return startUs;
      return Math.round(startUs * 2 ** ((wanted - below) / inBucket));
    }
    below += inBucket;
  }
  // Sums of fractions may end a hair below `wanted`.
  return 2 ** last;
}

/** The sum of all times in microseconds, with every command in the middle of its bucket and the last bucket's at its beginning. */
export function estimateSumUs(buckets: LatencyBuckets): number {
  return buckets.reduce((sum, count, index) => {
    const middleUs = index === 0 ? 1 : 1.5 * 2 ** index;
    return sum + count * (index === buckets.length - 1 ? 2 ** index : middleUs);
  }, 0);
}

/** Adds what came to `buckets` since `before` to `sum`, which grows to its length. An entry that has become less adds nothing. */
export function addNew(sum: number[], buckets: LatencyBuckets, before: LatencyBuckets): void {
  for (let index = 0; index < buckets.length; index++) {
    const more = (buckets[index] ?? 0) - (before[index] ?? 0);
    sum[index] = (sum[index] ?? 0) + (more > 0 ? more : 0);
  }
}

/** Whether something came to `buckets` since `before`. */
export function hasNew(buckets: LatencyBuckets, before: LatencyBuckets): boolean {
  for (let index = 0; index < buckets.length; index++) {
    if ((buckets[index] ?? 0) > (before[index] ?? 0)) return true;
  }
  return false;
}

/** Multiplies every count. */
export function scaleBuckets(buckets: number[], factor: number): void {
  for (let index = 0; index < buckets.length; index++) buckets[index] = (buckets[index] ?? 0) * factor;
}
