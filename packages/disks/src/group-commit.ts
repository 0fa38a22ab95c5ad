/**
 * Lets concurrent callers share one commit. A caller gets a commit that begins after its call: the one that is
 * waiting to begin, never the one that is under way.
 */
export class GroupCommit {
  readonly #commit: () => Promise<void>;
  #running: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;

  constructor(commit: () => Promise<void>) {
    this.#commit = commit;
  }

  /** Resolves when a commit that began after this call has succeeded; rejects with that commit's error. */
  run(): Promise<void> {
    this.#waiting ??= this.#next(this.#running);
    return this.#waiting;
  }

  async #next(before: Promise<void> | undefined): Promise<void> {
    // The error of the commit before belongs to its own callers.
    await before?.catch(() => undefined);
    // Without a commit before there is still one turn of waiting, so that calls of the same turn share.
    await Promise.resolve();
    const running = this.#commit();
    this.#running = running;
    this.#waiting = undefined;
    try {
      await running;
    } finally {
      if (this.#running === running) this.#running = undefined;
    }
  }
}
