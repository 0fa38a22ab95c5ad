import { crc32 } from "node:zlib";
import { Reader, Writer } from "@ingot/wire";
import { AgentError } from "../errors.ts";
import { MAX_GPT_ENTRIES } from "../limits.ts";

/**
 * A GPT header, UEFI 2.10 table 5-5. Little-endian, one sector, the rest of which is zero:
 *
 *     0 "EFI PART" | 8 revision u32 | 12 header size u32 | 16 header CRC u32 | 20 zero u32
 *     24 my LBA u64 | 32 alternate LBA u64 | 40 first usable u64 | 48 last usable u64 | 56 disk GUID 16
 *     72 entries' LBA u64 | 80 entry count u32 | 84 entry size u32 | 88 entries' CRC u32
 */
export interface GptHeader {
  readonly myLba: bigint;
  readonly alternateLba: bigint;
  readonly firstUsableLba: bigint;
  readonly lastUsableLba: bigint;
  /** As on disk. */
  readonly diskGuid: Uint8Array;
  readonly entriesLba: bigint;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
}

/** Bytes of the header that the CRC covers; UEFI allows more, everybody writes these. */
const HEADER_BYTES = 92;
const REVISION_1_0 = 0x00010000;
const CRC_OFFSET = 16;
const SIGNATURE = "EFI PART";

/** Whether a sector begins like a GPT header. */
export function hasGptSignature(sector: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(sector.subarray(0, 8)) === SIGNATURE;
}

/**
 * Reads a header that stands at `lba`; `sector` is one whole sector. Error: `partition-table` for a wrong
 * signature, checksum, place, or counts beyond our limits.
 */
export function decodeGptHeader(sector: Uint8Array, lba: bigint): GptHeader {
  const fail = (what: string): never => {
    throw new AgentError("partition-table", `GPT header in sector ${lba}: ${what}`);
  };
  if (!hasGptSignature(sector)) fail(`no "${SIGNATURE}"`);
  const reader = new Reader(sector, "GPT header");
  reader.skip(8);
  const revision = reader.u32LE();
  if (revision !== REVISION_1_0) fail(`revision ${revision.toString(16)}, expected 10000`);
  const headerBytes = reader.u32LE();
  if (headerBytes < HEADER_BYTES || headerBytes > sector.length) fail(`header of ${headerBytes} bytes`);
  const storedCrc = reader.u32LE();
  const covered = sector.slice(0, headerBytes);
  covered.fill(0, CRC_OFFSET, CRC_OFFSET + 4);
  const computedCrc = crc32(covered);
  if (computedCrc !== storedCrc) fail(`checksum ${hex(storedCrc)}, expected ${hex(computedCrc)}`);
  reader.skip(4);
  const header: GptHeader = {
    myLba: reader.u64LE(),
    alternateLba: reader.u64LE(),
    firstUsableLba: reader.u64LE(),
    lastUsableLba: reader.u64LE(),
    diskGuid: reader.copy(16),
    entriesLba: reader.u64LE(),
    entryCount: reader.u32LE(),
    entryBytes: reader.u32LE(),
    entriesCrc: reader.u32LE(),
  };
  if (header.myLba !== lba) fail(`says that it stands in sector ${header.myLba}`);
  if (header.entryCount < 1 || header.entryCount > MAX_GPT_ENTRIES) fail(`${header.entryCount} entries`);
  if (header.entryBytes < 128 || header.entryBytes > 4096 || header.entryBytes % 128 !== 0)
    fail(`entries of ${header.entryBytes} bytes`);
  if (header.lastUsableLba < header.firstUsableLba) fail("the last usable sector is before the first");
  return header;
}

/** Writes a header as one sector of `sectorBytes`, with its checksum. */
export function encodeGptHeader(header: GptHeader, sectorBytes: number): Uint8Array {
  const writer = new Writer(sectorBytes);
  writer.ascii(SIGNATURE).u32LE(REVISION_1_0).u32LE(HEADER_BYTES).u32LE(0).u32LE(0);
  writer.u64LE(header.myLba).u64LE(header.alternateLba).u64LE(header.firstUsableLba).u64LE(header.lastUsableLba);
  writer.bytes(header.diskGuid).u64LE(header.entriesLba).u32LE(header.entryCount).u32LE(header.entryBytes);
  writer.u32LE(header.entriesCrc).zeros(sectorBytes - HEADER_BYTES);
  const sector = writer.finish();
  new DataView(sector.buffer, sector.byteOffset).setUint32(CRC_OFFSET, crc32(sector.subarray(0, HEADER_BYTES)), true);
  return sector;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
