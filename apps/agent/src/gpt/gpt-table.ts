import { crc32 } from "node:zlib";
import { AgentError } from "../errors.ts";
import type { DiskBytes } from "./disk-bytes.ts";
import { decodeGptHeader, encodeGptHeader, type GptHeader, hasGptSignature } from "./gpt-header.ts";

/** A GPT as it stands on a disk. */
export interface GptTable {
  readonly header: GptHeader;
  /** The entry array, without the padding up to whole sectors. */
  readonly entries: Uint8Array;
}

const PRIMARY_LBA = 1n;
/** Where the 32-bit size of the protective partition stands in sector 0 (UEFI 2.10 table 5-4). */
const PROTECTIVE_SIZE_OFFSET = 446 + 12;
const PROTECTIVE_TYPE_OFFSET = 446 + 4;
const PROTECTIVE_TYPE = 0xee;

/** Reads and checks the primary table; `undefined` where sector 1 does not begin like one. Error: `partition-table`. */
export function readGpt(disk: DiskBytes): GptTable | undefined {
  return readTable(disk, PRIMARY_LBA);
}

/** As `readGpt`, of the table in the disk's last sectors: what is left where the first one is damaged. */
export function readBackupGpt(disk: DiskBytes): GptTable | undefined {
  return readTable(disk, BigInt(disk.sizeBytes / disk.sectorBytes) - 1n);
}

function readTable(disk: DiskBytes, lba: bigint): GptTable | undefined {
  if (disk.sizeBytes < 3 * disk.sectorBytes) return undefined;
  const sector = disk.read(Number(lba) * disk.sectorBytes, disk.sectorBytes);
  if (!hasGptSignature(sector)) return undefined;
  const header = decodeGptHeader(sector, lba);
  const entries = readEntries(disk, header);
  return { header, entries };
}

/**
 * Puts a table onto a disk of this size: the backup in the last sectors, usable space up to it, the protective MBR
 * over the whole disk. Written so that a power cut leaves one valid table at any moment: first the backup, then,
 * once that is durable, the primary, then the old backup is taken away. Returns the table as it is now.
 */
export function writeGpt(disk: DiskBytes, table: GptTable): GptTable {
  const { sectorBytes } = disk;
  const entrySectors = sectorsOf(table.entries.length, sectorBytes);
  const lastLba = BigInt(disk.sizeBytes / sectorBytes) - 1n;
  const header: GptHeader = {
    ...table.header,
    myLba: PRIMARY_LBA,
    alternateLba: lastLba,
    lastUsableLba: lastLba - BigInt(entrySectors) - 1n,
    entriesCrc: crc32(table.entries),
  };
  requireInside(table.entries, header);
  const backup: GptHeader = {
    ...header,
    myLba: lastLba,
    alternateLba: PRIMARY_LBA,
    entriesLba: header.lastUsableLba + 1n,
  };
  const padded = new Uint8Array(entrySectors * sectorBytes);
  padded.set(table.entries);

  disk.write(Number(backup.entriesLba) * sectorBytes, padded);
  disk.write(Number(lastLba) * sectorBytes, encodeGptHeader(backup, sectorBytes));
  disk.sync();
  disk.write(Number(header.entriesLba) * sectorBytes, padded);
  disk.write(sectorBytes, encodeGptHeader(header, sectorBytes));
  writeProtectiveMbr(disk, lastLba);
  disk.sync();
  clearOldBackup(disk, table.header, lastLba);
  return { header, entries: table.entries };
}

/** The entries of a table as a copy in which one partition ends at another sector. */
export function withLastLba(table: GptTable, number: number, lastLba: bigint): GptTable {
  const entries = table.entries.slice();
  const at = (number - 1) * table.header.entryBytes;
  new DataView(entries.buffer, entries.byteOffset).setBigUint64(at + 40, lastLba, true);
  return { header: table.header, entries };
}

/** First and last sector of every partition in use, by number. */
export function usedRanges(table: GptTable): readonly { number: number; firstLba: bigint; lastLba: bigint }[] {
  return rangesIn(table.entries, table.header.entryBytes);
}

function rangesIn(
  entries: Uint8Array,
  entryBytes: number,
): readonly { number: number; firstLba: bigint; lastLba: bigint }[] {
  const ranges: { number: number; firstLba: bigint; lastLba: bigint }[] = [];
  const view = new DataView(entries.buffer, entries.byteOffset, entries.length);
  for (let at = 0; at + entryBytes <= entries.length; at += entryBytes) {
    if (entries.subarray(at, at + 16).every((byte) => byte === 0)) continue;
    const [firstLba, lastLba] = [view.getBigUint64(at + 32, true), view.getBigUint64(at + 40, true)];
    ranges.push({ number: at / entryBytes + 1, firstLba, lastLba });
  }
  return ranges;
}

function readEntries(disk: DiskBytes, header: GptHeader): Uint8Array {
  const bytes = header.entryCount * header.entryBytes;
  const sectors = sectorsOf(bytes, disk.sectorBytes);
  const start = Number(header.entriesLba) * disk.sectorBytes;
  if (header.entriesLba < 2n || start + sectors * disk.sectorBytes > disk.sizeBytes)
    throw new AgentError("partition-table", `GPT entries in sector ${header.entriesLba}: outside of the disk`);
  const entries = disk.read(start, sectors * disk.sectorBytes).subarray(0, bytes);
  const computed = crc32(entries);
  if (computed !== header.entriesCrc)
    throw new AgentError("partition-table", `GPT entries: checksum ${computed}, the header says ${header.entriesCrc}`);
  return entries;
}

function requireInside(entries: Uint8Array, header: GptHeader): void {
  for (const range of rangesIn(entries, header.entryBytes)) {
    if (
      range.firstLba >= header.firstUsableLba &&
      range.firstLba <= range.lastLba &&
      range.lastLba <= header.lastUsableLba
    )
      continue;
    throw new AgentError(
      "partition-table",
      `partition ${range.number} lies in sectors ${range.firstLba} to ${range.lastLba}, usable are ${header.firstUsableLba} to ${header.lastUsableLba}`,
    );
  }
}

/** Hybrid and other MBRs are somebody's work: only a protective partition is stretched. */
function writeProtectiveMbr(disk: DiskBytes, lastLba: bigint): void {
  const sector = disk.read(0, disk.sectorBytes);
  if (sector[PROTECTIVE_TYPE_OFFSET] !== PROTECTIVE_TYPE) return;
  const size = lastLba > 0xffffffffn ? 0xffffffff : Number(lastLba);
  new DataView(sector.buffer, sector.byteOffset).setUint32(PROTECTIVE_SIZE_OFFSET, size, true);
  disk.write(0, sector);
}

/** A second backup in the middle of the disk would be found by tools that search for one. */
function clearOldBackup(disk: DiskBytes, old: GptHeader, lastLba: bigint): void {
  if (old.alternateLba === lastLba || old.alternateLba >= lastLba || old.alternateLba <= old.lastUsableLba) return;
  const at = Number(old.alternateLba) * disk.sectorBytes;
  if (!hasGptSignature(disk.read(at, disk.sectorBytes))) return;
  disk.write(at, new Uint8Array(disk.sectorBytes));
  disk.sync();
}

function sectorsOf(bytes: number, sectorBytes: number): number {
  return Math.ceil(bytes / sectorBytes);
}
