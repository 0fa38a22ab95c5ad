const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/**
 * A size in bytes for people: three significant digits at most, binary units ("1.46 GiB").
 * `0`, negative and non-finite values give "0 B": a size that is not known is not shown through here.
 */
export function formatBytes(sizeBytes: number): string {
  if (!Number.isFinite(sizeBytes) || sizeBytes <= 0) return "0 B";
  let value = sizeBytes;
  let unit = 0;
  // 999.5 would be shown as "1000", so the next unit starts there and not at 1024.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${threeDigits(value, unit === 0)} ${UNITS[unit]}`;
}

/** A rate in bytes a second ("12.4 MiB/s"); "0 B/s" when nothing moves. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

function threeDigits(value: number, whole: boolean): string {
  if (whole || value >= 99.95) return String(Math.round(value));
  if (value >= 9.995) return value.toFixed(1);
  return value.toFixed(2);
}
