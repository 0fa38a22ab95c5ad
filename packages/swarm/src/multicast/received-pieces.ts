import { PAYLOAD_BYTES } from "./limits.ts";
import type { PieceSet } from "../piece-set.ts";

interface ReceivedPiece {
  readonly firstSequence: number;
  readonly total: number;
  readonly packetCount: number;
  received: number;
  /** Undefined when the piece is not wanted, is complete, or was given up. */
  assembly: { readonly bytes: Uint8Array<ArrayBuffer>; readonly got: Uint8Array } | undefined;
}

/** A packet's place, as its header says it. */
export interface ClaimedPlace {
  readonly sequence: number;
  readonly piece: number;
  readonly offset: number;
  readonly total: number;
}

/** What becomes of the pieces. */
export interface PieceEvents {
  /** A whole chunk stream; the buffer is the callee's, and counts until it is released. */
  onPiece(piece: number, stream: Uint8Array<ArrayBuffer>): void;
  /** The beginning of the chunk stream of a piece that is lost, before `onLost` says so. */
  onBeginning(piece: number, stream: Uint8Array<ArrayBuffer>): void;
  /** Pieces that this session does not bring any more. */
  onLost(pieces: readonly number[]): void;
}

/** The pieces of a session at the receiver: puts their chunk streams together, and knows which ones will not come. */
export class ReceivedPieces {
  readonly #order: Uint32Array;
  /** Place of a piece in the order. */
  readonly #places: ReadonlyMap<number, number>;
  readonly #wanted: PieceSet;
  readonly #maxStreamBytes: (piece: number) => number;
  readonly #maxBufferedBytes: number;
  readonly #allocate: (bytes: number) => Uint8Array<ArrayBuffer>;
  readonly #events: PieceEvents;
  readonly #pieces = new Map<number, ReceivedPiece>();
  /** Pieces that are being put together, oldest first. */
  readonly #incomplete = new Set<number>();
  #bufferedBytes = 0;
  /** What is before it in the order is complete or lost. */
  #next = 0;
  /** The last place in the order of which a packet was heard. */
  #latest = -1;

  constructor(options: {
    readonly order: Uint32Array;
    /** Pieces still to come; changed as they come or are lost. */
    readonly wanted: PieceSet;
    /** The longest chunk stream that a piece can have. */
    readonly maxStreamBytes: (piece: number) => number;
    readonly maxBufferedBytes: number;
    /** A buffer of its own of so many bytes, whatever is in it: all of it is written before anybody reads it. */
    readonly allocate: (bytes: number) => Uint8Array<ArrayBuffer>;
    readonly events: PieceEvents;
  }) {
    this.#order = options.order;
    this.#places = new Map(Array.from(options.order, (piece, place) => [piece, place]));
    this.#wanted = options.wanted;
    this.#maxStreamBytes = options.maxStreamBytes;
    this.#maxBufferedBytes = options.maxBufferedBytes;
    this.#allocate = options.allocate;
    this.#events = options.events;
  }

  /** Whether every piece of the order is complete or lost. */
  get isDone(): boolean {
    return this.#next >= this.#order.length;
  }

