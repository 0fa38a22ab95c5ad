import type { PackSet } from "./pack-set.ts";

/** Which packs may be picked: those in `offered`, not in `held`, not in `fetching`, and in `share` where there is one. */
export interface PackChoice {
  readonly offered: PackSet;
  readonly held: PackSet;
  readonly fetching: PackSet;
  readonly share: PackSet | undefined;
}

/** How many neighbours hold each pack, and the choice by it: local rarest first, ties broken by chance. */
export class Rarity {
  readonly #copies: Uint16Array;
  readonly #random: () => number;

  constructor(packCount: number, random: () => number) {
    this.#copies = new Uint16Array(packCount);
    this.#random = random;
  }

  /** A neighbour holds the pack now. */
  add(pack: number): void {
    this.#copies[pack] = this.copiesOf(pack) + 1;
  }

  /** Counts all packs of a neighbour in, or out (`by` -1). */
  addAll(held: PackSet, by: 1 | -1): void {
    for (let pack = 0; pack < held.packCount; pack++) {
      if (held.has(pack)) this.#copies[pack] = this.copiesOf(pack) + by;
    }
  }

  copiesOf(pack: number): number {
    return this.#copies[pack] ?? 0;
  }

  /** The rarest pack of a choice; undefined when it is empty. Starts anywhere, so that peers that know nothing yet differ. */
  pick({ offered, held, fetching, share }: PackChoice): number | undefined {
    const wordCount = offered.words.length;
    const start = Math.floor(this.#random() * wordCount);
    let best: number | undefined;
    let fewest = Infinity;
    let ties = 0;
    for (let i = 0; i < wordCount; i++) {
      const word = (i + start) % wordCount;
      let bits = (offered.words[word] ?? 0) & ~(held.words[word] ?? 0) & ~(fetching.words[word] ?? 0);
      if (share !== undefined) bits &= share.words[word] ?? 0;
      while (bits !== 0) {
        const pack = word * 32 + 31 - Math.clz32(bits & -bits);
        bits &= bits - 1;
        const copies = this.copiesOf(pack);
        if (copies < fewest) {
          fewest = copies;
          best = pack;
          ties = 1;
        } else if (copies === fewest && this.#random() * ++ties < 1) best = pack;
      }
    }
    return best;
  }
}
