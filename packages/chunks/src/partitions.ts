import { Reader, uuidFromSmbiosBytes } from "@ingot/wire";
import { crc32 } from "./crc32.ts";
import { MAX_IMAGE_BYTES, MAX_PARTITIONS, SECTOR_BYTES } from "./limits.ts";

/** One partition, as the image's own table has it. */
export interface Partition {
  /** As Linux counts: GPT entry index + 1, MBR 1 … 4. */
  readonly number: number;
  /** GPT: type GUID (`c12a7328-f81f-11d2-ba4b-00a0c93ec93b`). MBR: two hex digits (`83`). */
  readonly type: string;
  /** First sector, in units of 512 bytes. */
  readonly firstLba: number;
  /** Sectors of 512 bytes. */
  readonly sectorCount: number;
  /** GPT: the attribute bits; MBR: the status byte, 0x80 for the active partition. */
  readonly attributes: bigint;
  /** GPT: the partition's name; MBR: empty. */
  readonly name: string;
}

/** What an image's partition table says. For people and for checks; the table itself is content like all other bytes. */
export interface PartitionFacts {
  readonly scheme: "mbr" | "gpt";
  /** GPT: disk GUID. MBR: the disk signature, eight hex digits. */
  readonly diskId: string;
  /** Ascending by number. */
  readonly partitions: readonly Partition[];
}

const MBR_DISK_SIGNATURE = 440;
const MBR_TABLE = 446;
const MBR_BOOT_SIGNATURE = 510;
const MBR_ENTRIES = 4;
const PROTECTIVE_TYPE = 0xee;
const GPT_ENTRY_BYTES_MIN = 128;
const GPT_ENTRY_BYTES_MAX = 4096;
/** No image reaches further. */
const MAX_LBA = BigInt(MAX_IMAGE_BYTES / SECTOR_BYTES);
const EMPTY_TYPE = "00000000-0000-0000-0000-000000000000";

/**
 * Reads the partition table from the first bytes of an image (1 MiB is enough); `undefined` when there is none.
 * A GPT that fails its checks is not trusted: then the protective MBR is what there is, type `ee`.
 * (UEFI 2.10 §5.2.1 MBR, §5.3.2 and §5.3.3 GPT.)
 */
export function parsePartitionTable(head: Uint8Array): PartitionFacts | undefined {
  if (head.length < SECTOR_BYTES) return undefined;
  if (head[MBR_BOOT_SIGNATURE] !== 0x55 || head[MBR_BOOT_SIGNATURE + 1] !== 0xaa) return undefined;
  const mbr = parseMbr(head);
  if (mbr?.partitions.some((partition) => partition.type === hexByte(PROTECTIVE_TYPE)) === true) {
    return parseGpt(head) ?? mbr;
  }
  return mbr;
}

/** A boot sector of a file system carries the same signature: entries that cannot be partitions mean that this is no table. */
function parseMbr(head: Uint8Array): PartitionFacts | undefined {
  const reader = new Reader(head, "MBR");
  reader.seek(MBR_DISK_SIGNATURE);
  const signature = reader.u32LE();
  const partitions: Partition[] = [];
  for (let i = 0; i < MBR_ENTRIES; i++) {
    reader.seek(MBR_TABLE + i * 16);
    const status = reader.u8();
    reader.skip(3);
    const type = reader.u8();
    reader.skip(3);
    const firstLba = reader.u32LE();
    const sectorCount = reader.u32LE();
    if (status !== 0 && status !== 0x80) return undefined;
    if (type === 0) continue;
    if (firstLba === 0 || sectorCount === 0) return undefined;
    partitions.push({
      number: i + 1,
      type: hexByte(type),
      firstLba,
      sectorCount,
      attributes: BigInt(status),
      name: "",
    });
  }
  if (partitions.length === 0) return undefined;
  return { scheme: "mbr", diskId: signature.toString(16).padStart(8, "0"), partitions };
}

function parseGpt(head: Uint8Array): PartitionFacts | undefined {
  if (head.length < 2 * SECTOR_BYTES) return undefined;
  const sector = head.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES);
  const reader = new Reader(sector, "GPT header");
  if (new TextDecoder("latin1").decode(reader.bytes(8)) !== "EFI PART") return undefined;
  reader.skip(4);
  const headerBytes = reader.u32LE();
  const headerCrc = reader.u32LE();
  if (headerBytes < 92 || headerBytes > SECTOR_BYTES) return undefined;
  const header = sector.slice(0, headerBytes);
  header.fill(0, 16, 20);
  if (crc32(header) !== headerCrc) return undefined;
  reader.seek(56);
  const diskId = uuidFromSmbiosBytes(reader.bytes(16));
  const tableLba = reader.u64LE();
  const entryCount = reader.u32LE();
  const entryBytes = reader.u32LE();
  const tableCrc = reader.u32LE();
  if (entryBytes < GPT_ENTRY_BYTES_MIN || entryBytes > GPT_ENTRY_BYTES_MAX || entryBytes % 128 !== 0) return undefined;
  if (tableLba < 2n || tableLba * BigInt(SECTOR_BYTES) > BigInt(head.length)) return undefined;
  const tableAt = Number(tableLba) * SECTOR_BYTES;
  if (entryCount * entryBytes > head.length - tableAt) return undefined;
  const table = head.subarray(tableAt, tableAt + entryCount * entryBytes);
  if (crc32(table) !== tableCrc) return undefined;
  const partitions: Partition[] = [];
  for (let i = 0; i < entryCount; i++) {
    const partition = parseGptEntry(table.subarray(i * entryBytes, (i + 1) * entryBytes), i + 1);
    if (partition === "invalid") return undefined;
    if (partition !== "unused") partitions.push(partition);
    if (partitions.length > MAX_PARTITIONS) return undefined;
  }
  return { scheme: "gpt", diskId, partitions };
}

function parseGptEntry(entry: Uint8Array, number: number): Partition | "unused" | "invalid" {
  const reader = new Reader(entry, "GPT entry");
  const type = uuidFromSmbiosBytes(reader.bytes(16));
  if (type === EMPTY_TYPE) return "unused";
  reader.skip(16);
  const first = reader.u64LE();
  const last = reader.u64LE();
  const attributes = reader.u64LE();
  if (last < first || last >= MAX_LBA) return "invalid";
  const name = new TextDecoder("utf-16le").decode(reader.bytes(72)).replace(/\0.*$/s, "");
  return { number, type, firstLba: Number(first), sectorCount: Number(last - first) + 1, attributes, name };
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}
