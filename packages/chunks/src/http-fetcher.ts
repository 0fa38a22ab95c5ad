import { ChunkError } from "./errors.ts";

/** What is asked of a server. */
export interface HttpWish {
  /** Part of the file, in bytes. A server that knows no ranges answers with the whole file. */
  readonly range?: { readonly offset: number; readonly length: number };
  /** A longer answer is an error. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

/** An answer of a server, whatever its status. The bytes mean something for 200 and 206 only. */
export interface HttpAnswer {
  readonly status: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The header of that name. */
  readonly contentRange: string | undefined;
}

/** One GET request. Rejects when there is no whole answer, with a `ChunkError` where another try cannot help; MUST reject soon after the signal. */
export interface HttpGetter {
  get(path: string, wish: HttpWish): Promise<HttpAnswer>;
}

/** How often something is tried, and how long it is waited in between. */
export interface HttpRetries {
  /** Tries in all, at least 1. */
  readonly attempts: number;
  /** Wait before the second try; it doubles with each one up to `longestDelayMs`. A random part of up to half is taken off. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** Rejects with the signal's reason when that fires. */
  readonly wait: (delayMs: number, signal: AbortSignal) => Promise<void>;
  /** 0 … 1. */
  readonly random: () => number;
}

/** 408 Request Timeout, 429 Too Many Requests; and all of the server's own faults. */
const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/**
 * Reads files of a server: tries again what may pass (no connection, a cut answer, an overloaded server), and tells "not
 * there" from everything else.
 */
export class HttpFetcher {
  readonly #getter: HttpGetter;
  readonly #retries: HttpRetries;
  /** For messages. */
  readonly #base: string;

  constructor(getter: HttpGetter, base: string, retries: HttpRetries) {
    this.#getter = getter;
    this.#base = base;
    this.#retries = retries;
  }

  /** The whole file, or `undefined` when it is not there. Throws `ChunkError` `io` or `too-large`, or the signal's reason. */
  async read(path: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const answer = await this.#get(path, { maxBytes, signal });
    if (answer === undefined || answer.status === 200) return answer?.bytes;
    throw this.#refused(path, answer.status);
  }

  /**
   * Exactly `length` bytes at `offset` of a file of at most `maxFileBytes`, or `undefined` when the file is not there.
   * Throws `ChunkError` `io`, `too-large` or `damaged` (the file is shorter), or the signal's reason.
   */
  async readRange(
    path: string,
    range: { readonly offset: number; readonly length: number; readonly maxFileBytes: number },
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { offset, length, maxFileBytes: maxBytes } = range;
    const answer = await this.#get(path, { range: { offset, length }, maxBytes, signal });
    if (answer === undefined) return undefined;
    const { status, bytes, contentRange } = answer;
    // 416: the file ends before the range.
    if (status === 416) throw this.#tooShort(path, offset + length);
    if (status === 200) {
      // A server without ranges: the whole file, of which we take our part.
      if (bytes.length < offset + length) throw this.#tooShort(path, offset + length);
      return bytes.slice(offset, offset + length);
    }
    if (status !== 206) throw this.#refused(path, status);
    const isOurs = contentRange?.startsWith(`bytes ${offset}-${offset + bytes.length - 1}/`) === true;
    if (!isOurs || bytes.length > length) {
      const got = `${bytes.length} bytes, Content-Range ${JSON.stringify(contentRange)}`;
      throw new ChunkError("io", `${this.#base}${path}: got ${got}, expected ${length} bytes from ${offset}`, { path });
    }
    if (bytes.length < length) throw this.#tooShort(path, offset + length);
    return bytes;
  }

  /** The last answer of at most `attempts`; `undefined` for 404 and 410. */
  async #get(path: string, wish: HttpWish & { readonly signal: AbortSignal }): Promise<HttpAnswer | undefined> {
    const { attempts, firstDelayMs, longestDelayMs, wait, random } = this.#retries;
    for (let attempt = 1; ; attempt++) {
      wish.signal.throwIfAborted();
      let failure: unknown;
      try {
        const answer = await this.#getter.get(path, wish);
        if (answer.status === 404 || answer.status === 410) return undefined;
        if (!isPassing(answer.status)) return answer;
        failure = this.#refused(path, answer.status);
      } catch (error) {
        wish.signal.throwIfAborted();
        if (error instanceof ChunkError)
          throw new ChunkError(error.code, `${this.#base}${path}: ${error.message}`, { path });
        failure = error;
      }
      if (attempt >= attempts) throw this.#gaveUp(path, attempt, failure);
      const delayMs = Math.min(firstDelayMs * 2 ** (attempt - 1), longestDelayMs);
      await wait(delayMs * (1 - random() / 2), wish.signal);
    }
  }

  #gaveUp(path: string, attempts: number, cause: unknown): ChunkError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new ChunkError("io", `${this.#base}${path}: given up after ${attempts} tries: ${why}`, { path, cause });
  }

  #refused(path: string, status: number): ChunkError {
    return new ChunkError("io", `${this.#base}${path}: got HTTP status ${status}, expected 200 or 206`, { path });
  }

  #tooShort(path: string, wantedBytes: number): ChunkError {
    const message = `${this.#base}${path}: the file ends before byte ${wantedBytes}, which its index names`;
    return new ChunkError("damaged", message, { path });
  }
}
