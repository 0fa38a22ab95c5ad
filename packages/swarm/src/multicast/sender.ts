import {
  BLOCK_PACKETS,
  BLOCK_ROWS,
  CATCH_UP_ROWS,
  FRAME_OVERHEAD_BYTES,
  HEADER_BYTES,
  LINGER_MS,
  MAC_BYTES,
  MAX_LINGER_MS,
  MAX_SEQUENCE,
  PACKET_BYTES,
  PAYLOAD_BYTES,
  ROW_PACKETS,
  ROWS_PER_REPAIR,
  STATUS_INTERVAL_MS,
} from "./limits.ts";
import {
  decodeRanges,
  FLAG_CLOSED,
  FLAG_ENDED,
  FLAG_PARITY,
  FLAG_REPAIR,
  PacketCodec,
  PacketKind,
  PacketMemory,
} from "./packet.ts";
import type { Refusal } from "./packet.ts";
import { ParityColumns } from "./parity.ts";
import { keyOf, piecesOf } from "./plan.ts";
import type { MulticastPlan } from "./plan.ts";
import { noRefusals } from "./refusals.ts";
import { RepairQueue } from "./repair-queue.ts";
import { Reporters } from "./reporters.ts";
import { SentPieces } from "./sent-pieces.ts";

/** What is to be done next. */
export type SenderStep =
  /** The first `length` bytes of the buffer are packets of `PACKET_BYTES` each, or one short one, for the group: to be sent now. */
  | { readonly kind: "send"; readonly length: number }
  /** Nothing before that time, unless a report or a piece comes. */
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "done" };

/** What a sender has done so far. */
export interface SenderStats {
  readonly piecesSent: number;
  readonly packetsSent: number;
  readonly parityPackets: number;
  readonly repairPackets: number;
  readonly reports: number;
  /** Packets to the sender that were not accepted, by reason. */
  readonly refused: Readonly<Record<Refusal, number>>;
  /** Receivers that lost packets in the last seconds. */
  readonly losingReceivers: number;
}

/**
 * Decides what a multicast sender sends, and when. Sans-I/O: whoever drives it calls `next` until it says "wait", sends what it put into `buffer`,
 * hands in the pieces of `toRead()` and the packets that come back. It sends each piece once in the plan's order, in rows of 46 packets; after
 * 20 rows a row of parity if the receivers lose enough for that to pay; in between repairs of what was reported.
 */
export class SenderSession {
  /** What `next` says is to be sent. */
  readonly buffer: Uint8Array<ArrayBuffer> = new Uint8Array(ROW_PACKETS * PACKET_BYTES);
  readonly #memory = new PacketMemory(this.buffer);
  readonly #codec: PacketCodec;
  readonly #pieces: SentPieces;
  readonly #repairs = new RepairQueue();
  readonly #reporters = new Reporters();
  readonly #parity = new ParityColumns();
  readonly #msPerPacket: number;
  readonly #awaited: number;
  #begun = false;
  #stopped = false;
  #sequence = 0;
  #blockHasParity = false;
  /** Rows of the block that parity is still to be sent of. */
  #parityDue = 0;
  #rowsSinceRepair = 0;
  /** When the link is free again. */
  #freeMs = -Infinity;
  #statusMs = -Infinity;
  #lastBusyMs = -Infinity;
  #endedMs = Infinity;
  #goodbyes = 3;
  #taken: number[] = [];
  readonly #counts = { packetsSent: 0, parityPackets: 0, repairPackets: 0, reports: 0 };
  readonly #refused = noRefusals();

  /** Begins when `awaited` receivers have said that they hear it, or when it is told to. Throws `DecodeError` for a plan that does not fit the image. */
  constructor(plan: MulticastPlan, pieceCount: number, awaited: number = Infinity) {
    this.#awaited = awaited;
    this.#codec = new PacketCodec(plan.session, keyOf(plan));
    this.#pieces = new SentPieces(piecesOf(plan, pieceCount));
    this.#msPerPacket = ((PACKET_BYTES + FRAME_OVERHEAD_BYTES) * 8000) / plan.rate;
  }

  /** From now on pieces are sent; before, only that there is a sender. */
  begin(): void {
    this.#begun = true;
  }

  /** Says goodbye and is done: receivers have the rest from peers. */
  stop(): void {
    this.#stopped = true;
  }

  /** Pieces whose chunk streams are to be handed to `supply`, each asked for once until it was supplied. */
  toRead(): number[] {
    return this.#pieces.toRead(this.#taken.map((sequence) => this.#pieces.placeOf(sequence).piece));
  }

