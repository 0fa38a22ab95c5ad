const STEPS_MS = [
  10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];
const MOST_TICKS = 6;

/** Round moments for a time axis from 0 to `spanMs`, in milliseconds: at most six steps, the last one at or before the end. */
export function timeTicks(spanMs: number): readonly number[] {
  const step = STEPS_MS.find((candidate) => spanMs / candidate <= MOST_TICKS) ?? Math.ceil(spanMs / MOST_TICKS);
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step);
}
