import { expect, it } from "vitest";
import { formatMicros, formatPerSecond } from "./latency.ts";

it.each([
  [0, "0 µs"],
  [91, "91 µs"],
  [999, "999 µs"],
  [999.7, "1.0 ms"],
  [1400, "1.4 ms"],
  [9960, "10 ms"],
  [951_000, "951 ms"],
  [999_700, "1.0 s"],
  [12_400_000, "12 s"],
])("writes %d microseconds as %s", (micros, text) => {
  expect(formatMicros(micros)).toBe(text);
});

it.each([
  [0, "0/s"],
  [0.3, "0.3/s"],
  [9.96, "10/s"],
  [18_400.4, "18,400/s"],
])("writes %d a second as %s", (count, text) => {
  expect(formatPerSecond(count)).toBe(text);
});
