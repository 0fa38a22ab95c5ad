import { LabError } from "./errors.ts";

/** How long to wait and what ends the wait early. */
export interface WaitOptions {
  /** Milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

interface Waiter {
  readonly pattern: string | RegExp;
  found(match: Match): void;
  failed(error: Error): void;
}

/** Where in a transcript a pattern was found. */
export interface Match {
  readonly text: string;
  /** The groups of a regular expression, the whole match first. */
  readonly groups: readonly (string | undefined)[];
  readonly start: number;
  readonly end: number;
}

/**
 * Text that grows (a console, a program's output) and can be waited upon.
 * `mark` is how far earlier waits have consumed it, so that the same prompt can be waited for again.
 */
export class Transcript {
  readonly #what: string;
  readonly #waiters = new Set<Waiter>();
  #text = "";
  #mark = 0;
  #ended: string | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  /** Everything so far. */
  get text(): string {
    return this.#text;
  }

  /** Number of characters that earlier waits consumed. */
  get mark(): number {
    return this.#mark;
  }

  append(text: string): void {
    this.#text += text;
    for (const waiter of this.#waiters) {
      const match = this.#find(waiter.pattern);
      if (match !== undefined) waiter.found(match);
    }
  }

  /** No more text comes; every wait fails with `LabError` "ended", now and later. */
  end(reason: string): void {
    this.#ended ??= reason;
    for (const waiter of this.#waiters) waiter.failed(this.#endedError(waiter.pattern));
  }

  /** Later waits look only at text that is not here yet. */
  skipToEnd(): void {
    this.#mark = this.#text.length;
  }

  /**
   * Resolves when `pattern` stands behind the mark, and moves the mark behind it.
   * Throws `LabError` "timeout" or "ended" with the transcript's tail, or the signal's reason.
   */
  waitFor(pattern: string | RegExp, options: WaitOptions = {}): Promise<Match> {
    const { timeoutMs = 30_000, signal } = options;
    signal?.throwIfAborted();
    const match = this.#find(pattern);
    if (match !== undefined) return Promise.resolve(match);
    if (this.#ended !== undefined) return Promise.reject(this.#endedError(pattern));
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        pattern,
        found(found) {
          settle();
          resolve(found);
        },
        failed(error) {
          settle();
          reject(error);
        },
      };
      const abort = (): void => waiter.failed(toError(signal?.reason));
      const timer = setTimeout(() => {
        const message = `${this.#what}: ${String(pattern)} not seen within ${timeoutMs} ms; last text:\n${this.tail()}`;
        waiter.failed(new LabError("timeout", message));
      }, timeoutMs);
      signal?.addEventListener("abort", abort);
      this.#waiters.add(waiter);
    });
  }

  /** The last characters, for error messages. */
  tail(length = 1500): string {
    return this.#text.slice(-length);
  }

  #find(pattern: string | RegExp): Match | undefined {
    const unread = this.#text.slice(this.#mark);
    let index: number;
    let groups: readonly (string | undefined)[];
    if (typeof pattern === "string") {
      index = unread.indexOf(pattern);
      groups = [pattern];
    } else {
      const found = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, "")).exec(unread);
      index = found?.index ?? -1;
      groups = found ?? [];
    }
    if (index < 0) return undefined;
    const text = groups[0] ?? "";
    const start = this.#mark + index;
    this.#mark = start + text.length;
    return { text, groups, start, end: this.#mark };
  }

  #endedError(pattern: string | RegExp): LabError {
    return new LabError(
      "ended",
      `${this.#what}: ${this.#ended} before ${String(pattern)} was seen; last text:\n${this.tail()}`,
    );
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
