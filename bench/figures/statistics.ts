/** The middle of the numbers; of an even count the mean of the two in the middle. NaN of none. */
export function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The number that `share` (0 to 1) of the sorted numbers do not exceed. NaN of none. */
export function percentileOf(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** `12,345 (11,000..13,000)`: the median and where the others were. */
export function formatSpread(numbers: readonly number[], digits = 0): string {
  const format = (value: number): string =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${format(medianOf(numbers))} (${format(Math.min(...numbers))}..${format(Math.max(...numbers))})`;
}
