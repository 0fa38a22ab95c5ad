import { sha256 } from "@ingot/chunks";

import type { ChunkPlace } from "./deploy-plan.ts";
import { MAX_MOVE_BYTES } from "./limits.ts";

/** A chunk that stands somewhere on the disk, and the places where it is missing. */
export interface Move {
  readonly chunk: number;
  /** Where it should stand by what is known; its bytes are verified when they are read. */
  readonly from: ChunkPlace;
  readonly to: readonly number[];
}

interface Disk {
  read(offset: number, into: Uint8Array): void | Promise<void>;
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
}

/**
 * Copies chunks within a disk although their new places overlap with what other moves still have to read: such a source
 * is read before it is overwritten, as long as `MAX_MOVE_BYTES` of memory allow; otherwise its move is given up.
 */
export class ChunkMover {
  readonly #disk: Disk;
  /** Not yet read, by offset of their source. */
  readonly #waiting: { move: Move; isDone: boolean }[];
  readonly #loaded = new Map<Move, Uint8Array>();
  #loadedBytes = 0;
  readonly #longest: number;

  constructor(disk: Disk, moves: readonly Move[]) {
    this.#disk = disk;
    this.#waiting = moves
      .map((move) => ({ move, isDone: false }))
      .sort((a, b) => a.move.from.offset - b.move.from.offset);
    this.#longest = moves.reduce((longest, { from }) => Math.max(longest, from.length), 0);
  }

  /** Makes the moves; yields each chunk that stands in all its new places now. Not durable yet. */
  async *run(): AsyncGenerator<number, void, undefined> {
    // As memmove does: what goes down from the bottom up, what goes up from the top down, so that little has to be kept.
    const down = this.#waiting.filter(({ move }) => (move.to[0] ?? 0) < move.from.offset);
    const up = this.#waiting.filter(({ move }) => (move.to[0] ?? 0) >= move.from.offset).reverse();
    for (const entry of [...down, ...up]) {
      const { move } = entry;
      const bytes = this.#takeLoaded(move) ?? (entry.isDone ? undefined : await this.#load(move));
      entry.isDone = true;
      if (bytes === undefined) continue;
      for (const offset of move.to) {
        await this.#rescue(offset, bytes.length);
        await this.#disk.write(offset, bytes);
      }
      yield move.chunk;
    }
  }

  /** Reads the sources that lie in a range which is about to be written. */
  async #rescue(offset: number, length: number): Promise<void> {
    for (let at = this.#firstFrom(offset - this.#longest); at < this.#waiting.length; at++) {
      const entry = this.#waiting[at];
      if (entry === undefined || entry.move.from.offset >= offset + length) return;
      const { from } = entry.move;
      if (entry.isDone || from.offset + from.length <= offset) continue;
      entry.isDone = true;
      if (this.#loadedBytes + from.length > MAX_MOVE_BYTES) continue;
      const bytes = await this.#load(entry.move);
      if (bytes === undefined) continue;
      this.#loaded.set(entry.move, bytes);
      this.#loadedBytes += bytes.length;
    }
  }

  #takeLoaded(move: Move): Uint8Array | undefined {
    const bytes = this.#loaded.get(move);
    if (bytes !== undefined) this.#loadedBytes -= bytes.length;
    this.#loaded.delete(move);
    return bytes;
  }

  async #load({ from }: Move): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(from.length);
    try {
      await this.#disk.read(from.offset, bytes);
    } catch (error) {
      // A source that the disk does not give is one that is not there.
      if ((error as { code?: unknown }).code === "EIO") return undefined;
      throw error;
    }
    return sha256(bytes) === from.digest ? bytes : undefined;
  }

  #firstFrom(offset: number): number {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#waiting[middle]?.move.from.offset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
