/** Bytes that may go at once after a pause, in nanoseconds of the rate: as much as goes out in 20 ms. */
const BURST_NS = 20_000_000n;

/**
 * A limit of bytes per second that several threads keep together. What it holds is the time at which everything reserved so far will have
 * gone at that rate (the "virtual scheduling" form of a leaky bucket); a thread that reserves moves it on and waits until it is near.
 */
export class RateCap {
  /** One number: nanoseconds of the process's monotonic clock. */
  readonly shared: BigInt64Array<SharedArrayBuffer>;
  readonly #bytesPerSecond: number;

  constructor(bytesPerSecond: number, shared: BigInt64Array<SharedArrayBuffer>) {
    this.#bytesPerSecond = bytesPerSecond;
    this.shared = shared;
  }

  static of(bytesPerSecond: number): RateCap {
    return new RateCap(bytesPerSecond, new BigInt64Array(new SharedArrayBuffer(8)));
  }

  get isUnlimited(): boolean {
    return !Number.isFinite(this.#bytesPerSecond);
  }

  /** Counts `bytes`, and returns the milliseconds to wait for them; `nowNs` is the process's monotonic clock. */
  reserve(bytes: number, nowNs: bigint): number {
    if (this.isUnlimited) return 0;
    const lasts = BigInt(Math.round((bytes / this.#bytesPerSecond) * 1e9));
    for (;;) {
      const reserved = Atomics.load(this.shared, 0);
      const from = reserved > nowNs ? reserved : nowNs;
      if (Atomics.compareExchange(this.shared, 0, reserved, from + lasts) !== reserved) continue;
      const waitNs = from + lasts - nowNs - BURST_NS;
      return waitNs > 0n ? Number(waitNs) / 1e6 : 0;
    }
  }
}
