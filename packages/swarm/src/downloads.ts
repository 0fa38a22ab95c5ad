import { MAX_SOURCES_OF_PIECE } from "./limits.ts";
import { PieceSet } from "./piece-set.ts";

/** The pieces that are under way to a peer, and from whom. */
export class Downloads {
  /** Pieces with at least one source. */
  readonly pieces: PieceSet;
  readonly #sources = new Map<number, number[]>();
  /** Where from nothing has come for a while, by piece; these take no slot, and do not keep the piece from being asked for elsewhere. */
  readonly #stalled = new Map<number, number[]>();

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

  /** A transfer stands still; it may go on. Returns whether it was under way. */
  stall(piece: number, neighbour: number): boolean {
    if (!this.#end(piece, neighbour)) return false;
    const stalled = this.#stalled.get(piece);
    if (stalled === undefined) this.#stalled.set(piece, [neighbour]);
    else stalled.push(neighbour);
    return true;
  }

  /** Forgets transfers from a neighbour that stood still. */
  forgetStalled(neighbour: number): void {
    if (this.#stalled.size === 0) return;
    for (const piece of this.#stalled.keys()) this.#forgetStalled(piece, neighbour);
  }

  /** Returns whether the piece was under way from there, and took a slot. */
  remove(piece: number, neighbour: number): boolean {
    this.#forgetStalled(piece, neighbour);
    return this.#end(piece, neighbour);
  }

  #forgetStalled(piece: number, neighbour: number): void {
    const rest = this.#stalled.get(piece)?.filter((id) => id !== neighbour);
    if (rest === undefined) return;
    if (rest.length === 0) this.#stalled.delete(piece);
    else this.#stalled.set(piece, rest);
  }

  #end(piece: number, neighbour: number): boolean {
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
    const stalled = this.#stalled.get(piece) ?? [];
    this.#sources.delete(piece);
    this.#stalled.delete(piece);
    this.pieces.delete(piece);
    return [...sources, ...stalled];
  }

  /** Forgets all transfers from a neighbour; returns whether there were any. */
  removeNeighbour(neighbour: number): boolean {
    this.forgetStalled(neighbour);
    let ended = false;
    for (const piece of this.#sources.keys()) ended = this.#end(piece, neighbour) || ended;
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
