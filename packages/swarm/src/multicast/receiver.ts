import type { PieceSet } from "../piece-set.ts";
import {
  BLOCK_PACKETS,
  BLOCK_ROWS,
  HEADER_BYTES,
  LOSS_REPORT_MS,
  MAC_BYTES,
  MAX_BACK_OFF_MS,
  MAX_GAP_BLOCKS,
  MAX_LOSS,
  MAX_LOSS_MS,
  MAX_REPAIR_WAIT_MS,
  MAX_REPORT_RANGES,
  MAX_ROUNDS,
  MAX_SEQUENCE,
  MIN_BACK_OFF_MS,
  MIN_REPAIR_WAIT_MS,
  RECEIVER_BUFFER_BYTES,
  ROW_PACKETS,
  SILENCE_MS,
} from "./limits.ts";
import {
  encodeRanges,
  FLAG_CLOSED,
  FLAG_ENDED,
  FLAG_PARITY,
  FLAG_REPAIR,
  PacketCodec,
  PacketKind,
  PacketMemory,
} from "./packet.ts";
import type { PacketHeader, Refusal, SequenceRange } from "./packet.ts";
import { keyOf, piecesOf } from "./plan.ts";
import type { MulticastPlan } from "./plan.ts";
import { ReceivedBlock } from "./received-block.ts";
import { ReceivedPieces } from "./received-pieces.ts";
import type { PieceEvents } from "./received-pieces.ts";
import { noRefusals } from "./refusals.ts";

/**
 * Why a session is over for a receiver: all pieces came or are lost (`complete`), the sender has left (`closed`), nothing was heard for
 * 5 s (`silent`), or too much was lost for too long (`slow`).
 */
export type EndReason = "complete" | "closed" | "silent" | "slow";

/** What a receiver has to say. */
export interface ReceiverEvents extends PieceEvents {
  /** A packet for the sender alone; to be sent or copied at once. */
  onReport(packet: Uint8Array<ArrayBuffer>): void;
  /** The session is over; what was wanted and had not come was told as lost before. */
  onEnd(reason: EndReason): void;
}

/** How to receive. */
export interface ReceiverOptions {
  readonly plan: MulticastPlan;
  readonly pieceCount: number;
  /** Pieces to put together; becomes the receiver's. */
  readonly wanted: PieceSet;
  /** The longest chunk stream that a piece can have, in bytes. */
  readonly maxStreamBytes: (piece: number) => number;
  readonly maxBufferedBytes?: number | undefined;
  /** Where a piece is put together: a buffer of its own, whatever is in it. New and zeroed ones when left out. */
  readonly allocate?: ((bytes: number) => Uint8Array<ArrayBuffer>) | undefined;
  readonly random: () => number;
  readonly nowMs: number;
  readonly events: ReceiverEvents;
}

/** What a receiver has heard so far. */
export interface ReceiverStats {
  /** Packets of data that came at first, as repairs, by parity, and more than once. */
  readonly direct: number;
  readonly repaired: number;
  readonly rescued: number;
  readonly duplicates: number;
  /** Packets that did not come at first. */
  readonly lost: number;
  /** Reports of losses. */
  readonly reports: number;
  readonly refused: Readonly<Record<Refusal, number>>;
  readonly bufferedBytes: number;
}

/**
 * Decides what a multicast receiver does with packets and time. Sans-I/O: whoever drives it hands in packets, and calls `tick` at least every 50 ms. It puts
 * pieces together, has lost packets back from parity, reports what is missing a short random time after the sender is past a block, three times at most,
 * and says of every wanted piece either that it is there or that it is lost.
 */
