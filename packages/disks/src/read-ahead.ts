/** Readers that are followed at once; more than initiators that boot in the same moment from an image still missing. */
const MAX_FOLLOWED = 256;

interface Followed {
  readonly next: number;
  readonly window: number;
}

/**
 * Decides which chunks to fetch ahead. A reader is taken as sequential when it wants the chunk after one that it wanted;
 * its window doubles each time it reaches what was fetched ahead for it. Readers are told apart by position alone, so that
 * many of them may share one replica.
 */
export class ReadAhead {
  readonly #maxWindow: number;
  readonly #followed = new Map<number, Followed>();

  constructor(maxWindow: number) {
    this.#maxWindow = maxWindow;
  }

  /** To be called with each chunk that a reader had to wait for; returns the chunks to fetch ahead, `[from, to)`. */
  touch(chunk: number): { from: number; to: number } {
    const followed = this.#followed.get(chunk);
    if (followed === undefined) {
      this.#follow(chunk + 1, { next: chunk + 1, window: 1 });
      return { from: chunk + 1, to: chunk + 1 };
    }
    const from = Math.max(followed.next, chunk + 1);
    const to = from + followed.window;
    this.#followed.delete(chunk);
    this.#followed.delete(followed.next);
    const later: Followed = { next: to, window: Math.min(followed.window * 2, this.#maxWindow) };
    // At the first chunk fetched ahead, while the rest is on its way; or behind them, when they were there in time.
    this.#follow(from, later);
    this.#follow(to, later);
    return { from, to };
  }

  #follow(chunk: number, followed: Followed): void {
    this.#followed.set(chunk, followed);
    if (this.#followed.size <= MAX_FOLLOWED) return;
    const oldest = this.#followed.keys().next();
    if (oldest.done !== true) this.#followed.delete(oldest.value);
  }
}
