import { byteAt, putU32 } from "../bytes.ts";

/**
 * The Basic Header Segment that starts every PDU (RFC 7143 §11.2.1).
 *
 * ```
 *  byte 0        1                2..3      4              5..7
 * | .I opcode | F opcode-specific |  …  | TotalAHSLength | DataSegmentLength |
 *  8..15                          16..19                 20..47
 * | LUN or opcode-specific       | Initiator Task Tag   | opcode-specific |
 * ```
 *
 * Numbers are read straight from the receive buffer and written straight into the send buffer: commands come by the
 * hundred thousand per second, so nothing is allocated for a field.
 */

/** Bytes of a BHS. */
export const BHS_BYTES = 48;

/** Bit 6 of byte 0: an immediate command, outside of the CmdSN order. */
export const IMMEDIATE = 0x40;

/** Bit 7 of byte 1: F in most PDUs, T in login PDUs. */
export const FINAL = 0x80;

/** The tag that belongs to no task (ITT, TTT). */
export const NO_TAG = 0xffff_ffff;

/** PDU types that an initiator sends (RFC 7143 §11.2.1.2). */
export const InitiatorOpcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  snack: 0x10,
} as const;
/** One of the values of `InitiatorOpcode`. */
export type InitiatorOpcode = (typeof InitiatorOpcode)[keyof typeof InitiatorOpcode];

/** PDU types that a target sends (RFC 7143 §11.2.1.2). */
export const TargetOpcode = {
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  readyToTransfer: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;
/** One of the values of `TargetOpcode`. */
export type TargetOpcode = (typeof TargetOpcode)[keyof typeof TargetOpcode];

/** The opcode without the immediate bit. */
export function opcodeOf(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) & 0x3f;
}

/** DataSegmentLength in bytes, without padding. */
export function dataSegmentLengthOf(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at + 5) << 16) | (byteAt(bytes, at + 6) << 8) | byteAt(bytes, at + 7);
}

/** Additional header bytes after the BHS. */
export function ahsLengthOf(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at + 4) * 4;
}

/** `length` rounded up to whole 32-bit words, as every segment is padded. */
export function padded(length: number): number {
  return (length + 3) & ~3;
}

/** The sequence numbers at bytes 24 to 35 of every PDU that a target sends. */
export interface Sequence {
  /** Status sequence number; ignored by the receiver where the PDU carries no status. */
  readonly statSN: number;
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
}

/**
 * Clears 48 bytes and fills what all target PDUs share: opcode, byte 1, data length, initiator task tag, sequence numbers.
 * `flags` is the whole of byte 1.
 */
export function putHeader(
  bytes: Uint8Array,
  at: number,
  opcode: TargetOpcode,
  flags: number,
  dataLength: number,
  initiatorTaskTag: number,
  sequence: Sequence,
): void {
  bytes.fill(0, at, at + BHS_BYTES);
  bytes[at] = opcode;
  bytes[at + 1] = flags;
  bytes[at + 5] = dataLength >>> 16;
  bytes[at + 6] = dataLength >>> 8;
  bytes[at + 7] = dataLength;
  putU32(bytes, at + 16, initiatorTaskTag);
  putU32(bytes, at + 24, sequence.statSN);
  putU32(bytes, at + 28, sequence.expCmdSN);
  putU32(bytes, at + 32, sequence.maxCmdSN);
}
