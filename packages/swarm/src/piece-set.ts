import { MAX_PIECES } from "./limits.ts";

/** A set of pieces of one image, by their number in the image's order: one bit each. */
export class PieceSet {
  readonly pieceCount: number;
  /** Bit `piece & 31` of word `piece >>> 5`. Bits behind the last piece are 0. */
  readonly words: Uint32Array;
  #size = 0;

  /** RangeError for more pieces than an image may have. */
  constructor(pieceCount: number) {
    if (!(pieceCount <= MAX_PIECES)) throw new RangeError(`${pieceCount} pieces: an image has at most ${MAX_PIECES}`);
    this.pieceCount = pieceCount;
    this.words = new Uint32Array(Math.ceil(pieceCount / 32));
  }

  /** All pieces of an image. */
  static full(pieceCount: number): PieceSet {
    const set = new PieceSet(pieceCount);
    for (let piece = 0; piece < pieceCount; piece++) set.add(piece);
    return set;
  }

  /** Every `step`th piece, from `first` on. */
  static every(pieceCount: number, step: number, first: number): PieceSet {
    const set = new PieceSet(pieceCount);
    for (let piece = first; piece < pieceCount; piece += step) set.add(piece);
    return set;
  }

  /** A set of its own with the same pieces. */
  clone(): PieceSet {
    const copy = new PieceSet(this.pieceCount);
    copy.words.set(this.words);
    copy.#size = this.#size;
    return copy;
  }

  /** How many pieces are in it. */
  get size(): number {
    return this.#size;
  }

  /** Whether every piece of the image is in it. */
  get isFull(): boolean {
    return this.#size === this.pieceCount;
  }

  has(piece: number): boolean {
    return ((this.words[piece >>> 5] ?? 0) & (1 << (piece & 31))) !== 0;
  }

  /** Returns whether it was not in it before. RangeError for a number that the image does not have. */
  add(piece: number): boolean {
    this.#check(piece);
    const bits = this.words[piece >>> 5] ?? 0;
    const bit = 1 << (piece & 31);
    if ((bits & bit) !== 0) return false;
    this.words[piece >>> 5] = bits | bit;
    this.#size += 1;
    return true;
  }

  /** Returns whether it was in it before. */
  delete(piece: number): boolean {
    this.#check(piece);
    if (!this.has(piece)) return false;
    const word = piece >>> 5;
    this.words[word] = (this.words[word] ?? 0) & ~(1 << (piece & 31));
    this.#size -= 1;
    return true;
  }

  /** How many pieces are in this set and not in `other`. */
  countMissingIn(other: PieceSet): number {
    let count = 0;
    for (let word = 0; word < this.words.length; word++) {
      count += bitCount((this.words[word] ?? 0) & ~(other.words[word] ?? 0));
    }
    return count;
  }

  #check(piece: number): void {
    // The comparison holds for integers from 0 to 2^32 - 1 only.
    if (piece >>> 0 === piece && piece < this.pieceCount) return;
    throw new RangeError(`piece ${piece}: the image has ${this.pieceCount}`);
  }
}

function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}
