import { MAX_SOURCES_OF_PIECE } from "./limits.ts";
import { PieceSet } from "./piece-set.ts";

/** The pieces that are under way to a peer, and from whom. */
export class Downloads {
  /** Pieces with at least one source. */
  readonly pieces: PieceSet;
  readonly #sources = new Map<number, number[]>();
  #count = 0;

  constructor(pieceCount: number) {
    this.pieces = new PieceSet(pieceCount);
  }

  /** Transfers under way; a piece with two sources counts twice. */
  get count(): number {
    return this.#count;
  }

  add(piece: number, neighbour: number): void {
    this.pieces.add(piece);
    const sources = this.#sources.get(piece);
    if (sources === undefined) this.#sources.set(piece, [neighbour]);
    else sources.push(neighbour);
    this.#count++;
  }

  /** Returns whether the piece was under way from there. */
  remove(piece: number, neighbour: number): boolean {
    const sources = this.#sources.get(piece);
    const at = sources?.indexOf(neighbour) ?? -1;
    if (sources === undefined || at < 0) return false;
    sources.splice(at, 1);
    this.#count--;
    if (sources.length === 0) {
      this.#sources.delete(piece);
      this.pieces.delete(piece);
    }
    return true;
  }

  /** Whether anything is under way from a neighbour. */
  isFrom(neighbour: number): boolean {
    return this.#sources.values().some((sources) => sources.includes(neighbour));
  }

  /** Forgets all transfers of a piece; returns where they come from. */
  removePiece(piece: number): readonly number[] {
    const sources = this.#sources.get(piece) ?? [];
    this.#count -= sources.length;
    this.#sources.delete(piece);
    this.pieces.delete(piece);
    return sources;
  }

  /** Forgets all transfers from a neighbour; returns whether there were any. */
  removeNeighbour(neighbour: number): boolean {
    const before = this.#count;
    for (const piece of this.#sources.keys()) this.remove(piece, neighbour);
    return this.#count < before;
  }

  /** A piece that `offered` has and that one more source may be asked for; undefined when there is none. */
  pickDuplicate(offered: PieceSet, neighbour: number): number | undefined {
    for (const [piece, sources] of this.#sources) {
      if (offered.has(piece) && sources.length < MAX_SOURCES_OF_PIECE && !sources.includes(neighbour)) return piece;
    }
    return undefined;
  }
}
