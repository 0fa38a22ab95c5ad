import type { PackSet } from "./pack-set.ts";

/** What a peer that held everything from the start has given away, so that every pack leaves it once before any leaves it twice. */
export class SuperSeeding {
  /** How often each pack was given, those on offer included. */
  readonly #given: Uint16Array;
  /** What each neighbour is offered now. */
  readonly #offers = new Map<number, number>();
  readonly #random: () => number;

  constructor(packCount: number, random: () => number) {
    this.#given = new Uint16Array(packCount);
    this.#random = random;
  }

  /** The pack to offer to a neighbour that holds `held`: any of those given least often that it lacks. */
  offer(neighbour: number, held: PackSet): number | undefined {
    const count = this.#given.length;
    const start = Math.floor(this.#random() * count);
    let best: number | undefined;
    let fewest = Infinity;
    for (let i = 0; i < count && fewest > 0; i++) {
      const pack = (start + i) % count;
      const times = this.#given[pack] ?? 0;
      if (times >= fewest || held.has(pack)) continue;
      best = pack;
      fewest = times;
    }
    if (best === undefined) return undefined;
    this.#offers.set(neighbour, best);
    this.#count(best, 1);
    return best;
  }

  /** The neighbour took this pack, which need not be the one on offer. */
  took(neighbour: number, pack: number): void {
    this.withdraw(neighbour);
    this.#count(pack, 1);
  }

  /** The neighbour did not take what was on offer. */
  withdraw(neighbour: number): void {
    const offered = this.#offers.get(neighbour);
    if (offered === undefined) return;
    this.#offers.delete(neighbour);
    this.#count(offered, -1);
  }

  #count(pack: number, by: 1 | -1): void {
    this.#given[pack] = (this.#given[pack] ?? 0) + by;
  }
}
