import { DecodeError, Reader, Writer } from "@ingot/wire";
import { PieceSet } from "../piece-set.ts";
import { MAX_HAVE_PIECES, MAX_HELLO_HOSTS, MAX_HOST_LENGTH, MAX_TICKET_BYTES } from "./limits.ts";

/** What stands in the first byte of a frame. */
const FrameType = {
  hello: 1,
  have: 2,
  grant: 3,
  request: 4,
  decline: 5,
  welcome: 6,
  cancel: 7,
  bye: 8,
  ping: 9,
  pong: 10,
} as const;
type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Why a peer ends a connection: it goes; it has another one to the same peer; the ticket is not good; it is full; the other one is banned. */
export const ByeReason = { leaving: 0, duplicate: 1, badTicket: 2, full: 3, banned: 4 } as const;
export type ByeReason = (typeof ByeReason)[keyof typeof ByeReason];

/** The first frame of either side. */
export interface Hello {
  readonly type: "hello";
  /** Made anew whenever the peer starts: a second connection with another number means that the first one is dead. */
  readonly instance: number;
  /** Port of its bulk door. */
  readonly bulkPort: number;
  /** It had the whole image when it started. */
  readonly isOrigin: boolean;
  /** As the side that dials knows it: the two stand in different sites. */
  readonly isRemote: boolean;
  /** The tracker's statement. */
  readonly ticket: Uint8Array;
  /** Addresses of its bulk door beside the one of this connection. */
  readonly hosts: readonly string[];
  readonly held: PieceSet;
}

/** What peers say to each other on the control connection; the rest of the messages is that of `Peer`. */
export type Message =
  | Hello
  | { readonly type: "have"; readonly pieces: readonly number[] }
  | { readonly type: "grant"; readonly suggestion: number | undefined }
  | { readonly type: "request" | "cancel"; readonly piece: number }
  | { readonly type: "decline"; readonly untilWelcome: boolean }
  | { readonly type: "welcome" | "ping" | "pong" }
  | { readonly type: "bye"; readonly reason: ByeReason };

const VERSION = 1;
const FLAG = { complete: 1, empty: 2, origin: 4, remote: 8 } as const;
const ALL_FLAGS = 15;
const NO_SUGGESTION = 0xffff_ffff;

/** Bytes in front of each frame's content. */
const FRAME_HEADER_BYTES = 4;

/** Longest content of each type, which is looked at before the content is waited for; of a hello, without the bitmap. */
const LONGEST: Readonly<Record<FrameType, number>> = {
  [FrameType.hello]: 16 + MAX_TICKET_BYTES + MAX_HELLO_HOSTS * (MAX_HOST_LENGTH + 1),
  [FrameType.have]: MAX_HAVE_PIECES * 4,
  [FrameType.grant]: 4,
  [FrameType.request]: 4,
  [FrameType.decline]: 1,
  [FrameType.welcome]: 0,
  [FrameType.cancel]: 4,
  [FrameType.bye]: 1,
  [FrameType.ping]: 0,
  [FrameType.pong]: 0,
};

/**
 * One frame.
 *
 * ```
 *  0       1               4
 * +-------+---------------+-----------------+
 * | type  | length        | content         |     big-endian
 * |  u8   |  u24          | length bytes    |
 * +-------+---------------+-----------------+
 * hello    u8 version 1 | u8 flags | u32 instance | u16 bulk port | u32 piece count | u16 ticket length | ticket
 *          | u8 hosts | each: u8 length, ASCII | bitmap of the held pieces, unless a flag says all or none
 * have     u32 piece, 1 to 1024 of them
 * grant    u32 suggestion, ffffffff: none           request, cancel   u32 piece
 * bye      u8 reason                                decline   u8: 1 until a welcome comes, else 0
 * welcome, ping, pong   nothing
 * ```
 *
 * Bit n % 8 of byte n div 8 of a bitmap is piece n; the bits behind the last piece are 0.
 */
export function encodeFrame(message: Message): Uint8Array<ArrayBuffer> {
  const writer = new Writer(message.type === "hello" ? 1024 : FRAME_HEADER_BYTES + 4);
  writer.u8(FrameType[message.type]).u24(0);
  encodeContent(writer, message);
  const length = writer.length - FRAME_HEADER_BYTES;
  writer.patchU8(1, length >>> 16);
  writer.patchU16(2, length & 0xffff);
  return writer.finish();
}