export class ReceiverSession {
  readonly #codec: PacketCodec;
  readonly #pieces: ReceivedPieces;
  readonly #random: () => number;
  readonly #events: ReceiverEvents;
  readonly #blocks = new Map<number, ReceivedBlock>();
  readonly #id: number;
  readonly #report = new PacketMemory(new Uint8Array(HEADER_BYTES + MAX_REPORT_RANGES * 8 + MAC_BYTES));
  /** First sequence number that it could hear. */
  #base: number | undefined;
  /** One past the highest that was sent. */
  #end = 0;
  /** Packets in all, once the sender has said it. */
  #total = Infinity;
  /** Blocks before it are over: complete, given up, or waiting for repairs. */
  #scanned = 0;
  #reportCount = 0;
  #unreported = { lost: 0, received: 0 };
  #reportedMs: number;
  #heardMs: number;
  /** How long a repair takes to come, smoothed. */
  #answerMs = 250;
  #losingSinceMs = Infinity;
  /** The sender has not begun, and has not been told that this receiver hears it. */
  #isAwaited = false;
  #ended = false;
  readonly #counts = { direct: 0, repaired: 0, rescued: 0, duplicates: 0, lost: 0, reports: 0 };
  readonly #refused = noRefusals();

  /** Throws `DecodeError` for a plan that does not fit the image. */
  constructor(options: ReceiverOptions) {
    const { plan, pieceCount, events } = options;
    this.#codec = new PacketCodec(plan.session, keyOf(plan));
    this.#random = options.random;
    this.#events = events;
    this.#id = Math.floor(options.random() * 2 ** 32);
    this.#reportedMs = options.nowMs;
    this.#heardMs = options.nowMs;
    this.#pieces = new ReceivedPieces({
      order: piecesOf(plan, pieceCount),
      wanted: options.wanted,
      maxStreamBytes: options.maxStreamBytes,
      maxBufferedBytes: options.maxBufferedBytes ?? RECEIVER_BUFFER_BYTES,
      allocate: options.allocate ?? ((bytes) => new Uint8Array(bytes)),
      events,
    });
  }

  /** Whether `onEnd` was called: nothing happens any more. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  get stats(): ReceiverStats {
    return { ...this.#counts, refused: { ...this.#refused }, bufferedBytes: this.#pieces.bufferedBytes };
  }

  /** A piece was had otherwise. */
  forget(piece: number): void {
    this.#pieces.forget(piece);
  }

  /** The buffer of a piece that was handed out is gone: until then it counts, so that a slow disk loses pieces and not memory. */
  release(bytes: number): void {
    this.#pieces.release(bytes);
  }

  /** Takes a packet; false when it was not an authentic one of the sender's. */
  receive(memory: PacketMemory, start: number, length: number, nowMs: number): boolean {
    if (this.#ended) return false;
    const header = this.#codec.decode(memory, start, length);
    const refusal = typeof header === "string" ? header : this.#accept(header, memory, start);
    if (refusal !== undefined) {
      this.#refused[refusal] += 1;
      return false;
    }
    this.#heardMs = nowMs;
    return true;
  }

  /** Does what is due. */
  tick(nowMs: number): void {
    if (this.#ended) return;
    this.#closeBlocks(nowMs);
    this.#reportMissing(nowMs);
    const end = this.#settledEnd();
    this.#pieces.settle(end, end === this.#total);
    if (this.#pieces.isDone) this.#finish("complete");
    else if (nowMs >= this.#losingSinceMs + MAX_LOSS_MS) this.#finish("slow");
    else if (nowMs >= this.#heardMs + SILENCE_MS) this.#finish("silent");
  }

  #accept(header: PacketHeader, memory: PacketMemory, start: number): Refusal | undefined {
    switch (header.kind) {
      case PacketKind.data:
        return this.#acceptData(header, memory, start);
      case PacketKind.parity:
        return this.#acceptParity(header, memory, start);
      case PacketKind.status:
        return this.#acceptStatus(header);
      case PacketKind.report:
        return "foreign";
    }
  }

  #acceptData(header: PacketHeader, memory: PacketMemory, start: number): Refusal | undefined {
    const { sequence, flags } = header;
    if (sequence >= Math.min(this.#total, MAX_SEQUENCE) || !this.#pieces.isPlausible(header)) return "number";
    const isRepair = (flags & FLAG_REPAIR) !== 0;
    if (this.#base === undefined) {
      // Repairs are of what was sent before: they do not say where the sender is.
      if (isRepair) return undefined;
      this.#join(this.#pieces.join(header));
    }
    const block = this.#blockOf(sequence);
    const at = sequence % BLOCK_PACKETS;
    if (block === undefined || !block.take(at)) {
      this.#counts.duplicates += 1;
      return undefined;
    }
    if (isRepair) this.#countRepair(block);
    else {
      this.#end = Math.max(this.#end, sequence + 1);
      this.#counts.direct += 1;
      block.direct += 1;
    }
    if ((flags & FLAG_PARITY) !== 0) block.addData(at, memory, start);
    this.#pieces.place(header, memory.bytes, start + HEADER_BYTES);
    this.#rescue(block, at % ROW_PACKETS);
    this.#dropIfComplete(block);
    return undefined;
  }

  #acceptParity({ sequence, flags: rows }: PacketHeader, memory: PacketMemory, start: number): Refusal | undefined {
    const column = sequence % BLOCK_PACKETS;
    if (column >= ROW_PACKETS || rows === 0 || rows > BLOCK_ROWS || sequence >= MAX_SEQUENCE) return "number";
    if (this.#base === undefined) return undefined;
    const last = sequence + (rows - 1) * ROW_PACKETS;
    if (last >= this.#total) return "number";
    const block = this.#blockOf(sequence);
    this.#end = Math.max(this.#end, last + 1);
    if (block === undefined || !block.addParity(column, rows, memory, start)) return undefined;
    this.#rescue(block, column);
    this.#dropIfComplete(block);
    return undefined;
  }

  #acceptStatus({ sequence, flags, total }: PacketHeader): Refusal | undefined {
    const ended = (flags & FLAG_ENDED) !== 0;
    if (sequence > MAX_SEQUENCE || (ended && (total !== sequence || total < this.#end))) return "number";
    // Who hears the sender before it begins has missed nothing.
    if (this.#base === undefined && sequence === 0) {
      this.#join(0);
      this.#isAwaited = true;
    }
    if (this.#base !== undefined) this.#end = Math.max(this.#end, sequence);
    if (ended) this.#total = total;
    if ((flags & FLAG_CLOSED) !== 0 || (ended && this.#base === undefined)) this.#finish("closed");
    return undefined;
  }

  #join(base: number): void {
    this.#base = base;
    this.#scanned = Math.floor(base / BLOCK_PACKETS);
    this.#end = Math.max(this.#end, base);
  }

  /** Undefined for what is over, or was before this receiver listened. */
  #blockOf(sequence: number): ReceivedBlock | undefined {
    const base = this.#base ?? 0;
    const index = Math.floor(sequence / BLOCK_PACKETS);
    const known = this.#blocks.get(index);
    if (known !== undefined || index < this.#scanned || sequence < base) return known;
    const block = new ReceivedBlock(index, base);
    this.#blocks.set(index, block);
    return block;
  }

  /** Packets that a block has, as far as is known. */
  #packetsOf(block: ReceivedBlock): number {
    return Math.min(BLOCK_PACKETS, this.#total - block.first);
  }

  #countRepair(block: ReceivedBlock): void {
    this.#counts.repaired += 1;
    if (block.rounds === 0) return;
    if (!Number.isNaN(block.reportedMs)) {
      this.#answerMs += (this.#heardMs - block.reportedMs - this.#answerMs) / 4;
      block.reportedMs = Number.NaN;
    }
    // The sender is at it: what else was asked for is on its way.
    block.dueMs = Math.max(block.dueMs, this.#heardMs + this.#repairWaitMs / 2);
  }

  get #repairWaitMs(): number {
    return Math.min(MAX_REPAIR_WAIT_MS, Math.max(MIN_REPAIR_WAIT_MS, 3 * this.#answerMs));
  }

  /** Takes the packet that parity gives, if it gives one. */
  #rescue(block: ReceivedBlock, column: number): void {
    const found = block.recoverable(column);
    if (found === undefined) return;
    const claimed = { sequence: block.first + found.at, ...found.sums.placeOf(column) };
    if (!this.#pieces.isPlausible(claimed)) {
      this.#refused.number += 1;
      return;
    }
    block.take(found.at);
    this.#counts.rescued += 1;
    this.#pieces.place(claimed, found.sums.payloadOf(column), 0);
  }

  #dropIfComplete(block: ReceivedBlock): void {
    const index = block.first / BLOCK_PACKETS;
    // A complete one that is not over stays, so that nobody takes it for one of which nothing has come.
    if (index < this.#scanned && block.isComplete(this.#packetsOf(block))) this.#blocks.delete(index);
  }

  /** Looks at the blocks that the sender is past: what is missing of them is due after a random time. */
  #closeBlocks(nowMs: number): void {
    if (this.#base === undefined) return;
    const past =
      this.#end >= this.#total ? Math.ceil(this.#total / BLOCK_PACKETS) : Math.floor((this.#end - 1) / BLOCK_PACKETS);
    this.#scanned = Math.max(this.#scanned, past - MAX_GAP_BLOCKS);
    for (; this.#scanned < past; this.#scanned++) {
      const block = this.#blockOf(this.#scanned * BLOCK_PACKETS) ?? new ReceivedBlock(this.#scanned, this.#base);
      const packets = this.#packetsOf(block);
      this.#countLoss(packets, packets - Math.min(packets, block.direct), nowMs);
      if (block.isComplete(packets)) this.#blocks.delete(this.#scanned);
      else {
        block.dueMs = nowMs + MIN_BACK_OFF_MS + this.#random() * (MAX_BACK_OFF_MS - MIN_BACK_OFF_MS);
        this.#blocks.set(this.#scanned, block);
      }
    }
  }

  #countLoss(packets: number, lost: number, nowMs: number): void {
    this.#counts.lost += lost;
    this.#unreported.lost += lost;
    this.#unreported.received += packets - lost;
    if (lost <= packets * MAX_LOSS) this.#losingSinceMs = Infinity;
    else this.#losingSinceMs = Math.min(this.#losingSinceMs, nowMs);
  }

  /** Reports what is due, gives up what was reported often enough. */
  #reportMissing(nowMs: number): void {
    const ranges: SequenceRange[] = [];
    for (const [index, block] of this.#blocks) {
      if (block.dueMs > nowMs) continue;
      const missing =
        block.rounds < MAX_ROUNDS ? block.missing(this.#packetsOf(block), (one) => this.#pieces.wants(one)) : [];
      if (missing.length === 0) {
        this.#blocks.delete(index);
        continue;
      }
      block.rounds += 1;
      block.reportedMs = nowMs;
      block.dueMs = nowMs + this.#repairWaitMs * (1 + this.#random() / 4);
      ranges.push(...missing);
    }
    for (let at = 0; at < ranges.length; at += MAX_REPORT_RANGES)
      this.#sendReport(ranges.slice(at, at + MAX_REPORT_RANGES), nowMs);
    // An empty one says that this receiver need not be waited for.
    if (this.#isAwaited) this.#say([], nowMs);
    this.#isAwaited = false;
    // What parity brought back was lost all the same: the sender has to know, or it ends the parity.
    if (this.#unreported.lost > 0 && nowMs >= this.#reportedMs + LOSS_REPORT_MS) this.#sendReport([], nowMs);
  }

  #sendReport(ranges: readonly SequenceRange[], nowMs: number): void {
    this.#counts.reports += 1;
    this.#say(ranges, nowMs);
  }

  #say(ranges: readonly SequenceRange[], nowMs: number): void {
    const { lost, received } = this.#unreported;
    this.#unreported = { lost: 0, received: 0 };
    this.#reportedMs = nowMs;
    const payloadBytes = encodeRanges(
      [...ranges].sort((a, b) => a.first - b.first),
      this.#report.view,
      HEADER_BYTES,
    );
    const header = {
      kind: PacketKind.report,
      flags: 0,
      sequence: this.#reportCount++,
      piece: this.#id,
      offset: received,
      total: lost,
    };
    this.#events.onReport(this.#report.bytes.subarray(0, this.#codec.encode(header, payloadBytes, this.#report, 0)));
  }

  /** Below it nothing more will come. */
  #settledEnd(): number {
    let index = this.#scanned;
    for (const [open, block] of this.#blocks) if (open < index && block.dueMs < Infinity) index = open;
    return Math.min(index * BLOCK_PACKETS, this.#total);
  }

  #finish(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#pieces.loseAll();
    this.#blocks.clear();
    this.#events.onEnd(reason);
  }
}
