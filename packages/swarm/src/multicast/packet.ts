import { HEADER_BYTES, MAC_BYTES, MAX_REPORT_RANGES, PACKET_BYTES } from "./limits.ts";
import { PacketMac } from "./packet-mac.ts";

/** What a packet is. */
export const PacketKind = {
  /** A part of a piece's chunk stream, from the sender to the group. */
  data: 0,
  /** The XOR of the packets in one column of a block, from the sender to the group. */
  parity: 1,
  /** Where the sender stands, from the sender to the group, several times a second when it sends nothing else. */
  status: 2,
  /** What a receiver misses, to the sender alone. */
  report: 3,
} as const;
/** One of the kinds. */
export type PacketKind = (typeof PacketKind)[keyof typeof PacketKind];

/** Flags of a data packet: parity of its block follows; it is sent once more. */
export const FLAG_PARITY = 1;
export const FLAG_REPAIR = 2;

/** Flags of a status packet: all pieces were sent once, nothing but repairs follows; the sender leaves. */
export const FLAG_ENDED = 1;
export const FLAG_CLOSED = 2;

/**
 * What stands before a packet's payload. Every number is big-endian.
 *
 *      0   magic        "IG"
 *      2   version      1 (high half), kind (low half)
 *      3   flags
 *      4   session
 *      8   sequence
 *     12   piece
 *     16   offset
 *     20   total
 *     24   payload
 *      …   authenticator, 16 bytes
 *
 * |        | sequence            | piece        | offset                        | total                    | flags, payload            |
 * |--------|---------------------|--------------|-------------------------------|--------------------------|---------------------------|
 * | data   | its own; a repair has that of the packet it repairs | piece number | bytes into its chunk stream | bytes of its chunk stream | `FLAG_PARITY`, `FLAG_REPAIR`; 1,360 bytes, zeros behind the stream's end |
 * | parity | of the column's first packet | XOR | XOR                           | XOR                      | rows of the column; XOR    |
 * | status | one past the last sent | 0           | 0                      | packets in all           | `FLAG_ENDED`, `FLAG_CLOSED`; none |
 * | report | counts the receiver's reports | receiver | packets received since the last one | packets lost since then, parity's rescues included | ranges: first, count |
 */
export interface PacketHeader {
  readonly kind: PacketKind;
  readonly flags: number;
  readonly session: number;
  readonly sequence: number;
  readonly piece: number;
  readonly offset: number;
  readonly total: number;
}

/** A run of consecutive sequence numbers. */
export interface SequenceRange {
  readonly first: number;
  /** At least 1. */
  readonly count: number;
}

/** Why a packet was not accepted; each is counted. */
export type Refusal = "length" | "foreign" | "session" | "authenticator" | "number";

const MAGIC_AND_VERSION = 0x4947_1000;

/** Memory that packets lie in, with its views: made once, because packets are many. */
export class PacketMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView;
  /** All of it as words, undefined where it does not begin at one. */
  readonly words: Uint32Array | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    const { buffer, byteOffset, byteLength } = bytes;
    this.bytes = bytes;
    this.view = new DataView(buffer, byteOffset, byteLength);
    this.words = byteOffset % 4 === 0 ? new Uint32Array(buffer, byteOffset, byteLength >>> 2) : undefined;
  }
}

/** The packets of one session: what is encoded is signed, what is decoded is authentic. */
export class PacketCodec {
  readonly session: number;
  readonly #mac: PacketMac;

  /** `session` is an unsigned number of 32 bits, `key` has 32 bytes. */
  constructor(session: number, key: Uint8Array) {
    this.session = session;
    this.#mac = new PacketMac(key);
  }

  /** Writes a whole packet around the payload that stands already at `start + 24`; returns its length. */
  encode(header: Omit<PacketHeader, "session">, payloadBytes: number, memory: PacketMemory, start: number): number {
    const into = memory.view;
    into.setUint32(start, (MAGIC_AND_VERSION | (header.kind << 8) | header.flags) >>> 0);
    into.setUint32(start + 4, this.session);
    into.setUint32(start + 8, header.sequence);
    into.setUint32(start + 12, header.piece);
    into.setUint32(start + 16, header.offset);
    into.setUint32(start + 20, header.total);
    const length = HEADER_BYTES + payloadBytes;
    this.#mac.sign(memory.bytes, start, start + length);
    return length + MAC_BYTES;
  }

  /**
   * Reads the packet at `start`, whose payload goes from `start + 24` to 16 bytes before its end. Only what the packet itself can say is
   * checked; whoever has the key may have written any number into it.
   */
  decode({ bytes, view }: PacketMemory, start: number, length: number): PacketHeader | Refusal {
    if (length < HEADER_BYTES + MAC_BYTES || length > PACKET_BYTES) return "length";
    const word = view.getUint32(start);
    const kind = (word >>> 8) & 15;
    if ((word & 0xffff_f000) !== (MAGIC_AND_VERSION | 0) || !isKind(kind)) return "foreign";
    if (view.getUint32(start + 4) !== this.session) return "session";
    if ((kind === PacketKind.data || kind === PacketKind.parity) && length !== PACKET_BYTES) return "length";
    if (kind === PacketKind.status && length !== HEADER_BYTES + MAC_BYTES) return "length";
    if (!this.#mac.verify(bytes, start, start + length - MAC_BYTES)) return "authenticator";
    return {
      kind,
      flags: word & 255,
      session: this.session,
      sequence: view.getUint32(start + 8),
      piece: view.getUint32(start + 12),
      offset: view.getUint32(start + 16),
      total: view.getUint32(start + 20),
    };
  }
}

/** Writes the ranges of a report as its payload; returns its length. RangeError for more than fit. */
export function encodeRanges(ranges: readonly SequenceRange[], into: DataView, start: number): number {
  if (ranges.length > MAX_REPORT_RANGES)
    throw new RangeError(`${ranges.length} ranges: a report has at most ${MAX_REPORT_RANGES}`);
  for (const [index, { first, count }] of ranges.entries()) {
    into.setUint32(start + index * 8, first);
    into.setUint32(start + index * 8 + 4, count);
  }
  return ranges.length * 8;
}

/** Reads a report's payload: ascending ranges that do not touch, of packets before `end`. */
export function decodeRanges(view: DataView, start: number, length: number, end: number): SequenceRange[] | Refusal {
  if (length % 8 !== 0) return "length";
  const ranges: SequenceRange[] = [];
  let next = 0;
  for (let at = start; at < start + length; at += 8) {
    const first = view.getUint32(at);
    const count = view.getUint32(at + 4);
    if (count === 0 || first < next || first + count > end) return "number";
    ranges.push({ first, count });
    next = first + count + 1;
  }
  return ranges;
}

function isKind(value: number): value is PacketKind {
  return value <= PacketKind.report;
}
