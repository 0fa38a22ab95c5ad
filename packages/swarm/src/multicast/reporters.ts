import {
  LOSS_MEMORY_MS,
  MAX_REPORTERS,
  MAX_REPORTS_PER_SECOND,
  MAX_REPORTS_PER_SECOND_OF_ALL,
  PARITY_OFF_LOSS,
  PARITY_ON_LOSS,
} from "./limits.ts";

interface Reporter {
  /** Counter of its last report: an older one is a replay. */
  report: number;
  /** Share of packets that it lost, 0 to 1. */
  loss: number;
  atMs: number;
  /** Reports that it may still send in this second. */
  left: number;
  secondMs: number;
}

/** The receivers that have reported: who says too much, who repeats himself, and whether parity would pay. */
export class Reporters {
  readonly #reporters = new Map<number, Reporter>();
  #secondMs = -Infinity;
  #left = 0;
  #parity = false;

  /** Receivers that have said anything. */
  get size(): number {
    return this.#reporters.size;
  }

  /** Counts a report; false when it is not to be heard. */
  admit(receiver: number, report: number, nowMs: number): boolean {
    if (nowMs >= this.#secondMs + 1000) {
      this.#secondMs = nowMs;
      this.#left = MAX_REPORTS_PER_SECOND_OF_ALL;
    }
    let known = this.#reporters.get(receiver);
    if (known === undefined) {
      if (this.#reporters.size >= MAX_REPORTERS) return false;
      known = { report: -1, loss: 0, atMs: nowMs, left: 0, secondMs: -Infinity };
      this.#reporters.set(receiver, known);
    }
    if (report <= known.report) return false;
    known.report = report;
    if (nowMs >= known.secondMs + 1000) {
      known.secondMs = nowMs;
      known.left = MAX_REPORTS_PER_SECOND;
    }
    if (known.left === 0 || this.#left === 0) return false;
    known.left -= 1;
    this.#left -= 1;
    return true;
  }

  /** What a receiver says of its losses since its last report. */
  lost(receiver: number, lost: number, received: number, nowMs: number): void {
    const known = this.#reporters.get(receiver);
    if (known === undefined || lost + received === 0) return;
    known.loss = lost / (lost + received);
    known.atMs = nowMs;
  }

  /** Whether the next block should have parity. */
  wantsParity(nowMs: number): boolean {
    let sum = 0;
    for (const { loss, atMs } of this.#reporters.values()) if (nowMs < atMs + LOSS_MEMORY_MS) sum += loss;
    this.#parity = sum > (this.#parity ? PARITY_OFF_LOSS : PARITY_ON_LOSS);
    return this.#parity;
  }

  /** Receivers that have lost something lately. */
  count(nowMs: number): number {
    let count = 0;
    for (const { atMs, loss } of this.#reporters.values()) if (loss > 0 && nowMs < atMs + LOSS_MEMORY_MS) count++;
    return count;
  }
}
