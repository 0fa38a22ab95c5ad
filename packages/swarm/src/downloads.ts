import { MAX_SOURCES_OF_PIECE } from "./limits.ts";
import { PieceSet } from "./piece-set.ts";

/** The pieces that are under way to a peer, and from whom. */
export class Downloads {
  /** Pieces with at least one source. */
  readonly pieces: PieceSet;
  readonly #sources = new Map<number, number[]>();

  constructor(pieceCount: number) {
    this.pieces = new PieceSet(pieceCount);
  }

  /** Transfers under way from neighbours for which `isCounted`; a piece with two sources counts twice. */
  countFrom(isCounted: (neighbour: number) => boolean): number {
    let count = 0;
    for (const sources of this.#sources.values()) for (const source of sources) if (isCounted(source)) count++;
    return count;
  }

  add(piece: number, neighbour: number): void {
    this.pieces.add(piece);
    const sources = this.#sources.get(piece);
    if (sources === undefined) this.#sources.set(piece, [neighbour]);
    else sources.push(neighbour);
  }

  /** Returns whether the piece was under way from there. */
  remove(piece: number, neighbour: number): boolean {
    const sources = this.#sources.get(piece);
    const at = sources?.indexOf(neighbour) ?? -1;
    if (sources === undefined || at < 0) return false;
    sources.splice(at, 1);
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
    this.#sources.delete(piece);
    this.pieces.delete(piece);
    return sources;
  }

  /** Forgets all transfers from a neighbour; returns whether there were any. */
  removeNeighbour(neighbour: number): boolean {
    let ended = false;
    for (const piece of this.#sources.keys()) ended = this.remove(piece, neighbour) || ended;
    return ended;
  }

  /** A piece that `offered` has and that one more source may be asked for; undefined when there is none. */
  pickDuplicate(offered: PieceSet, neighbour: number): number | undefined {
    for (const [piece, sources] of this.#sources) {
      if (offered.has(piece) && sources.length < MAX_SOURCES_OF_PIECE && !sources.includes(neighbour)) return piece;
    }
    return undefined;
  }
}
