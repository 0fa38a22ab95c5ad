import { crc32c } from "@ingot/wire";

import { type ByteReader, readBytes } from "./byte-reader.ts";
import { MAX_EXT_DESCRIPTOR_BYTES, MAX_EXT_GROUPS } from "./limits.ts";

/** Bytes from the start of the file system to its first superblock. */
export const SUPERBLOCK_OFFSET = 1024;

const SUPERBLOCK_BYTES = 1024;
const MAGIC = 0xef53;
const STATE_CLEAN = 1;
const STATE_ERRORS = 2;

// Linux, Documentation/filesystems/ext4/super.rst
const COMPAT_SPARSE_SUPER2 = 0x200;
const INCOMPAT_RECOVER = 0x4;
const INCOMPAT_JOURNAL_DEV = 0x8;
const INCOMPAT_META_BG = 0x10;
const INCOMPAT_64BIT = 0x80;
const INCOMPAT_CSUM_SEED = 0x2000;
const INCOMPAT_LARGEDIR_INLINE_ENCRYPT = 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000;
/** filetype, extents, mmp, flex_bg, ea_inode, and the ones above: they do not change where free blocks are told. */
const INCOMPAT_HARMLESS =
  0x2 | 0x40 | 0x100 | 0x200 | 0x400 | INCOMPAT_64BIT | INCOMPAT_CSUM_SEED | INCOMPAT_LARGEDIR_INLINE_ENCRYPT;
const RO_COMPAT_SPARSE_SUPER = 0x1;
const RO_COMPAT_GDT_CSUM = 0x10;
const RO_COMPAT_BIGALLOC = 0x200;
const RO_COMPAT_METADATA_CSUM = 0x400;

/** What the superblock of an ext2, ext3 or ext4 says about where things are. */
export interface ExtSuperblock {
  readonly blockCount: number;
  readonly blockBytes: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  /** Blocks for one bit of a bitmap: 1, more with bigalloc. */
  readonly blocksPerCluster: number;
  readonly inodesPerGroup: number;
  readonly inodeBytes: number;
  readonly groupCount: number;
  readonly descriptorBytes: number;
  readonly reservedDescriptorBlocks: number;
  /** Whether groups may leave their bitmap unwritten. */
  readonly hasLazyBitmaps: boolean;
  /** Of bitmaps; undefined without metadata checksums. */
  readonly checksumSeed: number | undefined;
  readonly hasSuperblock: (group: number) => boolean;
}

/** A superblock; `undefined` when there is none; a reason when the file system cannot be trusted or is not known well enough. */
export async function readExtSuperblock(reader: ByteReader): Promise<ExtSuperblock | { reason: string } | undefined> {
  if (reader.sizeBytes < SUPERBLOCK_OFFSET + SUPERBLOCK_BYTES) return undefined;
  const bytes = await readBytes(reader, SUPERBLOCK_OFFSET, SUPERBLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number): number => view.getUint16(at, true);
  const u32 = (at: number): number => view.getUint32(at, true);
  if (u16(0x38) !== MAGIC) return undefined;
  const hasFeatures = u32(0x4c) > 0;
  const compat = hasFeatures ? u32(0x5c) : 0;
  const incompat = hasFeatures ? u32(0x60) : 0;
  const roCompat = hasFeatures ? u32(0x64) : 0;
  const hasChecksums = (roCompat & RO_COMPAT_METADATA_CSUM) !== 0;
  if (hasChecksums && rawCrc(bytes.subarray(0, 0x3fc), 0xffff_ffff) !== u32(0x3fc)) {
    return { reason: "ext: the superblock's checksum is wrong" };
  }
  const problem = problemOf(incompat, u16(0x3a));
  if (problem !== undefined) return { reason: problem };
  const is64 = (incompat & INCOMPAT_64BIT) !== 0;
  const blockBytes = 1024 * 2 ** u32(0x18);
  const blocksPerGroup = u32(0x20);
  const blockCount = u32(4) + (is64 ? u32(0x150) * 2 ** 32 : 0);
  const firstDataBlock = u32(0x14);
  const blocksPerCluster = (roCompat & RO_COMPAT_BIGALLOC) !== 0 ? 2 ** (u32(0x1c) - u32(0x18)) : 1;
  const descriptorBytes = is64 ? u16(0xfe) : 32;
  const groupCount = Math.ceil((blockCount - firstDataBlock) / blocksPerGroup);
  const isPlausible =
    u32(0x18) <= 6 &&
    blocksPerGroup > 0 &&
    blocksPerGroup / blocksPerCluster <= blockBytes * 8 &&
    Number.isInteger(blocksPerGroup / blocksPerCluster) &&
    u32(0x28) <= blockBytes * 8 &&
    u16(0x58) <= blockBytes &&
    descriptorBytes >= 32 &&
    descriptorBytes <= 1024 &&
    groupCount > 0 &&
    groupCount <= MAX_EXT_GROUPS &&
    groupCount * descriptorBytes <= MAX_EXT_DESCRIPTOR_BYTES &&
    blockCount * blockBytes <= reader.sizeBytes;
  if (!isPlausible) return { reason: "ext: the superblock's numbers do not fit the partition" };
  return {
    blockCount,
    blockBytes,
    firstDataBlock,
    blocksPerGroup,
    blocksPerCluster,
    inodesPerGroup: u32(0x28),
    inodeBytes: hasFeatures ? u16(0x58) : 128,
    groupCount,
    descriptorBytes,
    reservedDescriptorBlocks: u16(0xce),
    hasLazyBitmaps: (roCompat & (RO_COMPAT_GDT_CSUM | RO_COMPAT_METADATA_CSUM)) !== 0,
    checksumSeed: hasChecksums
      ? (incompat & INCOMPAT_CSUM_SEED) !== 0
        ? u32(0x270)
        : rawCrc(bytes.subarray(0x68, 0x78), 0xffff_ffff)
      : undefined,
    hasSuperblock:
      (compat & COMPAT_SPARSE_SUPER2) !== 0
        ? (group) => group === 0 || group === u32(0x24c) || group === u32(0x250)
        : (roCompat & RO_COMPAT_SPARSE_SUPER) !== 0
          ? (group) => group <= 1 || isPowerOf(3, group) || isPowerOf(5, group) || isPowerOf(7, group)
          : () => true,
  };
}

/** CRC-32C as Linux chains it: without the inversions at its ends. */
export function rawCrc(bytes: Uint8Array, before: number): number {
  return ~crc32c(bytes, ~before >>> 0) >>> 0;
}

function problemOf(incompat: number, state: number): string | undefined {
  if ((incompat & INCOMPAT_RECOVER) !== 0) return "ext: the journal has to be replayed (not unmounted cleanly)";
  if ((state & STATE_CLEAN) === 0) return "ext: was not unmounted cleanly";
  if ((state & STATE_ERRORS) !== 0) return "ext: errors were found in it (run e2fsck)";
  if ((incompat & INCOMPAT_JOURNAL_DEV) !== 0) return "ext: is the journal of another file system";
  if ((incompat & INCOMPAT_META_BG) !== 0) return "ext: has the feature meta_bg";
  const unknown = incompat & ~INCOMPAT_HARMLESS;
  return unknown === 0 ? undefined : `ext: has features that are not known (0x${unknown.toString(16)})`;
}

function isPowerOf(base: number, number: number): boolean {
  let power = base;
  while (power < number) power *= base;
  return power === number;
}
