/** How long an answer is followed by polling: several times what a busy initiator needs to ask again over a fast network. */
export const BUSY_POLL_MICROSECONDS = 100;

/** Answers that are not followed by polling after it was in vain many times in a row. */
const MAX_SKIPPED_ANSWERS = 1024;

/** What polling needs of the event loop. */
export interface BusyPollDeps {
  /** Milliseconds, with fractions, of a clock that never goes back. */
  now(): number;
  /** Calls back once in the next turn of the event loop, which then does not sleep before it. */
  soon(callback: () => void): void;
}

/**
 * Keeps the event loop awake for a moment after it has answered an initiator that sends one command at a time, as iPXE does and as
 * systems do while they boot. Such an initiator asks again within microseconds, and going to sleep and being woken costs both sides
 * more than that. Everything else that the loop has to do goes on meanwhile.
 *
 * It ends by itself where it does not pay: when several commands or several initiators come at a time there is no waiting to be
 * saved, and when nothing came in time, ever more answers are left without it.
 */
export class BusyPoll {
  readonly #deps: BusyPollDeps;
  /** Who was answered last. */
  #lastAsker: object | undefined;
  #untilMs = 0;
  #isPolling = false;
  #hasHit = false;
  #misses = 0;
  #skip = 0;

  constructor(deps: BusyPollDeps) {
    this.#deps = deps;
  }

  /** One command of `asker` came alone and was answered, and nothing of it is under way. */
  answered(asker: object): void {
    const isSame = this.#lastAsker === asker;
    this.#lastAsker = asker;
    if (this.#isPolling) {
      this.#hasHit = true;
      this.#untilMs = isSame ? this.#deps.now() + BUSY_POLL_MICROSECONDS / 1000 : 0;
      return;
    }
    if (!isSame) return;
    if (this.#skip > 0) {
      this.#skip--;
      return;
    }
    this.#isPolling = true;
    this.#hasHit = false;
    this.#untilMs = this.#deps.now() + BUSY_POLL_MICROSECONDS / 1000;
    this.#deps.soon(this.#turn);
  }

  /** Commands came that were more than one, or take their time: there is no waiting to be saved. */
  stop(): void {
    this.#untilMs = 0;
    this.#lastAsker = undefined;
  }

  readonly #turn = (): void => {
    if (this.#untilMs > 0 && this.#deps.now() < this.#untilMs) {
      this.#deps.soon(this.#turn);
      return;
    }
    this.#isPolling = false;
    this.#misses = this.#hasHit ? 0 : this.#misses + 1;
    this.#skip = this.#hasHit ? 0 : Math.min(2 ** this.#misses, MAX_SKIPPED_ANSWERS);
  };
}
