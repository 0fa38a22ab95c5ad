/** Where bytes came from. */
export type Source = "seed" | "peers" | "multicast";

/** Time over which the rate is averaged, in milliseconds. */
const WINDOW_MS = 4000;

/** What came in, by source, and how fast. */
export class Traffic {
  readonly #bytes: Record<Source, number> = { seed: 0, peers: 0, multicast: 0 };
  readonly #now: () => number;
  #rate = 0;
  #since: number;
  /** How long a piece takes, on average; 0 until one has come. */
  #pieceMs = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  get bytes(): Readonly<Record<Source, number>> {
    return { ...this.#bytes };
  }

  get total(): number {
    return this.#bytes.seed + this.#bytes.peers + this.#bytes.multicast;
  }

  get pieceMs(): number {
    return this.#pieceMs;
  }

  /** Bytes per second of late: older ones count less. */
  get bytesPerSecond(): number {
    this.#decay();
    return Math.round((this.#rate * 1000) / WINDOW_MS);
  }

  add(source: Source, wireBytes: number): void {
    this.#bytes[source] += wireBytes;
    this.#decay();
    this.#rate += wireBytes;
  }

  tookMs(ms: number): void {
    this.#pieceMs = this.#pieceMs === 0 ? ms : this.#pieceMs * 0.9 + ms * 0.1;
  }

  #decay(): void {
    const now = this.#now();
    this.#rate *= Math.exp(-Math.max(0, now - this.#since) / WINDOW_MS);
    this.#since = now;
  }
}
