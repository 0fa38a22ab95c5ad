/** What a prefetch works on: a replica's chunks, by their number among the manifest's chunk extents. */
export interface PrefetchSource {
  /** Whether the chunk is in the backing. */
  isHeld(chunk: number): boolean;
  /** Bytes of the chunk. */
  lengthOf(chunk: number): number;
  /** Brings a held chunk into the page cache. */
  warm(chunk: number): void | Promise<void>;
  /** Fetches a missing chunk into the backing. */
  fetch(chunk: number): unknown;
}

/** How a prefetch uses the machine. */
export interface PrefetchOptions {
  /** Ends it; what is under way is finished. */
  readonly signal?: AbortSignal;
  /** The trace is followed until its chunks have this many bytes. Default: no limit. */
  readonly maxBytes?: number;
  /** Missing chunks that are fetched at once. Default 6: at 200 Mbit/s and 20 ms, what is on its way at one time. */
  readonly maxFetches?: number;
  /** Held chunks that are read at once. Default 2, half of Node's thread pool. */
  readonly maxWarmings?: number;
}

/** What a prefetch did. */
export interface PrefetchReport {
  /** Held chunks that were brought into the page cache, and their bytes. */
  readonly warmedChunks: number;
  readonly warmedBytes: number;
  /** Missing chunks that were fetched, and their bytes. */
  readonly fetchedChunks: number;
  readonly fetchedBytes: number;
  /** Chunks of which it failed; whoever reads them hears why. */
  readonly failedChunks: number;
}

const DEFAULT_MAX_FETCHES = 6;
const DEFAULT_MAX_WARMINGS = 2;
/** While a machine waits for a chunk that is fetched for it alone, so many others are fetched beside it. */
const FETCHES_BESIDE_DEMAND = 1;
/** A machine that wants a chunk this little ahead has overtaken the prefetch; one that wants another strays. */
const MAX_OVERTAKEN = 32;
/** Failures in a row after which the rest would fail too. */
const MAX_FAILURES = 8;

/** A stretch of the trace, as positions `[next, end)`. */
interface Stretch {
  next: number;
  readonly end: number;
}

/**
 * Brings the chunks of a boot trace near, in its order and nothing else: held ones into the page cache, missing ones into the
 * backing. What a machine waits for goes first; when a machine overtakes the prefetch, it goes on ahead of the machine and
 * comes back for what was left out at the end.
 */
export class Prefetch {
  readonly #source: PrefetchSource;
  readonly #chunks: readonly number[];
  readonly #positions: ReadonlyMap<number, number>;
  readonly #maxFetches: number;
  readonly #maxWarmings: number;
  readonly #fetching = new Set<number>();
  readonly #fetched = new Set<number>();
  readonly #settled = Promise.withResolvers<PrefetchReport>();
  readonly #warmings: Stretch;
  /** What is still to be fetched; the first stretch first. */
  readonly #fetches: Stretch[];
  #demands = 0;
  #warming = 0;
  #failuresInRow = 0;
  #isStopped = false;
  #warmedChunks = 0;
  #warmedBytes = 0;
  #fetchedBytes = 0;
  #failedChunks = 0;

  /** Starts at once. `chunks`: numbers of chunks that the source has, none twice. */
  constructor(source: PrefetchSource, chunks: readonly number[], options: PrefetchOptions = {}) {
    this.#source = source;
    this.#chunks = within(source, chunks, options.maxBytes ?? Infinity);
    this.#positions = new Map(this.#chunks.map((chunk, position) => [chunk, position]));
    this.#maxFetches = options.maxFetches ?? DEFAULT_MAX_FETCHES;
    this.#maxWarmings = options.maxWarmings ?? DEFAULT_MAX_WARMINGS;
    this.#warmings = { next: 0, end: this.#chunks.length };
    this.#fetches = [{ next: 0, end: this.#chunks.length }];
    if (options.signal?.aborted === true) this.#isStopped = true;
    options.signal?.addEventListener("abort", () => this.stop(), { once: true });
    this.#pump();
  }

