import { MAX_FREE_BUFFERS, POOLED_BUFFER_BYTES, SCARCE_BUFFERS } from "../limits.ts";

/**
 * A pooled buffer together with the number of its users. Whoever keeps a part of it beyond the current call
 * calls `retain`, and later `release` once; at zero it goes back to the pool.
 */
export class PooledBuffer {
  readonly bytes: Uint8Array = new Uint8Array(POOLED_BUFFER_BYTES);
  readonly #pool: BufferPool;
  #users = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  get users(): number {
    return this.#users;
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) this.#pool.put(this);
  }
}

/** Buffers of one size for a whole server: the last one given back is the next one taken, while the caches still know it. */
export class BufferPool {
  readonly #free: PooledBuffer[] = [];
  #used = 0;

  /** Whether so many are in use that everybody should get along with few. */
  get isScarce(): boolean {
    return this.#used >= SCARCE_BUFFERS;
  }

  /** A buffer with one user, its content undefined. */
  take(): PooledBuffer {
    this.#used++;
    const buffer = this.#free.pop() ?? new PooledBuffer(this);
    buffer.retain();
    return buffer;
  }

  /** Called by `PooledBuffer.release`. */
  put(buffer: PooledBuffer): void {
    this.#used--;
    if (this.#free.length < MAX_FREE_BUFFERS) this.#free.push(buffer);
  }
}
