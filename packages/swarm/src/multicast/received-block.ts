import { BLOCK_PACKETS, ROW_PACKETS } from "./limits.ts";
import type { PacketMemory, SequenceRange } from "./packet.ts";
import { ParityColumns } from "./parity.ts";

interface BlockParity {
  readonly sums: ParityColumns;
  /** Packets in each column's sum, the parity packet not counted. */
  readonly counts: Uint8Array;
  /** Rows of each column, 0 until its parity packet is there. */
  readonly rows: Uint8Array;
}

/** What a receiver has of the packets of one block. */
export class ReceivedBlock {
  /** Its first sequence number. */
  readonly first: number;
  /** Packets that came at first, not as repairs and not by parity. */
  direct = 0;
  /** When it is time to report, or to give up. Infinity until the sender is past the block. */
  dueMs: number = Infinity;
  /** How often was reported. */
  rounds = 0;
  /** When, until the first repair has come of it; else NaN. */
  reportedMs: number = Number.NaN;
  /** Packets that are here, or not wanted. */
  #count = 0;
  readonly #got = new Uint8Array(BLOCK_PACKETS);
  #parity: BlockParity | undefined;

  /** What is before `from` was sent before this receiver listened. */
  constructor(index: number, from: number) {
    this.first = index * BLOCK_PACKETS;
    const before = Math.min(BLOCK_PACKETS, Math.max(0, from - this.first));
    this.#got.fill(1, 0, before);
    this.#count = before;
    this.direct = before;
  }

  /** Whether the first `packets` packets, all that the block has, are here. */
  isComplete(packets: number): boolean {
    return this.#count >= packets;
  }

  /** Counts a packet; false when it was here before. */
  take(at: number): boolean {
    if (this.#got[at] !== 0) return false;
    this.#got[at] = 1;
    this.#count += 1;
    return true;
  }

  /** Adds a data packet, header and all, to its column's sum. */
  addData(at: number, memory: PacketMemory, start: number): void {
    const { sums, counts } = this.#withParity();
    const column = at % ROW_PACKETS;
    sums.add(column, memory, start);
    counts[column] = (counts[column] ?? 0) + 1;
  }

  /** Adds the parity packet of a column of `rows` packets; false when it was here before. */
  addParity(column: number, rows: number, memory: PacketMemory, start: number): boolean {
    const parity = this.#withParity();
    if (parity.rows[column] !== 0) return false;
    parity.sums.add(column, memory, start);
    parity.rows[column] = rows;
    return true;
  }

  /** The packet of this column that parity gives now, if it lacks exactly one, with the sums that hold it. */
  recoverable(column: number): { readonly at: number; readonly sums: ParityColumns } | undefined {
    const rows = this.#parity?.rows[column] ?? 0;
    if (this.#parity === undefined || rows === 0 || this.#parity.counts[column] !== rows - 1) return undefined;
    for (let at = column; at < rows * ROW_PACKETS; at += ROW_PACKETS)
      if (this.#got[at] === 0) return { at, sums: this.#parity.sums };
    return undefined;
  }

  /** What is missing of the first `packets` packets, as far as `isWanted`. */
  missing(packets: number, isWanted: (sequence: number) => boolean): SequenceRange[] {
    const ranges: { first: number; count: number }[] = [];
    for (let at = this.#got.indexOf(0); at >= 0 && at < packets; at = this.#got.indexOf(0, at + 1)) {
      const sequence = this.first + at;
      if (!isWanted(sequence)) continue;
      const last = ranges.at(-1);
      if (last !== undefined && last.first + last.count === sequence) last.count += 1;
      else ranges.push({ first: sequence, count: 1 });
    }
    return ranges;
  }

  #withParity(): BlockParity {
    this.#parity ??= {
      sums: new ParityColumns(),
      counts: new Uint8Array(ROW_PACKETS),
      rows: new Uint8Array(ROW_PACKETS),
    };
    return this.#parity;
  }
}