  /** Resolves when nothing of it is under way any more; never rejects. */
  get done(): Promise<PrefetchReport> {
    return this.#settled.promise;
  }

  /** Whether missing chunks are being fetched. */
  get isFetching(): boolean {
    return this.#fetching.size > 0;
  }

  /** Begins nothing new. May be called twice. */
  stop(): void {
    this.#isStopped = true;
    this.#pump();
  }

  /** To be told of each chunk that a machine waits for, and until when. */
  demanded(chunk: number, fetching: Promise<unknown>): void {
    if (this.#fetching.has(chunk)) return;
    this.#skipTo(chunk);
    this.#demands += 1;
    const settle = (): void => {
      this.#demands -= 1;
      this.#pump();
    };
    fetching.then(settle, settle);
  }

  #skipTo(chunk: number): void {
    const [present] = this.#fetches;
    const position = this.#positions.get(chunk);
    if (present === undefined || position === undefined) return;
    if (position < present.next || position >= present.end || position - present.next > MAX_OVERTAKEN) return;
    if (position > present.next) this.#fetches.push({ next: present.next, end: position });
    present.next = position + 1;
  }

  #pump(): void {
    const maxFetches = this.#demands > 0 ? FETCHES_BESIDE_DEMAND : this.#maxFetches;
    while (this.#fetching.size < maxFetches) {
      const chunk = this.#takeMissing();
      if (chunk === undefined) break;
      this.#fetching.add(chunk);
      void this.#fetch(chunk);
    }
    while (this.#warming < this.#maxWarmings) {
      const chunk = this.#takeHeld();
      if (chunk === undefined) break;
      this.#warming += 1;
      void this.#warm(chunk);
    }
    if (this.#fetching.size > 0 || this.#warming > 0) return;
    this.#settled.resolve({
      warmedChunks: this.#warmedChunks,
      warmedBytes: this.#warmedBytes,
      fetchedChunks: this.#fetched.size,
      fetchedBytes: this.#fetchedBytes,
      failedChunks: this.#failedChunks,
    });
  }

  #takeMissing(): number | undefined {
    while (!this.#isStopped) {
      const [present] = this.#fetches;
      if (present === undefined) return undefined;
      if (present.next === present.end) {
        this.#fetches.shift();
        continue;
      }
      const chunk = this.#chunks[present.next++];
      if (chunk !== undefined && !this.#source.isHeld(chunk)) return chunk;
    }
    return undefined;
  }

  #takeHeld(): number | undefined {
    while (!this.#isStopped && this.#warmings.next < this.#warmings.end) {
      const chunk = this.#chunks[this.#warmings.next++];
      // What was just fetched is in the page cache.
      if (chunk !== undefined && this.#source.isHeld(chunk) && !this.#fetched.has(chunk)) return chunk;
    }
    return undefined;
  }

  async #fetch(chunk: number): Promise<void> {
    try {
      await this.#source.fetch(chunk);
      this.#fetched.add(chunk);
      this.#fetchedBytes += this.#source.lengthOf(chunk);
      this.#failuresInRow = 0;
    } catch {
      this.#countFailure();
    }
    this.#fetching.delete(chunk);
    this.#pump();
  }

  async #warm(chunk: number): Promise<void> {
    try {
      await this.#source.warm(chunk);
      this.#warmedChunks += 1;
      this.#warmedBytes += this.#source.lengthOf(chunk);
      this.#failuresInRow = 0;
    } catch {
      this.#countFailure();
    }
    this.#warming -= 1;
    this.#pump();
  }

  #countFailure(): void {
    this.#failedChunks += 1;
    this.#failuresInRow += 1;
    if (this.#failuresInRow >= MAX_FAILURES) this.#isStopped = true;
  }
}

function within(source: PrefetchSource, chunks: readonly number[], maxBytes: number): number[] {
  let bytes = 0;
  return chunks.filter((chunk) => (bytes += source.lengthOf(chunk)) <= maxBytes);
}
