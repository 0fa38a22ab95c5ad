interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that moves only when it is told to: timers run in the order of their time, and those of one instant in the
 * order in which they were set. For tests of sans-I/O sessions.
 */
export class FakeClock {
  #nowMs: number;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** @param startMs what `now()` says at first. */
  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  /** Milliseconds, as passed to `advance`. A bound function: it can be handed out as `now`. */
  readonly now = (): number => this.#nowMs;

  /** Runs `callback` once, `delayMs` from now. Returns the function that cancels it; cancelling twice is harmless. */
  setTimer(delayMs: number, callback: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Timers that have not run and were not cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves on by `durationMs` and runs what is due on the way. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (let timer = this.#earliest(); timer !== undefined && timer.atMs <= untilMs; timer = this.#earliest()) {
      this.#run(timer);
    }
    this.#nowMs = untilMs;
  }

  /**
   * Runs the earliest timer, moving on to its time.
   *
   * @returns false when no timer was left.
   */
  step(): boolean {
    const timer = this.#earliest();
    if (timer === undefined) {
      return false;
    }
    this.#run(timer);
    return true;
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer);
    this.#nowMs = timer.atMs;
    timer.callback();
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        earliest === undefined ||
        timer.atMs < earliest.atMs ||
        (timer.atMs === earliest.atMs && timer.order < earliest.order)
      ) {
        earliest = timer;
      }
    }
    return earliest;
  }
}
