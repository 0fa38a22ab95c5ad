import { concatBytes, crc32c } from "@ingot/wire";

/** What tests send and see: PDUs as an initiator builds and reads them, written apart from the code under test. */

const OPCODES = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  snack: 0x10,
} as const;

/** The header fields that a test may set; all others are zero. */
export interface PduFields {
  /** Byte 1. */
  readonly flags?: number;
  readonly immediate?: boolean;
  readonly lun?: number;
  readonly itt?: number;
  /** Bytes 20 to 23: TTT, expected length, referenced tag, CID. */
  readonly word20?: number;
  readonly cmdSN?: number;
  readonly expStatSN?: number;
  /** Bytes from 32 on: the CDB. */
  readonly cdb?: readonly number[];
  /** Bytes 36 to 39: DataSN. */
  readonly dataSN?: number;
  /** Bytes 40 to 43. */
  readonly bufferOffset?: number;
  /** Bytes 8 to 15, instead of the LUN: ISID and TSIH. */
  readonly word8?: readonly number[];
  readonly data?: Uint8Array;
}

/** One PDU, padded, without digests. */
export function pdu(kind: keyof typeof OPCODES, fields: PduFields): Uint8Array {
  const data = fields.data ?? new Uint8Array(0);
  const bytes = new Uint8Array(48 + ((data.length + 3) & ~3));
  const view = new DataView(bytes.buffer);
  bytes[0] = OPCODES[kind] | (fields.immediate === true ? 0x40 : 0);
  bytes[1] = fields.flags ?? 0x80;
  view.setUint32(4, data.length);
  if (fields.lun !== undefined) bytes[9] = fields.lun;
  if (fields.word8 !== undefined) bytes.set(fields.word8, 8);
  view.setUint32(16, fields.itt ?? 0);
  view.setUint32(20, fields.word20 ?? 0);
  view.setUint32(24, fields.cmdSN ?? 0);
  view.setUint32(28, fields.expStatSN ?? 0);
  if (fields.cdb !== undefined) bytes.set(fields.cdb, 32);
  if (fields.dataSN !== undefined) view.setUint32(36, fields.dataSN);
  if (fields.bufferOffset !== undefined) view.setUint32(40, fields.bufferOffset);
  bytes.set(data, 48);
  return bytes;
}

/** `key=value` pairs with their NULs. */
export function text(...pairs: readonly string[]): Uint8Array {
  return new TextEncoder().encode(pairs.map((pair) => `${pair}\0`).join(""));
}

const ISID = [0x40, 0, 0, 1, 0, 0];

/** Fields of a login of another initiator port. */
export const OTHER_ISID: PduFields = { word8: [0x40, 0, 0, 2, 0, 0, 0, 0] };

/** A task management request, immediate as initiators send it. */
export function manage(
  taskFunction: number,
  fields: { itt?: number; referenced?: number; refCmdSN?: number; lun?: number; cmdSN?: number } = {},
): Uint8Array {
  const { itt = 900, referenced = 0xffff_ffff, refCmdSN = 0, cmdSN = 1, ...rest } = fields;
  const bytes = pdu("taskManagement", {
    immediate: true,
    flags: 0x80 | taskFunction,
    itt,
    word20: referenced,
    cmdSN,
    ...rest,
  });
  new DataView(bytes.buffer).setUint32(32, refCmdSN);
  return bytes;
}

/** Stages by name; `security->operational` and so on. */
export const LoginFlags = {
  security: 0x00,
  securityToOperational: 0x81,
  securityToFullFeature: 0x83,
  operational: 0x04,
  operationalToFullFeature: 0x87,
  more: 0x40,
} as const;

/** A login request with the usual ISID. */
export function loginRequest(flags: number, pairs: readonly string[], fields: PduFields = {}): Uint8Array {
  return pdu("login", {
    immediate: true,
    flags,
    itt: 1,
    cmdSN: 1,
    word8: [...ISID, 0, 0],
    data: text(...pairs),
    ...fields,
  });
}

/** A PDU that the target sent. */
export interface ReceivedPdu {
  readonly opcode: number;
  readonly flags: number;
  readonly itt: number;
  /** Bytes 20 to 23: the Target Transfer Tag of most PDUs. */
  readonly ttt: number;
  readonly statSN: number;
  readonly expCmdSN: number;
  readonly maxCmdSN: number;
  /** Bytes 36 to 39, 40 to 43, 44 to 47. */
  readonly words: readonly [number, number, number];
  readonly header: Uint8Array;
  readonly data: Uint8Array;
  /** Key=value lines of the data. */
  readonly keys: Readonly<Record<string, string>>;
}

/** Cuts what the target sent into PDUs; checks digests where they were agreed on. */
export function splitPdus(
  bytes: Uint8Array,
  digests: { header: boolean; data: boolean } = { header: false, data: false },
): ReceivedPdu[] {
  const pdus: ReceivedPdu[] = [];
  for (let at = 0; at < bytes.length;) {
    const header = bytes.subarray(at, at + 48);
    const view = new DataView(header.buffer, header.byteOffset, 48);
    const length = view.getUint32(4) & 0xff_ffff;
    at += 48;
    if (digests.header) at += checkDigest(bytes, header, at);
    const padded = bytes.subarray(at, at + ((length + 3) & ~3));
    at += padded.length;
    if (digests.data && length > 0) at += checkDigest(bytes, padded, at);
    const data = padded.slice(0, length);
    pdus.push({
      opcode: (header[0] ?? 0) & 0x3f,
      flags: header[1] ?? 0,
      itt: view.getUint32(16),
      ttt: view.getUint32(20),
      statSN: view.getUint32(24),
      expCmdSN: view.getUint32(28),
      maxCmdSN: view.getUint32(32),
      words: [view.getUint32(36), view.getUint32(40), view.getUint32(44)],
      header: header.slice(),
      data,
      keys: keysOf(data),
    });
  }
  return pdus;
}

function checkDigest(bytes: Uint8Array, covered: Uint8Array, at: number): number {
  const sent = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
  if (sent !== crc32c(covered)) throw new Error(`wrong digest at ${at}`);
  return 4;
}

function keysOf(data: Uint8Array): Record<string, string> {
  const pairs = new TextDecoder().decode(data).split("\0");
  return Object.fromEntries(
    pairs
      .filter((pair) => pair.includes("="))
      .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

/** Adds digests to a PDU that `pdu` made. */
export function withDigests(bytes: Uint8Array, digests: { header: boolean; data: boolean }): Uint8Array {
  const parts = [bytes.subarray(0, 48)];
  if (digests.header) parts.push(digestOf(bytes.subarray(0, 48)));
  if (bytes.length > 48) {
    parts.push(bytes.subarray(48));
    if (digests.data) parts.push(digestOf(bytes.subarray(48)));
  }
  return concatBytes(parts);
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(4);
  new DataView(digest.buffer).setUint32(0, crc32c(bytes), true);
  return digest;
}
