/** The time as the server sees it, told to subscribers once a second. */
export interface Clock {
  /** Milliseconds since 1970 at the last tick, by the server's clock; the same value between two ticks. */
  readonly now: () => number;
  /** Milliseconds since 1970 at this very moment, by the server's clock. */
  readonly time: () => number;
  /** Sets how far the server's clock is ahead of this computer's, in milliseconds. */
  readonly setServerAheadMs: (aheadMs: number) => void;
  /** Calls `listener` after every tick, until the returned function is called. */
  readonly subscribe: (listener: () => void) => () => void;
}

const TICK_MS = 1000;

/**
 * One ticking clock for the whole page: a thousand relative times on it change in one rendering.
 * It ticks only while somebody listens. `time` is this computer's clock.
 */
export function createClock(time: () => number): Clock {
  const listeners = new Set<() => void>();
  let aheadMs = 0;
  let current = time();
  let timer: ReturnType<typeof setInterval> | undefined;

  function tick(): void {
    current = time() + aheadMs;
    for (const listener of listeners) listener();
  }

  return {
    now: () => current,
    time: () => time() + aheadMs,
    setServerAheadMs(value) {
      aheadMs = value;
      tick();
    },
    subscribe(listener) {
      listeners.add(listener);
      if (timer === undefined) {
        current = time() + aheadMs;
        timer = setInterval(tick, TICK_MS);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}