  /** Takes the chunk stream of a piece; it must not be changed afterwards. */
  supply(piece: number, bytes: Uint8Array): void {
    this.#pieces.supply(piece, bytes);
  }

  /** Takes a packet that came to the sender. */
  receive(memory: PacketMemory, start: number, length: number, nowMs: number): void {
    const header = this.#codec.decode(memory, start, length);
    if (typeof header === "string") return this.#refuse(header);
    if (header.kind !== PacketKind.report) return this.#refuse("foreign");
    const ranges = decodeRanges(memory.view, start + HEADER_BYTES, length - HEADER_BYTES - MAC_BYTES, this.#sequence);
    if (typeof ranges === "string") return this.#refuse(ranges);
    if (!this.#reporters.admit(header.piece, header.sequence, nowMs)) return this.#refuse("number");
    this.#counts.reports += 1;
    if (this.#reporters.size >= this.#awaited) this.#begun = true;
    this.#reporters.lost(header.piece, header.total, header.offset, nowMs);
    this.#repairs.add(ranges, nowMs);
    this.#lastBusyMs = nowMs;
  }

  stats(nowMs: number): SenderStats {
    const piecesSent = this.#sequence === 0 ? 0 : this.#pieces.indexOf(this.#sequence - 1) + 1;
    const losingReceivers = this.#reporters.count(nowMs);
    return { ...this.#counts, piecesSent, refused: { ...this.#refused }, losingReceivers };
  }

  /** Times are in milliseconds of any clock that never goes back. */
  next(nowMs: number): SenderStep {
    if (this.#stopped) return this.#goodbye(nowMs);
    if (nowMs < this.#freeMs) return { kind: "wait", untilMs: this.#freeMs };
    const packets = this.#fill(nowMs);
    if (packets === 0) return this.#idle(nowMs);
    this.#freeMs = Math.max(this.#freeMs, nowMs - CATCH_UP_ROWS * ROW_PACKETS * this.#msPerPacket);
    this.#freeMs += packets * this.#msPerPacket;
    this.#counts.packetsSent += packets;
    // What was sent says where the sender stands, unless the last packets are lost.
    this.#statusMs = nowMs + STATUS_INTERVAL_MS;
    this.#lastBusyMs = nowMs;
    return { kind: "send", length: packets * PACKET_BYTES };
  }

  #refuse(reason: Refusal): void {
    this.#refused[reason] += 1;
  }

  /** Packets in the buffer: of parity, repairs or the next row; 0 when there is nothing to send yet. */
  #fill(nowMs: number): number {
    if (this.#parityDue > 0) return this.#fillParity();
    if (this.#taken.length === 0 && (this.#rowsSinceRepair >= ROWS_PER_REPAIR - 1 || this.#hasEnded)) {
      this.#taken = this.#repairs.take(ROW_PACKETS, nowMs);
    }
    return this.#fillRepairs() || this.#fillRow(nowMs);
  }

  get #hasEnded(): boolean {
    return this.#pieces.isComplete && this.#sequence === this.#pieces.end;
  }

  /** Those of the taken packets whose pieces are at hand; the others wait until they are. */
  #fillRepairs(): number {
    if (this.#taken.length === 0) return 0;
    const waiting: number[] = [];
    let packets = 0;
    for (const sequence of this.#taken) {
      if (this.#encodeData(sequence, packets, FLAG_REPAIR)) packets++;
      else waiting.push(sequence);
    }
    this.#taken = waiting;
    if (packets > 0) this.#rowsSinceRepair = 0;
    this.#counts.repairPackets += packets;
    return packets;
  }

  #fillRow(nowMs: number): number {
    if (!this.#begun) return 0;
    while (this.#pieces.end < this.#sequence + ROW_PACKETS && this.#pieces.open());
    const packets = Math.min(ROW_PACKETS, this.#pieces.end - this.#sequence);
    // A short row is the last one of all.
    if (packets === 0 || (packets < ROW_PACKETS && !this.#pieces.isComplete)) return 0;
    if (this.#sequence + packets > MAX_SEQUENCE) throw new RangeError(`more than ${MAX_SEQUENCE} packets`);
    if (this.#sequence % BLOCK_PACKETS === 0) this.#blockHasParity = this.#reporters.wantsParity(nowMs);
    for (let packet = 0; packet < packets; packet++) {
      // Its piece was opened, but may have been dropped since by the repairs' pieces.
      if (!this.#encodeData(this.#sequence + packet, packet, this.#blockHasParity ? FLAG_PARITY : 0)) return 0;
    }
    if (this.#blockHasParity)
      for (let packet = 0; packet < packets; packet++) this.#parity.add(packet, this.#memory, packet * PACKET_BYTES);
    this.#sequence += packets;
    this.#pieces.sentUpTo(this.#sequence);
    this.#rowsSinceRepair += 1;
    if (this.#hasEnded) this.#endedMs = nowMs;
    if (this.#blockHasParity && (this.#sequence % BLOCK_PACKETS === 0 || this.#hasEnded))
      this.#parityDue = Math.ceil((((this.#sequence - 1) % BLOCK_PACKETS) + 1) / ROW_PACKETS);
    return packets;
  }

  #encodeData(sequence: number, packet: number, flags: number): boolean {
    const { piece, offset, total } = this.#pieces.placeOf(sequence);
    const stream = this.#pieces.bytesOf(piece);
    if (stream === undefined) return false;
    const start = packet * PACKET_BYTES;
    const length = Math.min(PAYLOAD_BYTES, total - offset);
    this.buffer.set(stream.subarray(offset, offset + length), start + HEADER_BYTES);
    if (length < PAYLOAD_BYTES)
      this.buffer.fill(0, start + HEADER_BYTES + length, start + HEADER_BYTES + PAYLOAD_BYTES);
    const header = { kind: PacketKind.data, flags, sequence, piece, offset, total };
    this.#codec.encode(header, PAYLOAD_BYTES, this.#memory, start);
    return true;
  }

  /** One row, as wide as the block's first one. */
  #fillParity(): number {
    const rows = this.#parityDue;
    const first = (Math.ceil(this.#sequence / BLOCK_PACKETS) - 1) * BLOCK_PACKETS;
    const packets = Math.min(ROW_PACKETS, this.#sequence - first);
    for (let column = 0; column < packets; column++) {
      const start = column * PACKET_BYTES;
      this.#parity.write(column, this.buffer, start);
      const header = {
        kind: PacketKind.parity,
        flags: columnRows(this.#sequence - first, column, rows),
        sequence: first + column,
        piece: this.#memory.view.getUint32(start + 12),
        offset: this.#memory.view.getUint32(start + 16),
        total: this.#memory.view.getUint32(start + 20),
      };
      this.#codec.encode(header, PAYLOAD_BYTES, this.#memory, start);
    }
    this.#parity.clear();
    this.#parityDue = 0;
    this.#counts.parityPackets += packets;
    return packets;
  }

  /** Says where it stands, when it is time; waits; or ends when nobody has missed anything for a while. */
  #idle(nowMs: number): SenderStep {
    const ended = this.#hasEnded;
    if (ended) {
      const quiet = nowMs >= Math.max(this.#lastBusyMs, this.#endedMs) + LINGER_MS && this.#repairs.size === 0;
      if (quiet || nowMs >= this.#endedMs + MAX_LINGER_MS) this.#stopped = true;
      if (this.#stopped) return this.#goodbye(nowMs);
    }
    // The end is said at once, and again soon: receivers that miss the last packets wait for it.
    if (nowMs >= this.#statusMs || (ended && this.#statusMs > nowMs + STATUS_INTERVAL_MS / 4)) {
      // So are those who have just come and say so when they hear it.
      this.#statusMs = nowMs + (ended || !this.#begun ? STATUS_INTERVAL_MS / 4 : STATUS_INTERVAL_MS);
      return this.#status(ended ? FLAG_ENDED : 0);
    }
    return { kind: "wait", untilMs: Math.min(this.#statusMs, Math.max(nowMs, this.#repairs.nextDueMs())) };
  }

  #goodbye(nowMs: number): SenderStep {
    if (this.#goodbyes === 0) return { kind: "done" };
    if (nowMs < this.#freeMs) return { kind: "wait", untilMs: this.#freeMs };
    this.#goodbyes -= 1;
    this.#freeMs = nowMs + STATUS_INTERVAL_MS / 10;
    return this.#status(FLAG_CLOSED | (this.#hasEnded ? FLAG_ENDED : 0));
  }

  #status(flags: number): SenderStep {
    const total = this.#hasEnded ? this.#sequence : 0;
    const header = { kind: PacketKind.status, flags, sequence: this.#sequence, piece: 0, offset: 0, total };
    return { kind: "send", length: this.#codec.encode(header, 0, this.#memory, 0) };
  }
}

/** Rows of a block of `packets` that have a packet in this column. */
function columnRows(packets: number, column: number, rows: number = BLOCK_ROWS): number {
  return Math.min(rows, Math.ceil((packets - column) / ROW_PACKETS));
}
