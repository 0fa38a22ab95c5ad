/** The cache's memory as it goes to a thread. */
export interface SharedCache {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** One number: bytes that were ever given out. */
  readonly head: BigInt64Array<SharedArrayBuffer>;
  /** One number: 1 while somebody puts something in. */
  readonly lock: Int32Array<SharedArrayBuffer>;
}

/** For each chunk of an image, where the cache has it: position times 2^24, and its length; 0 where it never had it. */
export type CachePlaces = BigInt64Array<SharedArrayBuffer>;

const LENGTH_BITS = 24n;
const LENGTH_MASK = (1n << LENGTH_BITS) - 1n;

/**
 * The compressed chunks that came last, for handing on without compressing them again. One ring of bytes for all threads and images: a new
 * chunk takes the place of the oldest ones. Nobody waits: who finds another thread putting something in leaves it, and a reader copies first and
 * then looks whether the ring has come round meanwhile.
 */
export class StoredChunkCache {
  readonly shared: SharedCache;
  readonly #size: number;

  constructor(shared: SharedCache) {
    this.shared = shared;
    this.#size = shared.bytes.length;
  }

  static ofSize(bytes: number): StoredChunkCache {
    return new StoredChunkCache({
      bytes: new Uint8Array(new SharedArrayBuffer(bytes)),
      head: new BigInt64Array(new SharedArrayBuffer(8)),
      lock: new Int32Array(new SharedArrayBuffer(4)),
    });
  }

  /** Keeps a payload, unless it is larger than half of the cache or another thread is at it. */
  put(places: CachePlaces, chunk: number, payload: Uint8Array): void {
    if (payload.length * 2 > this.#size || Atomics.compareExchange(this.shared.lock, 0, 0, 1) !== 0) return;
    const position = this.#take(payload.length);
    this.shared.bytes.set(payload, position % this.#size);
    Atomics.store(places, chunk, (BigInt(position) << LENGTH_BITS) | BigInt(payload.length));
    Atomics.store(this.shared.lock, 0, 0);
  }

  /** A copy of the payload, if it is still here. */
  get(places: CachePlaces, chunk: number): Uint8Array<ArrayBuffer> | undefined {
    const place = Atomics.load(places, chunk);
    const length = Number(place & LENGTH_MASK);
    const position = Number(place >> LENGTH_BITS);
    if (length === 0 || !this.#isThere(position)) return undefined;
    const copy = this.shared.bytes.slice(position % this.#size, (position % this.#size) + length);
    return this.#isThere(position) ? new Uint8Array(copy) : undefined;
  }

  /** Gives out one stretch of the ring; what does not fit in front of the ring's end goes behind its start. */
  #take(length: number): number {
    const head = Number(Atomics.load(this.shared.head, 0));
    const left = this.#size - (head % this.#size);
    const position = left < length ? head + left : head;
    Atomics.store(this.shared.head, 0, BigInt(position + length));
    return position;
  }

  #isThere(position: number): boolean {
    return Number(Atomics.load(this.shared.head, 0)) - position <= this.#size;
  }
}
