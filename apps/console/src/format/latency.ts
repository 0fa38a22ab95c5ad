/** A time in microseconds for people, two digits at least where there is a point: "91 µs", "1.4 ms", "12 ms", "1.2 s". */
export function formatMicros(micros: number): string {
  if (micros < 999.5) return `${Math.round(micros)} µs`;
  if (micros < 999_500) return `${short(micros / 1000)} ms`;
  return `${short(micros / 1_000_000)} s`;
}

/** How often a second something is done: "0.3/s", "12/s", "18,400/s". */
export function formatPerSecond(count: number): string {
  return count > 0 && count < 9.95 ? `${count.toFixed(1)}/s` : `${COUNT.format(Math.round(count))}/s`;
}

const COUNT = new Intl.NumberFormat("en-GB");

function short(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}
