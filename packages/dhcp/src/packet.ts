import { Reader, Writer, ipv4FromBytes, ipv4ToBytes, macFromBytes } from "@ingot/wire";
import type { Ipv4, Mac } from "@ingot/wire";
import { DhcpError } from "./errors.ts";
import { DEFAULT_MAX_MESSAGE_BYTES, IP_UDP_HEADER_BYTES, MAX_PACKET_BYTES, MIN_PACKET_BYTES } from "./limits.ts";
import { OptionCode } from "./option-code.ts";
import { decodeOptionArea, encodeOptionParts } from "./options.ts";
import type { OptionMap, OptionPart } from "./options.ts";

/** Direction of a message (RFC 2131 §2, figure 1). */
export const Op = { bootRequest: 1, bootReply: 2 } as const;
/** One of the values of `Op`. */
export type Op = (typeof Op)[keyof typeof Op];

/** Hardware type of Ethernet, the only one whose `chaddr` is read as a MAC address (IANA "Hardware Types"). */
export const HTYPE_ETHERNET = 1;

/** Top bit of `flags`: the client cannot receive unicast yet (RFC 2131 §2, figure 2). */
export const FLAG_BROADCAST = 0x8000;

/** The address that stands for "none" in the header's fields. */
export const NO_ADDRESS: Ipv4 = "0.0.0.0" as Ipv4;

const MAGIC_COOKIE = 0x6382_5363;
const SNAME_BYTES = 64;
const FILE_BYTES = 128;
const CHADDR_BYTES = 16;
const FIXED_BYTES = 240;
const OVERLOAD_FILE = 1;
const OVERLOAD_SNAME = 2;
const OVERLOAD_OPTION_BYTES = 3;

/**
 * A DHCPv4 message (RFC 2131 §2, figure 1).
 *
 * ```
 *  0                   1                   2                   3
 * +---------------+---------------+---------------+---------------+
 * |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |
 * +---------------+---------------+---------------+---------------+
 * |                            xid (4)                            |
 * +-------------------------------+-------------------------------+
 * |           secs (2)            |           flags (2)           |
 * +-------------------------------+-------------------------------+
 * |             ciaddr (4), yiaddr (4), siaddr (4), giaddr (4)    |
 * +---------------------------------------------------------------+
 * |             chaddr (16), sname (64), file (128)               |
 * +---------------------------------------------------------------+
 * |             magic cookie 63 82 53 63, options (variable)      |
 * +---------------------------------------------------------------+
 * ```
 */
export interface DhcpPacket {
  readonly op: Op;
  readonly htype: number;
  /** Bytes of `chaddr` that count, 0 to 16. */
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** All 16 bytes. */
  readonly chaddr: Uint8Array;
  /** Server host name, at most 63 characters of one byte each; empty when the field is empty or holds options. */
  readonly sname: string;
  /** Boot file name, at most 127 characters of one byte each; empty when the field is empty or holds options. */
  readonly file: string;
  readonly options: OptionMap;
}

/**
 * Reads a message. Option values are views of `bytes`.
 * Throws `DecodeError` when it is too short, too long, has another cookie, a bad op or hlen, or broken options.
 */