function encodeContent(writer: Writer, message: Message): void {
  switch (message.type) {
    case "hello":
      encodeHello(writer, message);
      break;
    case "have":
      for (const piece of message.pieces) writer.u32(piece);
      break;
    case "grant":
      writer.u32(message.suggestion ?? NO_SUGGESTION);
      break;
    case "request":
    case "cancel":
      writer.u32(message.piece);
      break;
    case "bye":
      writer.u8(message.reason);
      break;
    case "decline":
      writer.u8(message.untilWelcome ? 1 : 0);
      break;
    case "welcome":
    case "ping":
    case "pong":
      break;
  }
}

function encodeHello(writer: Writer, hello: Hello): void {
  const { held, ticket, hosts } = hello;
  const isEmpty = held.size === 0 && !held.isFull;
  const flags =
    (held.isFull ? FLAG.complete : 0) |
    (isEmpty ? FLAG.empty : 0) |
    (hello.isOrigin ? FLAG.origin : 0) |
    (hello.isRemote ? FLAG.remote : 0);
  writer.u8(VERSION).u8(flags).u32(hello.instance).u16(hello.bulkPort).u32(held.pieceCount);
  writer.u16(ticket.length).bytes(ticket).u8(hosts.length);
  for (const host of hosts) writer.u8(host.length).ascii(host);
  if (!held.isFull && !isEmpty) writer.bytes(bitmapOf(held));
}

/** The bitmap of a set. */
function bitmapOf(held: PieceSet): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(held.pieceCount / 8));
  for (let at = 0; at < bytes.length; at++) bytes[at] = ((held.words[at >>> 2] ?? 0) >>> ((at & 3) * 8)) & 0xff;
  return bytes;
}

/** Takes the frames of one connection apart, as they come. Its memory is bounded by the longest frame of the type that comes. */
export class FrameDecoder {
  readonly #pieceCount: number;
  #pending: Uint8Array = new Uint8Array();

  /** Numbers of pieces from `pieceCount` on are refused. */
  constructor(pieceCount: number) {
    this.#pieceCount = pieceCount;
  }

