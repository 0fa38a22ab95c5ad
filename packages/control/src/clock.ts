/** Time, as a parameter. */
export interface Clock {
  /** Milliseconds since 1970 in UTC. */
  readonly now: () => number;
  /** Runs `callback` once after `delayMs`. The answer cancels it; cancelling twice is harmless. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** The clock's time as the API writes it: ISO 8601, UTC, milliseconds. */
export function timeText(nowMs: number): string {
  return new Date(nowMs).toISOString();
}
