interface Held {
  readonly first: number;
  readonly end: number;
  readonly done: Promise<void>;
}

/**
 * Orders the changes of a disk that cannot finish at once: changes of overlapping block ranges run one after the
 * other in the order of their calls, all others run freely. Short lists (a queue depth) make a plain scan right.
 */
export class RangeLocks {
  readonly #held: Held[] = [];

  /** Whether no change of a block in `[first, end)` is under way or waiting. */
  isFree(first: number, end: number): boolean {
    for (const held of this.#held) if (held.first < end && first < held.end) return false;
    return true;
  }

  /** Runs `change` when every earlier change of an overlapping range has settled. */
  async run(first: number, end: number, change: () => void | Promise<void>): Promise<void> {
    const earlier = this.#held.filter((held) => held.first < end && first < held.end).map((held) => held.done);
    await this.hold(
      first,
      end,
      Promise.all(earlier).then(() => change()),
    );
  }

  /** Holds `[first, end)`, which MUST be free or waited for, until `change` settles. */
  async hold(first: number, end: number, change: Promise<void>): Promise<void> {
    const held: Held = { first, end, done: change.catch(() => undefined) };
    this.#held.push(held);
    try {
      await change;
    } finally {
      this.#held.splice(this.#held.indexOf(held), 1);
    }
  }

  /** Resolves when every change that is under way or waiting now has settled. */
  async drained(): Promise<void> {
    await Promise.all(this.#held.map((held) => held.done));
  }
}
