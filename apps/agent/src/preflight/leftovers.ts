import { Reader } from "@ingot/wire";
import type { Partition } from "@ingot/chunks";

/** What stands on a disk that somebody may miss, or that another system may wake up. */
export interface Leftover {
  readonly kind: "BitLocker" | "LUKS" | "RAID" | "LVM" | "ZFS";
  /** Where: `partition 2` or `the whole disk`. */
  readonly where: string;
}

/** Reads `length` bytes at `offset` of the disk. */
export type ReadRange = (offset: number, length: number) => Uint8Array;

const SECTOR_BYTES = 512;
/** md's superblocks begin with this, little-endian (`MD_SB_MAGIC` of linux/raid/md_p.h). */
const MD_MAGIC = 0xa92b4efc;
/** Where versions 1.1 and 1.2 stand from the start. */
const MD_OFFSETS = [0, 4096];
/** SNIA DDF §5.2: the anchor header is the last sector of the disk. */
const DDF_MAGIC = 0xde11de11;
/** `ub_magic` of a ZFS uberblock. */
const ZFS_MAGIC = 0x00bab10cn;
/** The first label's uberblocks begin after its name-value list; not all slots are in use. */
const ZFS_UBERBLOCKS = 128 * 1024;
const ZFS_SLOT_BYTES = 1024;
const ZFS_SLOTS = 128;

/** Looks at the disk and at each of its partitions. Signatures only: nothing is unlocked or assembled. */
export function findLeftovers(
  read: ReadRange,
  sizeBytes: number,
  partitions: readonly Partition[],
): readonly Leftover[] {
  const areas = [
    { where: "the whole disk", start: 0, length: sizeBytes },
    ...partitions.map((partition) => ({
      where: `partition ${partition.number}`,
      start: partition.firstLba * SECTOR_BYTES,
      length: partition.sectorCount * SECTOR_BYTES,
    })),
  ];
  // A table may reach past the end of a disk that it was copied to.
  return areas
    .filter((area) => area.start + area.length <= sizeBytes && area.length >= SECTOR_BYTES)
    .flatMap((area) => kindsIn(read, area.start, area.length).map((kind) => ({ kind, where: area.where })));
}

function kindsIn(read: ReadRange, start: number, length: number): readonly Leftover["kind"][] {
  const kinds = new Set<Leftover["kind"]>();
  const head = read(start, Math.min(8192, length));
  if (hasText(head, 3, "-FVE-FS-")) kinds.add("BitLocker");
  if (hasText(head, 0, "LUKS\u00ba\u00be")) kinds.add("LUKS");
  for (let sector = 0; sector < 4; sector++) if (hasText(head, sector * SECTOR_BYTES, "LABELONE")) kinds.add("LVM");
  if (MD_OFFSETS.some((at) => u32LE(head, at) === MD_MAGIC)) kinds.add("RAID");
  if (isRaidAtEnd(read, start, length)) kinds.add("RAID");
  if (isZfs(read, start, length)) kinds.add("ZFS");
  return [...kinds];
}

/** md 0.90 (64 KiB aligned), md 1.0 (8 KiB from the end, 4 KiB aligned), Intel Matrix (second last sector), SNIA DDF (last). */
function isRaidAtEnd(read: ReadRange, start: number, length: number): boolean {
  const md090 = Math.floor(length / 65536) * 65536 - 65536;
  const md10 = Math.floor((length - 8192) / 4096) * 4096;
  for (const at of [md090, md10]) {
    if (at >= 0 && u32LE(read(start + at, SECTOR_BYTES), 0) === MD_MAGIC) return true;
  }
  if (length < 2 * SECTOR_BYTES) return false;
  const tail = read(start + length - 2 * SECTOR_BYTES, 2 * SECTOR_BYTES);
  return hasText(tail, 0, "Intel Raid ISM Cfg Sig. ") || new Reader(tail.subarray(SECTOR_BYTES)).u32() === DDF_MAGIC;
}

function isZfs(read: ReadRange, start: number, length: number): boolean {
  const bytes = ZFS_SLOTS * ZFS_SLOT_BYTES;
  if (length < ZFS_UBERBLOCKS + bytes) return false;
  const reader = new Reader(read(start + ZFS_UBERBLOCKS, bytes), "ZFS label");
  for (let slot = 0; slot < ZFS_SLOTS; slot++) {
    reader.seek(slot * ZFS_SLOT_BYTES);
    if (reader.u64LE() === ZFS_MAGIC) return true;
  }
  return false;
}

function u32LE(bytes: Uint8Array, at: number): number {
  if (bytes.length < at + 4) return 0;
  return new Reader(bytes.subarray(at)).u32LE();
}

function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  if (bytes.length < at + text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
