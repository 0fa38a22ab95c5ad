import { BLOCK_PACKETS, GATHER_MS, MAX_REPAIRS, REPAIR_HOLD_MS } from "./limits.ts";
import type { SequenceRange } from "./packet.ts";

/** A block with packets that somebody misses. */
interface BlockRepairs {
  /** When the sender has gathered long enough. */
  dueMs: number;
  /** 1 for each packet that waits. */
  readonly waiting: Uint8Array;
  count: number;
}

/** A block that was repaired not long ago. */
interface RepairedBlock {
  atMs: number;
  readonly packets: Uint8Array;
}

/** What the sender has to repair: reports of many receivers become one list, each packet in it once. */
export class RepairQueue {
  readonly #blocks = new Map<number, BlockRepairs>();
  readonly #repaired = new Map<number, RepairedBlock>();
  #size = 0;

  /** Packets that wait. */
  get size(): number {
    return this.#size;
  }

  /** Adds what a receiver misses. What was repaired just now, or is more than `MAX_REPAIRS`, is left out. */
  add(ranges: readonly SequenceRange[], nowMs: number): void {
    for (const { first, count } of ranges) {
      for (let sequence = first; sequence < first + count && this.#size < MAX_REPAIRS; sequence++) {
        this.#addOne(sequence, nowMs);
      }
    }
  }

  /** Whether something waits and has waited long enough. */
  isDue(nowMs: number): boolean {
    return this.nextDueMs() <= nowMs;
  }

  /** When the next packets are due, Infinity when none wait. */
  nextDueMs(): number {
    // In the order of their first report, and so of their time.
    for (const block of this.#blocks.values()) return block.dueMs;
    return Infinity;
  }

  /** Takes up to `most` packets that are due. */
  take(most: number, nowMs: number): number[] {
    this.#forgetRepaired(nowMs);
    const taken: number[] = [];
    for (const [index, block] of this.#blocks) {
      if (block.dueMs > nowMs || taken.length === most) break;
      this.#takeOf(index, block, taken, most, nowMs);
    }
    this.#size -= taken.length;
    return taken;
  }

  #addOne(sequence: number, nowMs: number): void {
    const index = Math.floor(sequence / BLOCK_PACKETS);
    const at = sequence % BLOCK_PACKETS;
    const repaired = this.#repaired.get(index);
    if (repaired?.packets[at] === 1 && nowMs < repaired.atMs + REPAIR_HOLD_MS) return;
    let block = this.#blocks.get(index);
    if (block === undefined) {
      block = { dueMs: nowMs + GATHER_MS, waiting: new Uint8Array(BLOCK_PACKETS), count: 0 };
      this.#blocks.set(index, block);
    }
    if (block.waiting[at] === 1) return;
    block.waiting[at] = 1;
    block.count += 1;
    this.#size += 1;
  }

  #takeOf(index: number, block: BlockRepairs, taken: number[], most: number, nowMs: number): void {
    let repaired = this.#repaired.get(index);
    if (repaired === undefined || nowMs >= repaired.atMs + REPAIR_HOLD_MS) {
      repaired = { atMs: nowMs, packets: new Uint8Array(BLOCK_PACKETS) };
    }
    repaired.atMs = nowMs;
    // Behind the others again: the oldest comes first.
    this.#repaired.delete(index);
    this.#repaired.set(index, repaired);
    for (let at = block.waiting.indexOf(1); at >= 0 && taken.length < most; at = block.waiting.indexOf(1, at)) {
      block.waiting[at] = 0;
      block.count -= 1;
      repaired.packets[at] = 1;
      taken.push(index * BLOCK_PACKETS + at);
    }
    if (block.count === 0) this.#blocks.delete(index);
  }

  #forgetRepaired(nowMs: number): void {
    for (const [index, { atMs }] of this.#repaired) {
      if (nowMs < atMs + REPAIR_HOLD_MS) return;
      this.#repaired.delete(index);
    }
  }
}
