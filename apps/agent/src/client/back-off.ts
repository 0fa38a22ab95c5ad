import { MAX_BACK_OFF_MS, MIN_BACK_OFF_MS } from "../limits.ts";

/**
 * How long to wait before try `attempt` (1 is the first repeat), in milliseconds: doubling, half of it random, so that
 * a fleet that lost its server together does not come back together.
 * @param random 0 … 1
 * @param longestMs where the doubling ends
 */
export function backOffMs(attempt: number, random: number, longestMs: number = MAX_BACK_OFF_MS): number {
  const longest = Math.min(longestMs, MIN_BACK_OFF_MS * 2 ** Math.min(attempt - 1, 20));
  return Math.round(longest / 2 + (longest / 2) * random);
}
