import { hasText } from "./byte-reader.ts";

/** Bytes after which a two-byte check stands in records that span sectors. */
const FIXUP_BYTES = 512;
const END_OF_ATTRIBUTES = 0xffff_ffff;
/** More attributes than any record of 4 KiB has room for. */
const MAX_ATTRIBUTES = 256;

/** Types of attributes that are looked at ([MS-FSCC], and the NTFS documentation of the linux-ntfs project). */
export const NtfsAttributeType = {
  attributeList: 0x20,
  volumeInformation: 0x70,
  data: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
} as const;

/** A run of clusters; undefined where the file has a hole. */
export interface NtfsRun {
  readonly cluster: number | undefined;
  readonly count: number;
}

/** An attribute: its bytes when they are in the record, else where they are. */
export interface NtfsAttribute {
  readonly type: number;
  readonly name: string;
  /** 1: compressed, 0x4000: encrypted, 0x8000: sparse. */
  readonly flags: number;
  readonly resident: Uint8Array | undefined;
  readonly runs: readonly NtfsRun[];
  /** Bytes of content. */
  readonly sizeBytes: number;
}

/** Undoes the sector checks of a record, in place; false when it is not such a record, or torn. */
export function applyFixups(record: Uint8Array, magic: string): boolean {
  if (!hasText(record, 0, magic)) return false;
  const view = viewOf(record);
  const at = view.getUint16(4, true);
  const count = view.getUint16(6, true);
  if (count !== record.length / FIXUP_BYTES + 1 || at + count * 2 > record.length) return false;
  const check = view.getUint16(at, true);
  for (let sector = 1; sector < count; sector++) {
    const end = sector * FIXUP_BYTES - 2;
    if (view.getUint16(end, true) !== check) return false;
    view.setUint16(end, view.getUint16(at + sector * 2, true), true);
  }
  return true;
}

/** The attributes of a file record whose fixups were applied; undefined when it is damaged. */
export function attributesOf(record: Uint8Array): NtfsAttribute[] | undefined {
  const view = viewOf(record);
  const attributes: NtfsAttribute[] = [];
  let at = view.getUint16(0x14, true);
  while (attributes.length < MAX_ATTRIBUTES && at + 4 <= record.length) {
    const type = view.getUint32(at, true);
    if (type === END_OF_ATTRIBUTES) return attributes;
    if (at + 0x18 > record.length) return undefined;
    const length = view.getUint32(at + 4, true);
    if (length < 0x18 || length % 8 !== 0 || at + length > record.length) return undefined;
    const attribute = attributeOf(type, record.subarray(at, at + length));
    if (attribute === undefined) return undefined;
    attributes.push(attribute);
    at += length;
  }
  return undefined;
}

function attributeOf(type: number, bytes: Uint8Array): NtfsAttribute | undefined {
  const view = viewOf(bytes);
  const nameAt = view.getUint16(0xa, true);
  const nameLength = bytes[9] ?? 0;
  const flags = view.getUint16(0xc, true);
  if (nameAt + nameLength * 2 > bytes.length) return undefined;
  const name = new TextDecoder("utf-16le").decode(bytes.subarray(nameAt, nameAt + nameLength * 2));
  if (bytes[8] === 0) {
    const start = view.getUint16(0x14, true);
    const sizeBytes = view.getUint32(0x10, true);
    if (start + sizeBytes > bytes.length) return undefined;
    return { type, name, flags, resident: bytes.subarray(start, start + sizeBytes), runs: [], sizeBytes };
  }
  if (bytes.length < 0x40) return undefined;
  const runs = decodeRuns(bytes.subarray(view.getUint16(0x20, true)));
  // A part of an attribute that is spread over several records.
  if (runs === undefined || view.getBigUint64(0x10, true) !== 0n) return undefined;
  return { type, name, flags, resident: undefined, runs, sizeBytes: Number(view.getBigUint64(0x30, true)) };
}

/** Runs as NTFS packs them: a byte with two lengths, then the count, then the signed distance to the run before. */
export function decodeRuns(bytes: Uint8Array): NtfsRun[] | undefined {
  const runs: NtfsRun[] = [];
  let cluster = 0;
  for (let at = 0; at < bytes.length;) {
    const head = bytes[at++] ?? 0;
    if (head === 0) return runs;
    const countBytes = head & 0xf;
    const distanceBytes = head >> 4;
    if (countBytes === 0 || countBytes > 6 || distanceBytes > 6 || at + countBytes + distanceBytes > bytes.length) {
      return undefined;
    }
    const count = numberAt(bytes, at, countBytes, false);
    at += countBytes;
    if (distanceBytes > 0) cluster += numberAt(bytes, at, distanceBytes, true);
    at += distanceBytes;
    if (count <= 0 || cluster < 0) return undefined;
    runs.push({ cluster: distanceBytes === 0 ? undefined : cluster, count });
  }
  return undefined;
}

function numberAt(bytes: Uint8Array, at: number, length: number, isSigned: boolean): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  const isNegative = isSigned && ((bytes[at + length - 1] ?? 0) & 0x80) !== 0;
  return isNegative ? value - 2 ** (8 * length) : value;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
