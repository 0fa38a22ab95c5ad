import type { PieceSet } from "./piece-set.ts";

/** What a peer that held everything from the start has given away, so that every piece leaves it once before any leaves it twice. */
export class SuperSeeding {
  /** How often each piece was given, those on offer included. */
  readonly #given: Uint16Array;
  /** What each neighbour is offered now. */
  readonly #offers = new Map<number, number>();
  /** What each neighbour has taken. */
  readonly #taken = new Map<number, number[]>();
  readonly #random: () => number;

  constructor(pieceCount: number, random: () => number) {
    this.#given = new Uint16Array(pieceCount);
    this.#random = random;
  }

  /** The piece to offer to a neighbour that holds `held`: any of those given least often that it lacks. */
  offer(neighbour: number, held: PieceSet): number | undefined {
    const count = this.#given.length;
    const start = Math.floor(this.#random() * count);
    let best: number | undefined;
    let fewest = Infinity;
    for (let i = 0; i < count && fewest > 0; i++) {
      const piece = (start + i) % count;
      const times = this.#given[piece] ?? 0;
      if (times >= fewest || held.has(piece)) continue;
      best = piece;
      fewest = times;
    }
    if (best === undefined) return undefined;
    this.#offers.set(neighbour, best);
    this.#count(best, 1);
    return best;
  }

  /** The neighbour took this piece, which need not be the one on offer. */
  took(neighbour: number, piece: number): void {
    this.withdraw(neighbour);
    this.#count(piece, 1);
    const taken = this.#taken.get(neighbour);
    if (taken === undefined) this.#taken.set(neighbour, [piece]);
    else taken.push(piece);
  }

  /** The neighbour is gone, or seems to be: what it took and nobody else is known to hold was never given. */
  lost(neighbour: number, isElsewhere: (piece: number) => boolean): void {
    this.withdraw(neighbour);
    for (const piece of this.#taken.get(neighbour) ?? []) if (!isElsewhere(piece)) this.#given[piece] = 0;
    this.#taken.delete(neighbour);
  }

  /** The neighbour did not take what was on offer. */
  withdraw(neighbour: number): void {
    const offered = this.#offers.get(neighbour);
    if (offered === undefined) return;
    this.#offers.delete(neighbour);
    this.#count(offered, -1);
  }

  #count(piece: number, by: 1 | -1): void {
    this.#given[piece] = (this.#given[piece] ?? 0) + by;
  }
}