export function decodePacket(bytes: Uint8Array): DhcpPacket {
  const reader = new Reader(bytes, "DHCP packet");
  if (bytes.length > MAX_PACKET_BYTES) reader.fail(`${bytes.length} bytes, at most ${MAX_PACKET_BYTES} are read`);
  const op = reader.u8();
  if (op !== Op.bootRequest && op !== Op.bootReply) return reader.fail(`op is ${op}, expected 1 or 2`);
  const htype = reader.u8();
  const hlen = reader.u8();
  if (hlen > CHADDR_BYTES) reader.fail(`hlen is ${hlen}, expected at most ${CHADDR_BYTES}`);
  const hops = reader.u8();
  const xid = reader.u32();
  const secs = reader.u16();
  const flags = reader.u16();
  const ciaddr = ipv4FromBytes(reader.bytes(4));
  const yiaddr = ipv4FromBytes(reader.bytes(4));
  const siaddr = ipv4FromBytes(reader.bytes(4));
  const giaddr = ipv4FromBytes(reader.bytes(4));
  const chaddr = reader.bytes(CHADDR_BYTES);
  const snameField = reader.bytes(SNAME_BYTES);
  const fileField = reader.bytes(FILE_BYTES);
  const cookie = reader.u32();
  if (cookie !== MAGIC_COOKIE) reader.fail(`magic cookie is ${cookie.toString(16)}, expected 63825363`);

  const options = new Map<number, Uint8Array>();
  decodeOptionArea(reader.rest(), "DHCP options", options);
  const overload = readOverload(options, reader);
  // The order of joining is options, file, sname (RFC 3396 §7).
  if (overload & OVERLOAD_FILE) decodeOptionArea(fileField, "DHCP options in file", options);
  if (overload & OVERLOAD_SNAME) decodeOptionArea(snameField, "DHCP options in sname", options);
  return {
    op,
    htype,
    hlen,
    hops,
    xid,
    secs,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname: overload & OVERLOAD_SNAME ? "" : textFromField(snameField),
    file: overload & OVERLOAD_FILE ? "" : textFromField(fileField),
    options,
  };
}

/** Size limit of one message. */
export interface EncodeLimits {
  /** The receiver's maximum, IP and UDP headers included (option 57). Default and least: 576. */
  readonly maxMessageBytes?: number;
}

/**
 * Writes a message. Options that do not fit the receiver's maximum move into `sname`, then `file`, where those are empty
 * (option overload, RFC 2132 §9.3). Throws `DhcpError` `message-too-large` when there is still no room.
 */
export function encodePacket(packet: DhcpPacket, limits: EncodeLimits = {}): Uint8Array<ArrayBuffer> {
  const maxBytes = Math.max(limits.maxMessageBytes ?? 0, DEFAULT_MAX_MESSAGE_BYTES) - IP_UDP_HEADER_BYTES;
  const { main, file, sname } = placeOptions(packet, maxBytes - FIXED_BYTES);
  const writer = new Writer(Math.max(MIN_PACKET_BYTES, maxBytes));
  writer.u8(packet.op).u8(packet.htype).u8(packet.hlen).u8(packet.hops);
  writer.u32(packet.xid).u16(packet.secs).u16(packet.flags);
  for (const address of [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr])
    writer.bytes(ipv4ToBytes(address));
  if (packet.chaddr.length !== CHADDR_BYTES)
    throw new RangeError(`chaddr has ${packet.chaddr.length} bytes, expected ${CHADDR_BYTES}`);
  writer.bytes(packet.chaddr);
  writeField(writer, SNAME_BYTES, packet.sname, sname);
  writeField(writer, FILE_BYTES, packet.file, file);
  writer.u32(MAGIC_COOKIE);
  for (const part of main) writer.bytes(part);
  writer.u8(OptionCode.end);
  if (writer.length < MIN_PACKET_BYTES) writer.zeros(MIN_PACKET_BYTES - writer.length);
  return writer.finish();
}

/** The client's MAC address, or `undefined` when the message does not come from an Ethernet interface. */
export function macOf(packet: Pick<DhcpPacket, "htype" | "hlen" | "chaddr">): Mac | undefined {
  return packet.htype === HTYPE_ETHERNET && packet.hlen === 6 ? macFromBytes(packet.chaddr.subarray(0, 6)) : undefined;
}

/** Sixteen bytes of `chaddr` from a shorter hardware address. */
export function chaddrFrom(hardwareAddress: Uint8Array): Uint8Array<ArrayBuffer> {
  const chaddr = new Uint8Array(CHADDR_BYTES);
  chaddr.set(hardwareAddress);
  return chaddr;
}

