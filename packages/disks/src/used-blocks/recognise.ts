import { parsePartitionTable } from "@ingot/chunks";

import { type ByteReader, hasText, partOf, readBytes } from "./byte-reader.ts";

/** What a disk carries that somebody should know of before it is overwritten or captured. */
export type FindingKind =
  /** Encrypted by Windows. */
  | "bitlocker"
  /** Encrypted by Linux. */
  | "luks"
  /** Member of a Linux software RAID. */
  | "linuxRaid"
  /** Member of an Intel Rapid Storage RAID: the firmware may assemble it, and the member's size is not the disk's. */
  | "intelRaid"
  /** Member of a RAID in the SNIA's Common RAID Disk Data Format. */
  | "ddfRaid"
  /** Physical volume of Linux' LVM. */
  | "lvm"
  /** Dynamic disk of Windows. */
  | "windowsDynamic"
  /** Member of a Windows storage pool. */
  | "storageSpaces"
  /** Member of a ZFS pool. */
  | "zfs";

/** Something that was recognised. */
export interface Finding {
  readonly kind: FindingKind;
  /** Number of the partition it is in; undefined for the disk itself. */
  readonly partition: number | undefined;
  /** Bytes from the start of the disk to the partition, or 0. */
  readonly offset: number;
}

const HEAD_BYTES = 1024 * 1024;
const LDM_METADATA = "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3";
const LDM_DATA = "af9b60a0-1431-4f62-bc68-3311714a69ad";
const STORAGE_SPACES = "e75caf8f-f680-4cee-afa3-b001e56efc2d";
const LDM_MBR_TYPE = "42";
/** BitLocker To Go looks like a FAT32 otherwise (util-linux, libblkid, bitlocker.c). The last byte of the GUID differs. */
const BITLOCKER_TO_GO_AT = 424;
const BITLOCKER_GUID = [0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0];
/** Where the four formats of Linux RAID keep their superblock (md(4)): from the start, or from the end. */
const MD_MAGIC = [0xfc, 0x4e, 0x2b, 0xa9];
const ZFS_UBERBLOCK_MAGIC = 0x00ba_b10cn;

/** Looks for encryption, RAID and volume managers on a disk and in its partitions. Reads less than 2 MiB for each. */
export async function recognise(disk: ByteReader): Promise<Finding[]> {
  const head = await readBytes(disk, 0, Math.min(HEAD_BYTES, disk.sizeBytes));
  const findings: Finding[] = [];
  const look = async (reader: ByteReader, partition: number | undefined, offset: number): Promise<void> => {
    for (const kind of await kindsOf(reader)) findings.push({ kind, partition, offset });
  };
  await look(disk, undefined, 0);
  for (const { number, type, firstLba, sectorCount } of parsePartitionTable(head)?.partitions ?? []) {
    const offset = firstLba * 512;
    const before = findings.length;
    await look(partOf(disk, offset, sectorCount * 512), number, offset);
    const byType = kindOfType(type);
    if (byType !== undefined && !findings.slice(before).some(({ kind }) => kind === byType)) {
      findings.push({ kind: byType, partition: number, offset });
    }
  }
  return findings;
}

function kindOfType(type: string): FindingKind | undefined {
  if (type === LDM_METADATA || type === LDM_DATA || type === LDM_MBR_TYPE) return "windowsDynamic";
  return type === STORAGE_SPACES ? "storageSpaces" : undefined;
}

/** What encrypts a partition or joins it with others. */
export async function kindsOf(reader: ByteReader): Promise<FindingKind[]> {
  const head = await readBytes(reader, 0, Math.min(256 * 1024, reader.sizeBytes));
  const kinds: FindingKind[] = [];
  if (hasText(head, 3, "-FVE-FS-") || hasBytes(head, BITLOCKER_TO_GO_AT, BITLOCKER_GUID)) kinds.push("bitlocker");
  if (hasText(head, 0, "LUKS\xba\xbe")) kinds.push("luks");
  if (isLvm(head)) kinds.push("lvm");
  if (await isLinuxRaid(reader, head)) kinds.push("linuxRaid");
  if (reader.sizeBytes >= 1024) {
    const last = await readBytes(reader, Math.floor(reader.sizeBytes / 512) * 512 - 1024, 1024);
    if (hasText(last, 0, "Intel Raid ISM Cfg Sig. ")) kinds.push("intelRaid");
    if (hasBytes(last, 512, [0xde, 0x11, 0xde, 0x11])) kinds.push("ddfRaid");
  }
  if (hasText(head, 6 * 512, "PRIVHEAD")) kinds.push("windowsDynamic");
  if (isZfs(head)) kinds.push("zfs");
  return kinds;
}

/** The label is in one of the first four sectors (lvm2, lib/label). */
function isLvm(head: Uint8Array): boolean {
  return [0, 1, 2, 3].some(
    (sector) => hasText(head, sector * 512, "LABELONE") && hasText(head, sector * 512 + 24, "LVM2"),
  );
}

async function isLinuxRaid(reader: ByteReader, head: Uint8Array): Promise<boolean> {
  if (hasBytes(head, 0, MD_MAGIC) || hasBytes(head, 4096, MD_MAGIC)) return true;
  const fromEnd = [
    Math.floor(reader.sizeBytes / 65_536) * 65_536 - 65_536,
    Math.floor(reader.sizeBytes / 4096) * 4096 - 8192,
  ];
  for (const offset of fromEnd) {
    if (offset >= 0 && hasBytes(await readBytes(reader, offset, 4), 0, MD_MAGIC)) return true;
  }
  return false;
}

/** Uberblocks stand every KiB in the second half of the first label (ZFS On-Disk Specification §1.3). */
function isZfs(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  for (let at = 128 * 1024; at + 8 <= head.length; at += 1024) {
    if (view.getBigUint64(at, true) === ZFS_UBERBLOCK_MAGIC) return true;
  }
  return false;
}

function hasBytes(bytes: Uint8Array, offset: number, wanted: readonly number[]): boolean {
  return wanted.every((byte, i) => bytes[offset + i] === byte);
}
