import { Reader, Writer } from "@ingot/wire";
import { MAX_ERROR_MESSAGE_BYTES, MAX_OPTIONS } from "./limits.ts";

/** RFC 1350 §5, RFC 2347. */
export const Opcode = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** RFC 1350 §5 and appendix I; 8 is RFC 2347. */
export const ErrorCode = {
  undefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransferId: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionNegotiation: 8,
} as const;

/** One option as it stands in a packet. The name is kept as sent; compare it without regard to case (RFC 2347). */
export interface TftpOption {
  readonly name: string;
  readonly value: string;
}

/**
 * A request to read or to write (RFC 1350 figure 5-1, RFC 2347).
 *
 * ```
 *  2 bytes     string    1 byte   string  1 byte  string  1 byte  string  1 byte
 *  +----------+---------+-------+--------+-------+-------+-------+-------+-------+
 *  | 01 or 02 | filename |   0   |  mode  |   0   |  opt1 |   0   | value1|   0   | ...
 *  +----------+---------+-------+--------+-------+-------+-------+-------+-------+
 * ```
 */
export interface RequestPacket {
  readonly kind: "rrq" | "wrq";
  /** The bytes of the name without the terminating NUL (a view when decoded). See `parseFileName`. */
  readonly filename: Uint8Array;
  /** Lower case: `octet`, `netascii`, `mail`, or what the client invented. */
  readonly mode: string;
  readonly options: readonly TftpOption[];
}

/**
 * ```
 *  2 bytes   2 bytes    0..blksize bytes
 *  +--------+----------+-----------------+
 *  |   03   |  block   |      data       |
 *  +--------+----------+-----------------+
 * ```
 * RFC 1350 figure 5-2.
 */
export interface DataPacket {
  readonly kind: "data";
  /** 16 bits; goes on at 0 after 65535. */
  readonly block: number;
  /** A view when decoded. */
  readonly data: Uint8Array;
}

/** `04 | block`, RFC 1350 figure 5-3. */
interface AckPacket {
  readonly kind: "ack";
  readonly block: number;
}

/** `05 | error code | message | 0`, RFC 1350 figure 5-4. */
interface ErrorPacket {
  readonly kind: "error";
  readonly code: number;
  readonly message: string;
}

/** `06 | opt1 | 0 | value1 | 0 | ...`, RFC 2347. */
interface OptionAckPacket {
  readonly kind: "oack";
  readonly options: readonly TftpOption[];
}

/** Any TFTP packet. */
export type TftpPacket = RequestPacket | DataPacket | AckPacket | ErrorPacket | OptionAckPacket;

/** Bytes before the data of a DATA packet. */
export const DATA_HEADER_BYTES = 4;

/**
 * Decodes one packet.
 *
 * @throws {DecodeError} `truncated` when it ends early, `trailing` when bytes are left over, `invalid` for an unknown
 * opcode, text that is not ASCII, or more options than `MAX_OPTIONS`.
 */
export function decodePacket(bytes: Uint8Array): TftpPacket {
  const reader = new Reader(bytes, "TFTP packet");
  const opcode = reader.u16();
  switch (opcode) {
    case Opcode.rrq:
      return { kind: "rrq", ...decodeRequest(reader) };
    case Opcode.wrq:
      return { kind: "wrq", ...decodeRequest(reader) };
    case Opcode.data:
      return { kind: "data", block: reader.u16(), data: reader.rest() };
    case Opcode.ack:
      return decodeAck(reader);
    case Opcode.error:
      return decodeError(reader);
    case Opcode.oack:
      return { kind: "oack", options: decodeOptions(reader) };
    default:
      return reader.fail(`opcode is ${opcode}, expected 1 to 6`);
  }
}

function decodeRequest(reader: Reader): Omit<RequestPacket, "kind"> {
  const filename = decodeString(reader);
  const mode = decodeText(reader, "mode").toLowerCase();
  return { filename, mode, options: decodeOptions(reader) };
}

function decodeAck(reader: Reader): AckPacket {
  const block = reader.u16();
  reader.end();
  return { kind: "ack", block };
}

function decodeError(reader: Reader): ErrorPacket {
  const code = reader.u16();
  // Firmware and embedded clients send ERROR with the message's NUL missing, or with padding behind it; the packet
  // ends the transfer whatever its text is, so the text is taken as far as it goes.
  const rest = reader.rest().subarray(0, MAX_ERROR_MESSAGE_BYTES);
  const end = rest.indexOf(0);
  const message = asciiForLog(end < 0 ? rest : rest.subarray(0, end));
  return { kind: "error", code, message };
}

function decodeOptions(reader: Reader): readonly TftpOption[] {
  const options: TftpOption[] = [];
  while (reader.remaining > 0) {
    if (options.length === MAX_OPTIONS) {
      return reader.fail(`more than ${MAX_OPTIONS} options`);
    }
    options.push({ name: decodeText(reader, "option name"), value: decodeText(reader, "option value") });
  }
  return options;
}

/** The bytes up to the next NUL, which is consumed too. */
function decodeString(reader: Reader): Uint8Array {
  const start = reader.offset;
  const rest = reader.rest();
  const length = rest.indexOf(0);
  if (length < 0) {
    reader.seek(start);
    return reader.bytes(rest.length + 1);
  }
  reader.seek(start + length + 1);
  return rest.subarray(0, length);
}

function decodeText(reader: Reader, what: string): string {
  const bytes = decodeString(reader);
  if (bytes.some((byte) => byte < 0x20 || byte > 0x7e)) {
    return reader.fail(`${what} is not printable ASCII`);
  }
  return String.fromCharCode(...bytes);
}

function asciiForLog(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte < 0x20 || byte > 0x7e ? "." : String.fromCharCode(byte))).join("");
}

/**
 * Encodes one packet. The inverse of `decodePacket`.
 *
 * @throws {RangeError} when a number or a text does not fit its field: our own fault.
 */
export function encodePacket(packet: TftpPacket): Uint8Array {
  const writer = new Writer();
  switch (packet.kind) {
    case "rrq":
    case "wrq":
      writer.u16(Opcode[packet.kind]).bytes(packet.filename).u8(0).ascii(packet.mode).u8(0);
      encodeOptions(writer, packet.options);
      break;
    case "data":
      writer.u16(Opcode.data).u16(packet.block).bytes(packet.data);
      break;
    case "ack":
      writer.u16(Opcode.ack).u16(packet.block);
      break;
    case "error":
      writer.u16(Opcode.error).u16(packet.code).ascii(packet.message).u8(0);
      break;
    case "oack":
      writer.u16(Opcode.oack);
      encodeOptions(writer, packet.options);
      break;
  }
  return writer.finish();
}

function encodeOptions(writer: Writer, options: readonly TftpOption[]): void {
  for (const { name, value } of options) {
    writer.ascii(name).u8(0).ascii(value).u8(0);
  }
}
