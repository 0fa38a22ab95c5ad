/** Requests as bytes, made once and patched: RFC 7143 §11. */

/** Bytes of a basic header segment. */
export const HEADER_BYTES = 48;

/** Opcodes of what goes out. */
const Request = { scsiCommand: 0x01, login: 0x43, dataOut: 0x05 } as const;

const FINAL = 0x80;
const READ = 0x40;
const WRITE = 0x20;
const SIMPLE = 0x01;
const FULL_FEATURE = 0x03;
const SECURITY_TO_OPERATIONAL = 0x81;
const OPERATIONAL_TO_FULL_FEATURE = 0x87;

/** READ(16) or WRITE(16), without data; the expected length is that of the blocks. */
export function transferPdu(kind: "read" | "write", lba: number, blocks: number, lun: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes[0] = Request.scsiCommand;
  bytes[1] = FINAL | SIMPLE | (kind === "read" ? READ : WRITE);
  bytes[9] = lun;
  bytes.writeUInt32BE(blocks * 512, 20);
  bytes[32] = kind === "read" ? 0x88 : 0x8a;
  bytes.writeBigUInt64BE(BigInt(lba), 34);
  bytes.writeUInt32BE(blocks, 42);
  return bytes;
}

/** SYNCHRONIZE CACHE(10) of the whole disk. */
export function flushPdu(lun: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes[0] = Request.scsiCommand;
  bytes[1] = FINAL | SIMPLE;
  bytes[9] = lun;
  bytes[32] = 0x35;
  return bytes;
}

/** TEST UNIT READY; takes the unit attentions of a new session. */
export function testUnitReadyPdu(lun: number): Buffer {
  const bytes = flushPdu(lun);
  bytes[32] = 0;
  return bytes;
}

/** Data-Out that answers an R2T, with `data`. */
export function dataOutPdu(fields: {
  readonly tag: number;
  readonly transferTag: number;
  readonly lun: number;
  readonly expStatSN: number;
  readonly dataSN: number;
  readonly offset: number;
  readonly isLast: boolean;
  readonly length: number;
}): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes[0] = Request.dataOut;
  bytes[1] = fields.isLast ? FINAL : 0;
  bytes.writeUIntBE(fields.length, 5, 3);
  bytes[9] = fields.lun;
  bytes.writeUInt32BE(fields.tag, 16);
  bytes.writeUInt32BE(fields.transferTag, 20);
  bytes.writeUInt32BE(fields.expStatSN, 28);
  bytes.writeUInt32BE(fields.dataSN, 36);
  bytes.writeUInt32BE(fields.offset, 40);
  return bytes;
}

/** Who logs in where. */
export interface LoginNames {
  readonly initiator: string;
  readonly target: string;
  /** Tells sessions of one initiator apart. */
  readonly isid: number;
}

/** The first of two login requests: security negotiation, nothing offered. */
export function firstLoginPdu(names: LoginNames): Buffer {
  const keys = {
    InitiatorName: names.initiator,
    TargetName: names.target,
    SessionType: "Normal",
    AuthMethod: "None",
  };
  return loginPdu(SECURITY_TO_OPERATIONAL, names.isid, 0, keys);
}

/** The second: what the session is to be like. */
export function secondLoginPdu(isid: number, statSN: number, keys: Readonly<Record<string, string | number>>): Buffer {
  return loginPdu(OPERATIONAL_TO_FULL_FEATURE, isid, statSN, keys);
}

function loginPdu(
  flags: number,
  isid: number,
  expStatSN: number,
  keys: Readonly<Record<string, string | number>>,
): Buffer {
  const text = Buffer.from(
    Object.entries(keys)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(""),
  );
  const bytes = Buffer.alloc(HEADER_BYTES + ((text.length + 3) & ~3));
  bytes[0] = Request.login;
  bytes[1] = flags;
  bytes.writeUIntBE(text.length, 5, 3);
  // An ISID of enterprise number type (RFC 7143 §11.12.5), number 0; the qualifier tells sessions apart.
  bytes[8] = 0x40;
  bytes.writeUInt16BE(isid, 12);
  bytes.writeUInt32BE(1, 24);
  bytes.writeUInt32BE(expStatSN, 28);
  text.copy(bytes, HEADER_BYTES);
  return bytes;
}

/** Whether a login response's flags say that the session is in full feature phase. */
export function isLoggedIn(flags: number): boolean {
  return (flags & FINAL) !== 0 && (flags & FULL_FEATURE) === FULL_FEATURE;
}
