import type { SwarmClock } from "./clock.ts";

/** The machine's own clock; `aheadMs` is added to it, where the server's is known to differ. */
export function systemClock(aheadMs = 0): SwarmClock {
  return {
    now: () => Date.now() + aheadMs,
    after: (ms, call) => {
      const timer = setTimeout(call, ms);
      return () => clearTimeout(timer);
    },
  };
}
