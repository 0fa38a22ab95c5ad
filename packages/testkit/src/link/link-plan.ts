import { seededRandom } from "./seeded-random.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** How bad a link is. Rates are probabilities per packet, 0 to 1. */
export interface LinkConditions {
  /** Decides every fate; print it (or the plan) in the test's name or message. */
  readonly seed: number;
  /** Packets that never arrive. Default 0. */
  readonly dropRate?: number;
  /** Packets that arrive twice, the second time after `reorderDelayMs`. Default 0. */
  readonly duplicateRate?: number;
  /** Packets that are overtaken: they arrive after `reorderDelayMs` more. Default 0. */
  readonly reorderRate?: number;
  /** One-way delay in milliseconds. Default 1. */
  readonly delayMs?: number;
  /** Extra delay of overtaken packets and of second copies, in milliseconds. Default 5. */
  readonly reorderDelayMs?: number;
}

/** What became of the packets so far. */
export interface LinkCounts {
  packets: number;
  dropped: number;
  duplicated: number;
  reordered: number;
}

/**
 * The fate of every packet of a link, one after the other, decided by a seed: the same seed and the same number of
 * packets give the same drops, copies and delays.
 */
export class LinkPlan {
  readonly conditions: Required<LinkConditions>;
  readonly counts: LinkCounts = { packets: 0, dropped: 0, duplicated: 0, reordered: 0 };
  readonly #random: SeededRandom;

  constructor(conditions: LinkConditions) {
    this.conditions = {
      dropRate: 0,
      duplicateRate: 0,
      reorderRate: 0,
      delayMs: 1,
      reorderDelayMs: 5,
      ...conditions,
    };
    this.#random = seededRandom(conditions.seed);
  }

  /**
   * The delays in milliseconds of the copies of the next packet that arrive: empty when it is dropped, two when it is
   * duplicated.
   */
  next(): readonly number[] {
    const { dropRate, duplicateRate, reorderRate, delayMs, reorderDelayMs } = this.conditions;
    // Three draws for every packet, whatever comes of it: changing one rate leaves the other fates as they were.
    const dropped = this.#random() < dropRate;
    const duplicated = this.#random() < duplicateRate;
    const reordered = this.#random() < reorderRate;
    this.counts.packets += 1;
    if (dropped) {
      this.counts.dropped += 1;
      return [];
    }
    const firstMs = reordered ? delayMs + reorderDelayMs : delayMs;
    if (reordered) {
      this.counts.reordered += 1;
    }
    if (!duplicated) {
      return [firstMs];
    }
    this.counts.duplicated += 1;
    return [firstMs, delayMs + reorderDelayMs];
  }

  /** One line with the seed, for a failing test's message. */
  toString(): string {
    const { seed, dropRate, duplicateRate, reorderRate } = this.conditions;
    return `link seed=${seed} drop=${dropRate} duplicate=${duplicateRate} reorder=${reorderRate}`;
  }
}
