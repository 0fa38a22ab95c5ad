import { encodeFrame } from "./frames.ts";
import { MAX_HAVE_PIECES } from "./limits.ts";

/** The pieces that came here, in their order, and for each neighbour a place in it up to which it was told. */
export class HaveLog {
  readonly #pieces: number[] = [];
  /** Frames by the place they begin at, up to the end: most neighbours stand at the same one. */
  readonly #frames = new Map<number, readonly Uint8Array[]>();

  /** The place behind the last piece. */
  get end(): number {
    return this.#pieces.length;
  }

  add(piece: number): void {
    this.#pieces.push(piece);
    this.#frames.clear();
  }

  /** How many pieces from `place` on are such. */
  count(place: number, isSuch: (piece: number) => boolean): number {
    let count = 0;
    for (let at = place; at < this.#pieces.length; at++) if (isSuch(this.#pieces[at] ?? 0)) count++;
    return count;
  }

  /** What tells of the pieces from `place` on. */
  framesFrom(place: number): readonly Uint8Array[] {
    const known = this.#frames.get(place);
    if (known !== undefined) return known;
    const frames: Uint8Array[] = [];
    for (let at = place; at < this.#pieces.length; at += MAX_HAVE_PIECES) {
      frames.push(encodeFrame({ type: "have", pieces: this.#pieces.slice(at, at + MAX_HAVE_PIECES) }));
    }
    this.#frames.set(place, frames);
    return frames;
  }
}
