import type { Digest } from "./digest.ts";
import { MAX_HTTP_GAP_BYTES, MAX_HTTP_RANGE_BYTES } from "./limits.ts";

/** A stretch of a pack, in bytes. */
export interface PackRange {
  readonly pack: Digest;
  readonly offset: number;
  readonly length: number;
}

interface Wanted extends PackRange {
  readonly resolve: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal;
}

/**
 * Fetches stretches of packs with a bounded number of requests at a time, the oldest wish first. Wishes that wait for
 * neighbouring stretches of one pack share a request.
 */
export class RangeQueue {
  readonly #fetch: (range: PackRange, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;
  readonly #maxRequests: number;
  #waiting: Wanted[] = [];
  #requests = 0;
  #isPumping = false;

  /** `fetch` MUST give exactly the bytes of the range. */
  constructor(fetch: (range: PackRange, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>, maxRequests: number) {
    this.#fetch = fetch;
    this.#maxRequests = maxRequests;
  }

  /** The bytes of a stretch of at most 1 MiB. Rejects with the signal's reason, or as `fetch` does. */
  read(range: PackRange, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      this.#waiting.push({ ...range, resolve, reject, signal });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (this.#isPumping) return;
      this.#isPumping = true;
      // Not yet: what is asked for in the same turn may be neighbours.
      queueMicrotask(() => {
        this.#isPumping = false;
        this.#pump();
      });
    });
  }

  #pump(): void {
    this.#waiting = this.#waiting.filter(({ signal }) => !signal.aborted);
    while (this.#requests < this.#maxRequests) {
      const first = this.#waiting[0];
      if (first === undefined) return;
      const taken = neighboursOf(first, this.#waiting);
      this.#waiting = this.#waiting.filter((wanted) => !taken.has(wanted));
      this.#requests += 1;
      void this.#request([...taken]);
    }
  }

  async #request(wanted: readonly Wanted[]): Promise<void> {
    const { pack } = wanted[0] as Wanted;
    const offset = Math.min(...wanted.map((one) => one.offset));
    const end = Math.max(...wanted.map((one) => one.offset + one.length));
    // The request goes on as long as one of them is wanted.
    const abort = new AbortController();
    const onAbort = (): void => {
      if (wanted.every(({ signal }) => signal.aborted)) abort.abort(wanted[0]?.signal.reason);
    };
    for (const { signal } of wanted) signal.addEventListener("abort", onAbort, { once: true });
    try {
      const bytes = await this.#fetch({ pack, offset, length: end - offset }, abort.signal);
      for (const one of wanted) one.resolve(bytes.subarray(one.offset - offset, one.offset - offset + one.length));
    } catch (error) {
      for (const one of wanted) one.reject(error);
    } finally {
      for (const { signal } of wanted) signal.removeEventListener("abort", onAbort);
      this.#requests -= 1;
      this.#pump();
    }
  }
}

/** The wishes that one request with `first` answers: those of its pack beside it, or beside one beside it. */
function neighboursOf(first: Wanted, waiting: readonly Wanted[]): Set<Wanted> {
  const taken = new Set([first]);
  let start = first.offset;
  let end = first.offset + first.length;
  const samePack = waiting.filter((wanted) => wanted.pack === first.pack && wanted !== first);
  samePack.sort((a, b) => a.offset - b.offset);
  const take = (wanted: Wanted): void => {
    const from = Math.min(start, wanted.offset);
    const to = Math.max(end, wanted.offset + wanted.length);
    const isNear =
      wanted.offset <= end + MAX_HTTP_GAP_BYTES && wanted.offset + wanted.length >= start - MAX_HTTP_GAP_BYTES;
    if (!isNear || to - from > MAX_HTTP_RANGE_BYTES) return;
    taken.add(wanted);
    start = from;
    end = to;
  };
  // Forward from `first`, where a reader goes on, then backward.
  for (const wanted of samePack) if (wanted.offset >= first.offset) take(wanted);
  for (const wanted of samePack.toReversed()) if (wanted.offset < first.offset) take(wanted);
  return taken;
}
