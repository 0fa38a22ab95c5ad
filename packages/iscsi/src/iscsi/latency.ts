/**
 * Entries of a latency histogram. Entry `i` counts what took less than 2^(i+1) microseconds and not less than 2^i; the last one
 * all that took longer: 2^23 µs are 8.4 s.
 */
export const LATENCY_BUCKETS = 24;

/** One command of so many is timed, so that the clock costs nothing. */
export const LATENCY_SAMPLE_EVERY = 16;

/** A histogram with nothing in it; a plain array, so that it passes between threads. */
export function emptyHistogram(): number[] {
  return Array.from({ length: LATENCY_BUCKETS }, () => 0);
}

/** Counts one command that took `durationMs`. A clock that jumped back counts as nothing passed. */
export function countLatency(histogram: number[], durationMs: number): void {
  const micros = Math.max(0, Math.min(durationMs * 1000, 0x7fff_ffff));
  const bucket = Math.min(LATENCY_BUCKETS - 1, 31 - Math.clz32(micros | 1));
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}
