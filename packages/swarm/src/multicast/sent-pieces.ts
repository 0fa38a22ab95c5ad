import { PAYLOAD_BYTES, READ_AHEAD_PIECES, SENDER_CACHE_BYTES } from "./limits.ts";

/** Where a packet's payload comes from. */
export interface PacketPlace {
  readonly piece: number;
  readonly offset: number;
  readonly total: number;
}

/** The pieces of a session in their order: which sequence numbers each has, and the bytes of those that are at hand. */
export class SentPieces {
  readonly #order: Uint32Array;
  /** First sequence number of each piece in the order, as far as they were sent, and then that of the next one. */
  readonly #starts: number[] = [0];
  readonly #totals: number[] = [];
  /** Bytes at hand by piece, least recently used first. */
  readonly #cache = new Map<number, Uint8Array>();
  #cachedBytes = 0;
  readonly #asked = new Set<number>();
  /** Place in the order of the first piece that was not sent as a whole. */
  #current = 0;

  constructor(order: Uint32Array) {
    this.#order = order;
  }

  /** Whether every piece has its sequence numbers. */
  get isComplete(): boolean {
    return this.#totals.length === this.#order.length;
  }

  /** One past the last sequence number that is known. */
  get end(): number {
    return this.#starts.at(-1) ?? 0;
  }

  /** Gives the next piece of the order its sequence numbers; false when it is not at hand. */
  open(): boolean {
    const piece = this.#order[this.#totals.length];
    const bytes = piece === undefined ? undefined : this.#cache.get(piece);
    if (bytes === undefined) return false;
    this.#totals.push(bytes.length);
    this.#starts.push(this.end + Math.ceil(bytes.length / PAYLOAD_BYTES));
    return true;
  }

  /** Everything below this sequence number was sent. */
  sentUpTo(sequence: number): void {
    this.#current = sequence < this.end ? this.indexOf(sequence) : this.#totals.length;
  }

  /** The place of a sequence number below `end`. */
  placeOf(sequence: number): PacketPlace {
    const index = this.indexOf(sequence);
    return {
      piece: this.#order[index] ?? 0,
      offset: (sequence - (this.#starts[index] ?? 0)) * PAYLOAD_BYTES,
      total: this.#totals[index] ?? 0,
    };
  }

  /** The bytes of a piece when they are at hand. */
  bytesOf(piece: number): Uint8Array | undefined {
    const bytes = this.#cache.get(piece);
    if (bytes === undefined) return undefined;
    this.#cache.delete(piece);
    this.#cache.set(piece, bytes);
    return bytes;
  }

  /** Pieces to read, in this order, which were not asked for before: those of `also`, and the next ones. */
  toRead(also: Iterable<number>): number[] {
    const pieces: number[] = [];
    for (const piece of [...also, ...this.#upcoming()]) {
      if (this.#cache.has(piece) || this.#asked.has(piece)) continue;
      this.#asked.add(piece);
      pieces.push(piece);
    }
    return pieces;
  }

  /** Takes a piece that was asked for. RangeError when it is empty, or not what it was when it was sent first. */
  supply(piece: number, bytes: Uint8Array): void {
    this.#asked.delete(piece);
    const sent = this.#totals[this.#order.indexOf(piece)];
    if (bytes.length === 0 || (sent !== undefined && sent !== bytes.length))
      throw new RangeError(`piece ${piece}: ${bytes.length} bytes, expected ${sent ?? "some"}`);
    if (!this.#cache.has(piece)) this.#cachedBytes += bytes.length;
    this.#cache.set(piece, bytes);
    for (const [old, { length }] of this.#cache) {
      if (this.#cachedBytes <= SENDER_CACHE_BYTES) break;
      if (this.#upcoming().includes(old)) continue;
      this.#cache.delete(old);
      this.#cachedBytes -= length;
    }
  }

  /** Pieces that are not sent yet, as far as they are wanted at hand. */
  #upcoming(): Uint32Array {
    return this.#order.subarray(this.#current, this.#totals.length + READ_AHEAD_PIECES);
  }

  /** Which piece of the order a sequence number below `end` belongs to. */
  indexOf(sequence: number): number {
    let low = 0;
    let high = this.#totals.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= sequence) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
