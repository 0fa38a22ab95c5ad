/** Rates are averages over this long: steady enough to be read, and true again a few seconds after a change. */
const RATE_WINDOW_MS = 3000;

interface Point {
  readonly atMs: number;
  readonly total: number;
}

/** How fast a total grows, over the last few seconds. */
export class RateWindow {
  /** Oldest first: the last one before the window began, and those in it. */
  readonly #points: Point[] = [];

  /** Starts with a total at a moment. */
  constructor(atMs: number, total = 0) {
    this.#points.push({ atMs, total });
  }

  /** The total of a later moment. */
  put(atMs: number, total: number): void {
    this.#points.push({ atMs, total });
    const first = this.#points.findLastIndex((point) => point.atMs <= atMs - RATE_WINDOW_MS);
    if (first > 0) this.#points.splice(0, first);
  }

  /** What was put last. */
  get total(): number {
    return this.#points.at(-1)?.total ?? 0;
  }

  /** Growth a second. Two totals of one moment show none; the next will. */
  get perSecond(): number {
    const first = this.#points[0];
    const last = this.#points.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return (Math.max(0, last.total - first.total) * 1000) / (last.atMs - first.atMs);
  }
}
