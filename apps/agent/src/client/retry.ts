import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../errors.ts";
import { MAX_TASK_BACK_OFF_MS } from "../limits.ts";
import { backOffMs } from "./back-off.ts";

/** How an operation is tried again. */
export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of each failure and of the wait that follows. */
  readonly onWait?: ((error: AgentError, waitMs: number) => void) | undefined;
  /** Gives up after so many tries; without it never. */
  readonly tries?: number | undefined;
  readonly random?: (() => number) | undefined;
}

/** Repeats an operation of a task while the server cannot be reached; every other error passes. */
export async function withRetry<T>(operation: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== "server-unreachable") throw error;
      if (options.tries !== undefined && attempt >= options.tries) throw error;
      const waitMs = error.retryAfterMs ?? backOffMs(attempt, (options.random ?? Math.random)(), MAX_TASK_BACK_OFF_MS);
      options.onWait?.(error, waitMs);
      await sleep(waitMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
    }
  }
}
