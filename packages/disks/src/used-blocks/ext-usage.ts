import { type ByteReader, readBytes } from "./byte-reader.ts";
import { type ExtSuperblock, rawCrc, readExtSuperblock, SUPERBLOCK_OFFSET } from "./ext-superblock.ts";
import { countFree, rawUsage, setBits, UsageBuilder, type Usage } from "./usage.ts";

const BLOCK_BITMAP_UNWRITTEN = 2;

interface Group {
  readonly bitmapBlock: number;
  readonly inodeBitmapBlock: number;
  readonly inodeTableBlock: number;
  readonly freeClusters: number;
  readonly isUnwritten: boolean;
  readonly bitmapChecksum: number;
}

/**
 * Which blocks of an ext2, ext3 or ext4 are in use, by its group bitmaps; `undefined` when it is none. One that was not unmounted
 * cleanly, or whose bitmaps are not what their checksums and free counts say, is raw with a reason.
 * (Linux, Documentation/filesystems/ext4: super, group_descr, bitmaps.)
 */
export async function extUsage(reader: ByteReader): Promise<Usage | undefined> {
  const superblock = await readExtSuperblock(reader);
  if (superblock === undefined) return undefined;
  if ("reason" in superblock) return rawUsage(reader.sizeBytes, superblock.reason);
  const groups = await readGroups(reader, superblock);
  const metadata = metadataOf(superblock, groups);
  const builder = new UsageBuilder();
  const { blockBytes, firstDataBlock, blocksPerGroup, blocksPerCluster, blockCount } = superblock;
  builder.add("data", firstDataBlock * blockBytes);
  for (const [number, group] of groups.entries()) {
    const firstBlock = firstDataBlock + number * blocksPerGroup;
    const blocks = Math.min(blocksPerGroup, blockCount - firstBlock);
    const clusters = Math.ceil(blocks / blocksPerCluster);
    const bits = await readBitmap(reader, superblock, group);
    if (bits === undefined) return rawUsage(reader.sizeBytes, `ext: the block bitmap of group ${number} is damaged`);
    for (const { block, count } of metadata.get(number) ?? []) {
      const first = Math.floor((block - firstBlock) / blocksPerCluster);
      setBits(bits, first, Math.ceil((block - firstBlock + count) / blocksPerCluster) - first);
    }
    if (countFree(bits, clusters) !== group.freeClusters) {
      return rawUsage(reader.sizeBytes, `ext: group ${number} counts its free blocks wrongly (run e2fsck)`);
    }
    const whole = Math.floor(blocks / blocksPerCluster);
    builder.addBitmap(bits, whole, blocksPerCluster * blockBytes);
    // The last cluster may reach beyond the file system.
    builder.add("data", (blocks - whole * blocksPerCluster) * blockBytes);
  }
  return { content: "ext", ranges: builder.finish(reader.sizeBytes) };
}

async function readGroups(reader: ByteReader, superblock: ExtSuperblock): Promise<Group[]> {
  const { descriptorBytes, blockBytes, groupCount } = superblock;
  const at = (superblockBlock(superblock) + 1) * blockBytes;
  const bytes = await readBytes(reader, at, groupCount * descriptorBytes);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: groupCount }, (_, group) => {
    const at = group * descriptorBytes;
    const high = descriptorBytes >= 64;
    const u16 = (low: number, upper: number): number =>
      view.getUint16(at + low, true) + (high ? view.getUint16(at + upper, true) * 2 ** 16 : 0);
    const u32 = (low: number, upper: number): number =>
      view.getUint32(at + low, true) + (high ? view.getUint32(at + upper, true) * 2 ** 32 : 0);
    return {
      bitmapBlock: u32(0, 0x20),
      inodeBitmapBlock: u32(4, 0x24),
      inodeTableBlock: u32(8, 0x28),
      freeClusters: u16(0xc, 0x2c),
      isUnwritten: superblock.hasLazyBitmaps && (view.getUint16(at + 0x12, true) & BLOCK_BITMAP_UNWRITTEN) !== 0,
      bitmapChecksum: u16(0x18, 0x38),
    };
  });
}

/** The group's bitmap; zeros when it was never written; undefined when it is damaged. */
async function readBitmap(
  reader: ByteReader,
  superblock: ExtSuperblock,
  group: Group,
): Promise<Uint8Array | undefined> {
  const { blockBytes, blocksPerGroup, blocksPerCluster, checksumSeed, descriptorBytes, blockCount } = superblock;
  if (group.isUnwritten) return new Uint8Array(blockBytes);
  if (group.bitmapBlock >= blockCount) return undefined;
  const bits = await readBytes(reader, group.bitmapBlock * blockBytes, blockBytes);
  if (checksumSeed === undefined) return bits;
  const checksum = rawCrc(bits.subarray(0, blocksPerGroup / blocksPerCluster / 8), checksumSeed);
  const isRight =
    descriptorBytes >= 64 ? checksum === group.bitmapChecksum : (checksum & 0xffff) === group.bitmapChecksum;
  return isRight ? bits : undefined;
}

/** The block of the first superblock: with blocks of 1 KiB not the first one, also where bigalloc counts from block 0. */
function superblockBlock({ blockBytes }: ExtSuperblock): number {
  return Math.floor(SUPERBLOCK_OFFSET / blockBytes);
}

interface BlockRun {
  readonly block: number;
  readonly count: number;
}

/** Superblocks, descriptors, bitmaps and inode tables, by the group that they lie in: bitmaps that were never written do not name them. */
function metadataOf(superblock: ExtSuperblock, groups: readonly Group[]): Map<number, BlockRun[]> {
  const { firstDataBlock, blocksPerGroup, blockBytes, descriptorBytes, blockCount } = superblock;
  const byGroup = new Map<number, BlockRun[]>();
  const add = (from: number, total: number): void => {
    for (let block = from, left = Math.min(total, blockCount - from); left > 0;) {
      const group = Math.floor((block - firstDataBlock) / blocksPerGroup);
      const count = Math.min(left, firstDataBlock + (group + 1) * blocksPerGroup - block);
      const runs = byGroup.get(group);
      if (runs === undefined) byGroup.set(group, [{ block, count }]);
      else runs.push({ block, count });
      block += count;
      left -= count;
    }
  };
  const descriptorBlocks =
    Math.ceil((groups.length * descriptorBytes) / blockBytes) + superblock.reservedDescriptorBlocks;
  const tableBlocks = Math.ceil((superblock.inodesPerGroup * superblock.inodeBytes) / blockBytes);
  add(superblockBlock(superblock), 1 + descriptorBlocks);
  for (const [number, group] of groups.entries()) {
    if (superblock.hasSuperblock(number)) add(firstDataBlock + number * blocksPerGroup, 1 + descriptorBlocks);
    add(group.bitmapBlock, 1);
    add(group.inodeBitmapBlock, 1);
    add(group.inodeTableBlock, tableBlocks);
  }
  return byGroup;
}
