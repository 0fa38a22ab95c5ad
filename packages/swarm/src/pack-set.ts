import { MAX_PACKS } from "./limits.ts";

/** A set of packs of one image, by their number in the image's order: one bit each. */
export class PackSet {
  readonly packCount: number;
  /** Bit `pack & 31` of word `pack >>> 5`. Bits behind the last pack are 0. */
  readonly words: Uint32Array;
  #size = 0;

  /** RangeError for more packs than an image may have. */
  constructor(packCount: number) {
    if (!(packCount <= MAX_PACKS)) throw new RangeError(`${packCount} packs: an image has at most ${MAX_PACKS}`);
    this.packCount = packCount;
    this.words = new Uint32Array(Math.ceil(packCount / 32));
  }

  /** All packs of an image. */
  static full(packCount: number): PackSet {
    const set = new PackSet(packCount);
    for (let pack = 0; pack < packCount; pack++) set.add(pack);
    return set;
  }

  /** Every `step`th pack, from `first` on. */
  static every(packCount: number, step: number, first: number): PackSet {
    const set = new PackSet(packCount);
    for (let pack = first; pack < packCount; pack += step) set.add(pack);
    return set;
  }

  /** A set of its own with the same packs. */
  clone(): PackSet {
    const copy = new PackSet(this.packCount);
    copy.words.set(this.words);
    copy.#size = this.#size;
    return copy;
  }

  /** How many packs are in it. */
  get size(): number {
    return this.#size;
  }

  /** Whether every pack of the image is in it. */
  get isFull(): boolean {
    return this.#size === this.packCount;
  }

  has(pack: number): boolean {
    return ((this.words[pack >>> 5] ?? 0) & (1 << (pack & 31))) !== 0;
  }

  /** Returns whether it was not in it before. RangeError for a number that the image does not have. */
  add(pack: number): boolean {
    this.#check(pack);
    if (this.has(pack)) return false;
    const word = pack >>> 5;
    this.words[word] = (this.words[word] ?? 0) | (1 << (pack & 31));
    this.#size += 1;
    return true;
  }

  /** Returns whether it was in it before. */
  delete(pack: number): boolean {
    this.#check(pack);
    if (!this.has(pack)) return false;
    const word = pack >>> 5;
    this.words[word] = (this.words[word] ?? 0) & ~(1 << (pack & 31));
    this.#size -= 1;
    return true;
  }

  /** How many packs are in this set and not in `other`. */
  countMissingIn(other: PackSet): number {
    let count = 0;
    for (let word = 0; word < this.words.length; word++) {
      count += bitCount((this.words[word] ?? 0) & ~(other.words[word] ?? 0));
    }
    return count;
  }

  #check(pack: number): void {
    if (Number.isInteger(pack) && pack >= 0 && pack < this.packCount) return;
    throw new RangeError(`pack ${pack}: the image has ${this.packCount}`);
  }
}

function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
