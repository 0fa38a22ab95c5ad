import { performance } from "node:perf_hooks";

const LOOK_MS = 100;
const BUCKETS = 24;

/**
 * How late the main thread comes to what is due, looked at ten times a second: counts by powers of two in microseconds, as the
 * latencies of commands. They only grow, so any number of readers may come, each at its own pace.
 */
export class EventLoopDelay {
  readonly #buckets: number[] = Array.from({ length: BUCKETS }, () => 0);
  readonly #timer: NodeJS.Timeout;
  #dueMs = performance.now() + LOOK_MS;

  constructor() {
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** What was seen so far. */
  get buckets(): readonly number[] {
    return this.#buckets;
  }

  /** Busy and idle time of the main thread since it started, in seconds. */
  get used(): { readonly activeSeconds: number; readonly idleSeconds: number } {
    const { active, idle } = performance.eventLoopUtilization();
    return { activeSeconds: active / 1000, idleSeconds: idle / 1000 };
  }

  /** Ends it. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    const lateUs = Math.min(Math.max(1, (nowMs - this.#dueMs) * 1000), 2 ** 30);
    const index = Math.min(BUCKETS - 1, 31 - Math.clz32(lateUs));
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#dueMs = nowMs + LOOK_MS;
  }
}
