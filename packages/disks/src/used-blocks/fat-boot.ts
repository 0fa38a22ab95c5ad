import { type ByteReader, hasText, readBytes } from "./byte-reader.ts";

const BOOT_BYTES = 512;
const SMALLEST_MEDIA = 0xf0;
/** Their numbers of clusters tell FAT12 and FAT16 apart (Microsoft, FAT: General Overview of On-Disk Format, version 1.03, "FAT Type Determination"). */
const MAX_FAT12_CLUSTERS = 4084;
const MAX_FAT16_CLUSTERS = 65_524;
/** Entries from 0x0fff_fff7 on mean other things than clusters. */
const MAX_FAT32_CLUSTERS = 0x0fff_fff5;
/** Where Linux says that it has a volume mounted for writing (fs/fat/inode.c, `fat_set_state`). */
const STATE_IS_DIRTY = 1;

/** Where things are on a FAT12, FAT16 or FAT32. Numbers of bytes count from the start of the volume. */
export interface FatVolume {
  /** Bits of an entry of the table. */
  readonly entryBits: 12 | 16 | 32;
  readonly clusterBytes: number;
  readonly clusterCount: number;
  /** Of cluster 2, the first there is. */
  readonly dataOffset: number;
  readonly tableBytes: number;
  /** One offset for each table that is up to date. */
  readonly tableOffsets: readonly number[];
  readonly media: number;
  /** Only with FAT32: where its root directory begins. */
  readonly rootCluster: number | undefined;
}

/**
 * Reads the boot sector (the specification's "Boot Sector and BPB"). Undefined when there is no FAT; a reason when it cannot be
 * trusted or makes no sense.
 */
export async function readFatVolume(reader: ByteReader): Promise<FatVolume | { reason: string } | undefined> {
  if (reader.sizeBytes < BOOT_BYTES) return undefined;
  const boot = await readBytes(reader, 0, BOOT_BYTES);
  if (!isFatBoot(boot)) return undefined;
  const view = new DataView(boot.buffer);
  const u16 = (at: number): number => view.getUint16(at, true);
  const sectorBytes = u16(11);
  const clusterBytes = (boot[13] ?? 0) * sectorBytes;
  const reservedSectors = u16(14);
  const tableCount = boot[16] ?? 0;
  const rootEntries = u16(17);
  const tableSectors = u16(22) === 0 ? view.getUint32(36, true) : u16(22);
  const totalSectors = u16(19) === 0 ? view.getUint32(32, true) : u16(19);
  const rootSectors = Math.ceil((rootEntries * 32) / sectorBytes);
  const dataSector = reservedSectors + tableCount * tableSectors + rootSectors;
  const clusterCount = Math.floor(((totalSectors - dataSector) * sectorBytes) / clusterBytes);
  // By the specification their number tells FAT32 from FAT16 too. But EFI system partitions of 32 MiB are formatted as FAT32 with fewer
  // clusters, and Linux and Windows take them for that, by this field.
  const hasFat32Fields = u16(22) === 0;
  const entryBits = hasFat32Fields ? 32 : clusterCount <= MAX_FAT12_CLUSTERS ? 12 : 16;
  const tableBytes = tableSectors * sectorBytes;
  const isPlausible =
    clusterCount > 0 &&
    clusterCount <= (hasFat32Fields ? MAX_FAT32_CLUSTERS : MAX_FAT16_CLUSTERS) &&
    hasFat32Fields === (rootEntries === 0) &&
    totalSectors * sectorBytes <= reader.sizeBytes &&
    Math.ceil(((clusterCount + 2) * entryBits) / 8) <= tableBytes;
  if (!isPlausible) return { reason: "fat: its boot sector does not fit the partition" };
  if (((boot[hasFat32Fields ? 0x41 : 0x25] ?? 0) & STATE_IS_DIRTY) !== 0) return { reason: NOT_CLEAN };
  const flags = hasFat32Fields ? u16(40) : 0;
  const rootCluster = hasFat32Fields ? view.getUint32(44, true) : undefined;
  if (hasFat32Fields && u16(42) !== 0) return { reason: "fat: is of a version that is not known" };
  const tables = activeTables(flags, tableCount);
  if (tables === undefined) return { reason: "fat: names a table that is not there" };
  const tableOffsets = tables.map((table) => reservedSectors * sectorBytes + table * tableBytes);
  const dataOffset = dataSector * sectorBytes;
  const media = boot[21] ?? 0;
  return { entryBits, clusterBytes, clusterCount, dataOffset, tableBytes, tableOffsets, media, rootCluster };
}

/** Why a volume is not taken by its table. */
export const NOT_CLEAN = "fat: was not unmounted cleanly (run fsck.fat or chkdsk)";

/** What every FAT has, and other boot sectors do not have all of. */
function isFatBoot(boot: Uint8Array<ArrayBuffer>): boolean {
  const view = new DataView(boot.buffer);
  const sectorBytes = view.getUint16(11, true);
  const sectorsPerCluster = boot[13] ?? 0;
  return (
    (boot[0] === 0xe9 || boot[0] === 0xeb) &&
    view.getUint16(510, true) === 0xaa55 &&
    !hasText(boot, 3, "NTFS    ") &&
    [512, 1024, 2048, 4096].includes(sectorBytes) &&
    sectorsPerCluster > 0 &&
    Number.isInteger(Math.log2(sectorsPerCluster)) &&
    view.getUint16(14, true) > 0 &&
    [1, 2].includes(boot[16] ?? 0) &&
    (boot[21] ?? 0) >= SMALLEST_MEDIA
  );
}

/** The numbers of the tables that are kept up to date: all, or with FAT32 only one when BPB_ExtFlags says so. */
function activeTables(flags: number, tableCount: number): number[] | undefined {
  const isMirrored = (flags & 0x80) === 0;
  if (isMirrored) return Array.from({ length: tableCount }, (_, table) => table);
  const active = flags & 0xf;
  return active < tableCount ? [active] : undefined;
}
