import type { ChangeWindow } from "@ingot/api";

/** Minutes since midnight of `HH:MM`. */
function minuteOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
}

/** Whether a window is open in this minute of the day, 0 to 1439. `to` is the first minute outside. */
export function isWindowOpen(window: ChangeWindow, minuteOfDay: number): boolean {
  const from = minuteOf(window.from);
  const to = minuteOf(window.to);
  return from < to ? minuteOfDay >= from && minuteOfDay < to : minuteOfDay >= from || minuteOfDay < to;
}

/** Minutes since midnight in the time zone of this process. */
export function localMinuteOfDay(nowMs: number): number {
  const now = new Date(nowMs);
  return now.getHours() * 60 + now.getMinutes();
}
