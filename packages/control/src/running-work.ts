import { ControlError } from "./errors.ts";

/** Long work that ends before the server does: whoever closes aborts what runs and waits for it. */
export class RunningWork {
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /**
   * Runs `work` with a signal that fires for `signal` and for {@link close}.
   * @throws ControlError `busy` after `close`; what `work` throws passes through.
   */
  async run<Result>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const stopping = this.#stopping.signal;
    if (stopping.aborted) throw new ControlError("busy", "the server is stopping");
    const running = work(signal === undefined ? stopping : AbortSignal.any([stopping, signal]));
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Aborts everything and resolves when it has ended, however it did. Idempotent. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#running);
  }
}