  /** The messages that are whole now; what they refer to is theirs. Throws `DecodeError` at the first frame that is not as it should be. */
  push(bytes: Uint8Array): Message[] {
    let rest = bytes;
    if (this.#pending.length > 0) {
      rest = new Uint8Array(this.#pending.length + bytes.length);
      rest.set(this.#pending);
      rest.set(bytes, this.#pending.length);
    }
    const messages: Message[] = [];
    while (rest.length >= FRAME_HEADER_BYTES) {
      const type = rest[0] ?? 0;
      const length = ((rest[1] ?? 0) << 16) | ((rest[2] ?? 0) << 8) | (rest[3] ?? 0);
      const longest = this.#longest(type);
      if (longest === undefined) throw invalid(`type ${type}, expected 1 to ${FrameType.pong}`);
      if (length > longest) throw invalid(`${nameOfFrame(type)} of ${length} bytes, expected at most ${longest}`);
      const end = FRAME_HEADER_BYTES + length;
      if (rest.length < end) break;
      messages.push(decodeContent(type as FrameType, rest.subarray(FRAME_HEADER_BYTES, end), this.#pieceCount));
      rest = rest.subarray(end);
    }
    // A copy, because a frame's rest must not keep the whole of what was received.
    this.#pending = rest.slice();
    return messages;
  }

  #longest(type: number): number | undefined {
    const longest = (LONGEST as Readonly<Record<number, number>>)[type];
    if (longest === undefined || type !== FrameType.hello) return longest;
    return longest + Math.ceil(this.#pieceCount / 8);
  }
}

/** The name of a frame's type, for people. */
function nameOfFrame(type: number): string {
  return Object.entries(FrameType).find(([, value]) => value === type)?.[0] ?? `frame ${type}`;
}

function decodeContent(type: FrameType, content: Uint8Array, pieceCount: number): Message {
  const reader = new Reader(content, nameOfFrame(type));
  const piece = (): number => {
    const number = reader.u32();
    if (number >= pieceCount) reader.fail(`piece ${number}: the image has ${pieceCount}`);
    return number;
  };
  const message = ((): Message => {
    switch (type) {
      case FrameType.hello:
        return decodeHello(reader, pieceCount);
      case FrameType.have: {
        const pieces = [piece()];
        while (reader.remaining > 0) pieces.push(piece());
        return { type: "have", pieces };
      }
      case FrameType.grant: {
        const suggestion = reader.u32();
        if (suggestion === NO_SUGGESTION) return { type: "grant", suggestion: undefined };
        if (suggestion >= pieceCount) reader.fail(`piece ${suggestion}: the image has ${pieceCount}`);
        return { type: "grant", suggestion };
      }
      case FrameType.request:
        return { type: "request", piece: piece() };
      case FrameType.cancel:
        return { type: "cancel", piece: piece() };
      case FrameType.bye: {
        const reason = reader.u8();
        if (reason > ByeReason.banned) reader.fail(`reason ${reason}, expected 0 to ${ByeReason.banned}`);
        return { type: "bye", reason: reason as ByeReason };
      }
      case FrameType.decline: {
        const flag = reader.u8();
        if (flag > 1) reader.fail(`decline ${flag}, expected 0 or 1`);
        return { type: "decline", untilWelcome: flag === 1 };
      }
      case FrameType.welcome:
        return { type: "welcome" };
      case FrameType.ping:
        return { type: "ping" };
      case FrameType.pong:
        return { type: "pong" };
    }
  })();
  reader.end();
  return message;
}

function decodeHello(reader: Reader, pieceCount: number): Hello {
  const version = reader.u8();
  if (version !== VERSION) reader.fail(`version ${version}, expected ${VERSION}`);
  const flags = reader.u8();
  if (flags > ALL_FLAGS) reader.fail(`flags ${flags}, expected at most ${ALL_FLAGS}`);
  if ((flags & FLAG.complete) !== 0 && (flags & FLAG.empty) !== 0) reader.fail("all pieces and none");
  const instance = reader.u32();
  const bulkPort = reader.u16();
  if (bulkPort === 0) reader.fail("bulk port 0");
  const count = reader.u32();
  if (count !== pieceCount) reader.fail(`${count} pieces, expected ${pieceCount}`);
  const ticketLength = reader.u16();
  if (ticketLength > MAX_TICKET_BYTES) reader.fail(`ticket of ${ticketLength} bytes, expected ${MAX_TICKET_BYTES}`);
  const ticket = reader.copy(ticketLength);
  const hostCount = reader.u8();
  if (hostCount > MAX_HELLO_HOSTS) reader.fail(`${hostCount} addresses, expected at most ${MAX_HELLO_HOSTS}`);
  const hosts = Array.from({ length: hostCount }, () => decodeHost(reader));
  const held = decodeHeld(reader, flags, pieceCount);
  const isOrigin = (flags & FLAG.origin) !== 0;
  const isRemote = (flags & FLAG.remote) !== 0;
  return { type: "hello", instance, bulkPort, isOrigin, isRemote, ticket, hosts, held };
}

function decodeHost(reader: Reader): string {
  const length = reader.u8();
  if (length > MAX_HOST_LENGTH) reader.fail(`address of ${length} characters, expected at most ${MAX_HOST_LENGTH}`);
  const host = String.fromCharCode(...reader.bytes(length));
  if (!/^[0-9A-Fa-f.:]{2,}$/.test(host)) reader.fail(`${JSON.stringify(host)} is no IP address`);
  return host;
}

function decodeHeld(reader: Reader, flags: number, pieceCount: number): PieceSet {
  if ((flags & FLAG.complete) !== 0) return PieceSet.full(pieceCount);
  const held = new PieceSet(pieceCount);
  if ((flags & FLAG.empty) !== 0) return held;
  const bitmap = reader.bytes(Math.ceil(pieceCount / 8));
  for (const [at, byte] of bitmap.entries()) {
    for (let bits = byte; bits !== 0; bits &= bits - 1) {
      const piece = at * 8 + 31 - Math.clz32(bits & -bits);
      if (piece >= pieceCount) reader.fail(`piece ${piece} in the bitmap: the image has ${pieceCount}`);
      held.add(piece);
    }
  }
  return held;
}

function invalid(message: string): DecodeError {
  return new DecodeError("invalid", message, { what: "frame", offset: 0 });
}