/** Whether `text` fits the BOOTP `file` field with its closing NUL. */
export function fitsFileField(text: string): boolean {
  return text.length < FILE_BYTES;
}

function readOverload(options: Map<number, Uint8Array>, reader: Reader): number {
  const value = options.get(OptionCode.overload);
  if (value === undefined) return 0;
  options.delete(OptionCode.overload);
  const [overload = 0] = value;
  if (value.length !== 1 || overload < 1 || overload > 3)
    reader.fail(`option overload is [${value.join(" ")}], expected 1, 2 or 3`);
  return overload;
}

interface Placement {
  readonly main: readonly OptionPart[];
  readonly file: readonly OptionPart[] | undefined;
  readonly sname: readonly OptionPart[] | undefined;
}

/** A place for options and the bytes still free in it. */
interface OptionArea {
  room: number;
  readonly parts: OptionPart[];
}

function placeOptions(packet: DhcpPacket, mainBytes: number): Placement {
  const parts = encodeOptionParts(packet.options);
  const endBytes = 1;
  if (bytesOf(parts) + endBytes <= mainBytes) return { main: parts, file: undefined, sname: undefined };

  // Parts of one long option must stay in order over main, file, sname; so the areas are filled in that order and never gone back to.
  const areas: [OptionArea, OptionArea, OptionArea] = [
    { room: mainBytes - endBytes - OVERLOAD_OPTION_BYTES, parts: [] },
    { room: packet.file === "" ? FILE_BYTES - endBytes : 0, parts: [] },
    { room: packet.sname === "" ? SNAME_BYTES - endBytes : 0, parts: [] },
  ];
  let area = 0;
  const relay = packet.options.has(OptionCode.relayAgentInformation)
    ? parts.filter((part) => part[0] === OptionCode.relayAgentInformation)
    : [];
  // Relays look for option 82 at the end of the main area only, so its room is set aside there.
  areas[0].room -= bytesOf(relay);
  for (const part of parts) {
    if (relay.includes(part)) continue;
    while (area < areas.length && (areas[area]?.room ?? 0) < part.length) area++;
    const chosen = areas[area];
    if (chosen === undefined) {
      throw new DhcpError(
        "message-too-large",
        `DHCP message: ${bytesOf(parts)} bytes of options do not fit ${mainBytes} bytes and the free header fields`,
      );
    }
    chosen.room -= part.length;
    chosen.parts.push(part);
  }
  const [main, file, sname] = areas;
  const overload = (file.parts.length > 0 ? OVERLOAD_FILE : 0) | (sname.parts.length > 0 ? OVERLOAD_SNAME : 0);
  if (main.room < 0 || overload === 0) {
    throw new DhcpError(
      "message-too-large",
      `DHCP message: ${bytesOf(parts)} bytes of options do not fit ${mainBytes} bytes`,
    );
  }
  return {
    main: [...main.parts, Uint8Array.of(OptionCode.overload, 1, overload), ...relay],
    file: file.parts.length > 0 ? file.parts : undefined,
    sname: sname.parts.length > 0 ? sname.parts : undefined,
  };
}

function bytesOf(parts: readonly OptionPart[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function writeField(writer: Writer, size: number, text: string, parts: readonly OptionPart[] | undefined): void {
  const start = writer.length;
  if (parts === undefined) {
    if (text.length >= size) throw new RangeError(`${JSON.stringify(text)} does not fit a field of ${size} bytes`);
    writer.bytes(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  } else {
    for (const part of parts) writer.bytes(part);
    writer.u8(OptionCode.end);
  }
  writer.zeros(size - (writer.length - start));
}

/** Text up to the first NUL, one character per byte so that nothing is lost when it is written back. */
function textFromField(field: Uint8Array): string {
  const end = field.indexOf(0);
  return String.fromCharCode(...(end < 0 ? field : field.subarray(0, end)));
}
