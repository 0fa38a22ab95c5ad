const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A length of time in milliseconds for people, in at most two units: "8 ms", "0.42 s", "4.2 s", "90 s", "2 min 12 s", "2 h 05 min", "3 d 4 h".
 * Up to 99 s there are only seconds: boots are told in them, and the columns are narrow. Negative values (two clocks that disagree) count as zero.
 */
export function formatDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  if (ms < 995) return `${(ms / SECOND).toFixed(2)} s`;
  if (ms < 9_950) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < 99_500) return `${Math.round(ms / SECOND)} s`;
  if (ms < HOUR - 500) return twoUnits(Math.round(ms / SECOND), 60, "min", "s");
  if (ms < DAY - MINUTE / 2) return twoUnits(Math.round(ms / MINUTE), 60, "h", "min");
  return twoUnits(Math.round(ms / HOUR), 24, "d", "h");
}

/**
 * How long ago a moment was: "now", "12 s ago", "3 min ago", "5 h ago", "2 d ago"; only one unit, so that a column of them stays quiet.
 * A moment in the future counts as "now".
 */
export function formatAgo(thenMs: number, nowMs: number): string {
  const ms = nowMs - thenMs;
  if (ms < 2 * SECOND) return "now";
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

/** The time of day with seconds, in the reader's time zone, 24 hours: "14:03:27". */
export function formatClock(atMs: number): string {
  return CLOCK.format(atMs);
}

/** Day and time of day with seconds, short enough for a column of a log: "22 Nov 14:03:27". */
export function formatLogTime(atMs: number): string {
  return `${DAY_OF_YEAR.format(atMs)} ${CLOCK.format(atMs)}`;
}

/** Date and time of day with seconds, in the reader's time zone: "22 Nov 2026, 14:03:27". */
export function formatMoment(atMs: number): string {
  return MOMENT.format(atMs);
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY_OF_YEAR = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short" });
const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

function twoUnits(small: number, perLarge: number, largeName: string, smallName: string): string {
  const rest = small % perLarge;
  const large = (small - rest) / perLarge;
  return rest === 0 ? `${large} ${largeName}` : `${large} ${largeName} ${rest} ${smallName}`;
}
