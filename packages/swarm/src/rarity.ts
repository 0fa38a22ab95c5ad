import type { PieceSet } from "./piece-set.ts";

/** Which pieces may be picked: those in `offered`, not in `held`, `fetching` or `expected`, and in `share` where there is one. */
export interface PieceChoice {
  readonly offered: PieceSet;
  readonly held: PieceSet;
  readonly fetching: PieceSet;
  readonly expected: PieceSet | undefined;
  readonly share: PieceSet | undefined;
}

/** How many neighbours hold each piece, and the choice by it: local rarest first, ties broken by chance. */
export class Rarity {
  readonly #copies: Uint16Array;
  readonly #random: () => number;

  constructor(pieceCount: number, random: () => number) {
    this.#copies = new Uint16Array(pieceCount);
    this.#random = random;
  }

  /** A neighbour holds the piece now. */
  add(piece: number): void {
    this.#copies[piece] = this.copiesOf(piece) + 1;
  }

  /** Counts all pieces of a neighbour in, or out (`by` -1). */
  addAll(held: PieceSet, by: 1 | -1): void {
    for (let piece = 0; piece < held.pieceCount; piece++) {
      if (held.has(piece)) this.#copies[piece] = this.copiesOf(piece) + by;
    }
  }

  copiesOf(piece: number): number {
    return this.#copies[piece] ?? 0;
  }

  /** The rarest piece of a choice; undefined when it is empty. Starts anywhere, so that peers that know nothing yet differ. */
  pick({ offered, held, fetching, expected, share }: PieceChoice): number | undefined {
    const wordCount = offered.words.length;
    const start = Math.floor(this.#random() * wordCount);
    let best: number | undefined;
    let fewest = Infinity;
    let ties = 0;
    for (let i = 0; i < wordCount; i++) {
      const word = (i + start) % wordCount;
      let bits = (offered.words[word] ?? 0) & ~(held.words[word] ?? 0) & ~(fetching.words[word] ?? 0);
      if (expected !== undefined) bits &= ~(expected.words[word] ?? 0);
      if (share !== undefined) bits &= share.words[word] ?? 0;
      while (bits !== 0) {
        const piece = word * 32 + 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        const copies = this.copiesOf(piece);
        if (copies < fewest) {
          fewest = copies;
          best = piece;
          ties = 1;
        } else if (copies === fewest && this.#random() * ++ties < 1) best = piece;
      }
    }
    return best;
  }
}
