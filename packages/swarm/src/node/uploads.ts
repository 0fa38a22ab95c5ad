import type { Peer } from "../peer.ts";
import type { Neighbour } from "./neighbour.ts";

/** What uploads need. */
export interface UploadsOptions {
  readonly slots: number;
  readonly neighbours: () => Iterable<Neighbour>;
  readonly peer: () => Peer;
}

/**
 * What neighbours are being sent. A slot is in use until the neighbour says that it has the piece, and not until its last byte was handed to the system: that
 * byte stands in queues of the system and of switches. Otherwise who sends to machines with full lines takes on more and more, and the lines of others are idle.
 */
export class Uploads {
  /** How many there may be at a time. */
  readonly slots: number;
  readonly #neighbours: () => Iterable<Neighbour>;
  readonly #peer: () => Peer;

  constructor({ slots, neighbours, peer }: UploadsOptions) {
    this.slots = slots;
    this.#neighbours = neighbours;
    this.#peer = peer;
  }

  /** Uploads offered or under way. */
  get count(): number {
    let count = 0;
    for (const { slotsInUse } of this.#neighbours()) count += slotsInUse;
    return count;
  }

  /** A neighbour has asked for a piece. */
  begin(neighbour: Neighbour, piece: number, now: number): void {
    neighbour.uploadBegins(piece, now);
    this.useIdleSlots();
  }

  /** It has the piece, or does not want it any more, or it cannot be sent; nothing happens if it was not being sent. */
  end(neighbour: Neighbour, piece: number): void {
    if (!neighbour.isSent(piece)) return;
    if (neighbour.uploadEnds(piece)) this.#peer().uploaded(neighbour.id);
    this.useIdleSlots();
  }

  /**
   * `Peer` serves a neighbour one piece at a time, which with few neighbours leaves slots idle, and every slot idle between two pieces. As long as there
   * are idle slots, it is told that an upload has ended when it has only begun; then it offers the neighbour the next one.
   */
  useIdleSlots(): void {
    // Slow lines have slots of their own, and one transfer fills them.
    const candidates = [...this.#neighbours()].filter(({ isFar }) => !isFar);
    let inUse = candidates.reduce((sum, { slotsInUse }) => sum + slotsInUse, 0);
    for (const neighbour of candidates) {
      if (inUse >= this.slots) return;
      const before = neighbour.slotsInUse;
      if (!neighbour.uncountUpload()) continue;
      this.#peer().uploaded(neighbour.id);
      inUse += neighbour.slotsInUse - before;
    }
  }
}
