import { STARVED_AFTER_MS, UNFED_AFTER_MS } from "./limits.ts";

/** Where a node stands at this moment. */
export interface Supply {
  /** Pieces that are here. */
  readonly held: number;
  /** Fetches under way. */
  readonly fetches: number;
  /** Pieces to be fetched: not here, nor expected to come by multicast. Asked for when it matters. */
  readonly missing: () => number;
}

/**
 * Notices that nothing comes although something is missing: whoever has it has gone, or was banned for sending it damaged. The node waits on, because
 * somebody may come who has it; but people have to hear of it.
 */
export class Starvation {
  #held = -1;
  #cameAt = 0;
  #fetchedAt = 0;
  #isStarved = false;

  /** Says what has changed; to be called several times a second. `now` in milliseconds. */
  look(now: number, { held, fetches, missing }: Supply): "starved" | "fed" | undefined {
    if (held !== this.#held) {
      this.#held = held;
      this.#cameAt = now;
      if (!this.#isStarved) return undefined;
      this.#isStarved = false;
      return "fed";
    }
    // One that fails again and again is under way for a moment each time; one over a slow link is for long.
    if (fetches > 0) this.#fetchedAt = now;
    if (this.#isStarved || now < this.#cameAt + STARVED_AFTER_MS || now < this.#fetchedAt + UNFED_AFTER_MS)
      return undefined;
    if (missing() > 0) {
      this.#isStarved = true;
      return "starved";
    }
    // To be counted again as long after this as after a piece.
    this.#cameAt = now;
    return undefined;
  }
}
