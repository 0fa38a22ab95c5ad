/** Where a latency lies on a scale of powers of ten. */
export interface LatencyRange {
  /** Parts of the scale's width, 0 to 1. */
  readonly start: number;
  readonly width: number;
  readonly tone: "info" | "boot" | "failed";
}

/** The scale goes from 10 µs to 10 s: six powers of ten. */
const FIRST_US = 10;
const DECADES = 6;

/** From here on somebody notices. */
const SLOW_US = 100_000;
/** From here on something is wrong. */
const STUCK_US = 1_000_000;

/** The bar from the median to the 99th of 100. Never so narrow that it cannot be seen. */
export function latencyRange(p50Us: number, p99Us: number): LatencyRange {
  const place = (micros: number): number =>
    Math.min(1, Math.max(0, Math.log10(Math.max(1, micros) / FIRST_US) / DECADES));
  const start = Math.min(place(p50Us), 0.97);
  const width = Math.max(0.03, place(p99Us) - start);
  return { start, width, tone: p99Us >= STUCK_US ? "failed" : p99Us >= SLOW_US ? "boot" : "info" };
}