  /** Bytes of pieces that are put together, or were handed out and not released. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Whether what a packet says of itself can be, and fits what others said. */
  isPlausible({ sequence, piece, offset, total }: ClaimedPlace): boolean {
    const known = this.#pieces.get(piece);
    const firstSequence = sequence - offset / PAYLOAD_BYTES;
    if (known !== undefined) return known.total === total && known.firstSequence === firstSequence && offset < total;
    if (!this.#places.has(piece) || total === 0 || total > this.#maxStreamBytes(piece)) return false;
    return offset < total && Number.isInteger(firstSequence) && firstSequence >= 0;
  }

  /** The first packet that this receiver heard: what the order has before its piece was missed. Returns the piece's first sequence number. */
  join(place: ClaimedPlace): number {
    const at = this.#places.get(place.piece) ?? 0;
    this.#lose(this.#order.subarray(this.#next, at));
    this.#next = at;
    return place.sequence - place.offset / PAYLOAD_BYTES;
  }

  /** Puts a plausible packet's payload where it belongs. */
  place(claimed: ClaimedPlace, bytes: Uint8Array, start: number): void {
    const piece = this.#pieces.get(claimed.piece) ?? this.#open(claimed);
    if (piece.assembly === undefined) return;
    const { offset, total } = claimed;
    const index = offset / PAYLOAD_BYTES;
    if (piece.assembly.got[index] === 1) return;
    piece.assembly.got[index] = 1;
    const length = Math.min(PAYLOAD_BYTES, total - offset);
    piece.assembly.bytes.set(bytes.subarray(start, start + length), offset);
    piece.received += 1;
    if (piece.received === piece.packetCount) this.#complete(claimed.piece, piece, piece.assembly.bytes);
  }

  /** Whether a packet that was not settled is of use: its piece is not known, or is being put together. */
  wants(sequence: number): boolean {
    for (let place = this.#next; place <= this.#latest; place++) {
      const known = this.#pieces.get(this.#order[place] ?? 0);
      if (known !== undefined && sequence >= known.firstSequence && sequence < endOf(known))
        return known.assembly !== undefined;
    }
    return true;
  }

  /** A piece that was handed out is written, and its buffer of so many bytes gone. */
  release(bytes: number): void {
    this.#bufferedBytes -= bytes;
  }

  /** Had otherwise: no longer to be put together, nor to be reported as lost. */
  forget(piece: number): void {
    if (!this.#wanted.delete(piece)) return;
    this.#drop(piece);
  }

  /** Everything before `sequence` has come or will not come: with `atEnd` everything at all. */
  settle(sequence: number, atEnd: boolean): void {
    const lost: number[] = [];
    for (; this.#next < this.#order.length; this.#next++) {
      const piece = this.#order[this.#next] ?? 0;
      const known = this.#pieces.get(piece);
      const end = known === undefined ? this.#latestEnd(this.#next) : endOf(known);
      if (!atEnd && end > sequence) break;
      lost.push(piece);
    }
    this.#lose(lost);
  }

  /** Nothing more will come, not even pieces that the order does not have. */
  loseAll(): void {
    this.#next = this.#order.length;
    const all = Array.from({ length: this.#wanted.pieceCount }, (_unused, piece) => piece);
    this.#lose(all);
  }

  /** When a piece of which nothing is known must have been over: where the next known one begins. */
  #latestEnd(place: number): number {
    for (let next = place + 1; next <= this.#latest; next++) {
      const known = this.#pieces.get(this.#order[next] ?? 0);
      if (known !== undefined) return known.firstSequence;
    }
    return Infinity;
  }

  #open({ sequence, piece, offset, total }: ClaimedPlace): ReceivedPiece {
    const packetCount = Math.ceil(total / PAYLOAD_BYTES);
    const firstSequence = sequence - offset / PAYLOAD_BYTES;
    const opened: ReceivedPiece = { firstSequence, total, packetCount, received: 0, assembly: undefined };
    this.#pieces.set(piece, opened);
    this.#latest = Math.max(this.#latest, this.#places.get(piece) ?? -1);
    if (!this.#wanted.has(piece)) return opened;
    this.#makeRoom(total);
    opened.assembly = { bytes: this.#allocate(total), got: new Uint8Array(packetCount) };
    this.#incomplete.add(piece);
    this.#bufferedBytes += total;
    return opened;
  }

  #makeRoom(bytes: number): void {
    for (const oldest of this.#incomplete) {
      if (this.#bufferedBytes + bytes <= this.#maxBufferedBytes) return;
      this.#lose([oldest]);
    }
  }

  #complete(piece: number, known: ReceivedPiece, bytes: Uint8Array<ArrayBuffer>): void {
    known.assembly = undefined;
    this.#incomplete.delete(piece);
    this.#wanted.delete(piece);
    this.#events.onPiece(piece, bytes);
  }

  /** Those of the pieces that are still wanted will not come. */
  #lose(pieces: Iterable<number>): void {
    const lost: number[] = [];
    for (const piece of pieces) {
      if (!this.#wanted.delete(piece)) continue;
      const beginning = this.#beginningOf(piece);
      this.#drop(piece);
      if (beginning !== undefined) this.#events.onBeginning(piece, beginning);
      lost.push(piece);
    }
    if (lost.length > 0) this.#events.onLost(lost);
  }

  #beginningOf(piece: number): Uint8Array<ArrayBuffer> | undefined {
    const assembly = this.#pieces.get(piece)?.assembly;
    if (assembly === undefined || assembly.got[0] === 0) return undefined;
    return assembly.bytes.subarray(0, assembly.got.indexOf(0) * PAYLOAD_BYTES);
  }

  #drop(piece: number): void {
    const known = this.#pieces.get(piece);
    if (known?.assembly === undefined) return;
    this.#bufferedBytes -= known.assembly.bytes.length;
    known.assembly = undefined;
    this.#incomplete.delete(piece);
  }
}

function endOf(piece: ReceivedPiece): number {
  return piece.firstSequence + piece.packetCount;
}
