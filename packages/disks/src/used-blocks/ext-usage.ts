import { type ByteReader, readBytes } from "./byte-reader.ts";
import { type ExtGroup, readGroups, superblockBlock } from "./ext-groups.ts";
import { type ExtSuperblock, rawCrc, readExtSuperblock } from "./ext-superblock.ts";
import { findSwapFiles } from "./ext-swap-files.ts";
import { countFree, rawUsage, setBits, UsageBuilder, type Usage, withFree } from "./usage.ts";

/**
 * Which blocks of an ext2, ext3 or ext4 are in use, by its group bitmaps, without the content of swap files; `undefined` when it is none. One that was not unmounted
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
  const swapped = await findSwapFiles(reader, superblock, groups);
  return { content: "ext", ranges: withFree(builder.finish(reader.sizeBytes), swapped) };
}

/** The group's bitmap; zeros when it was never written; undefined when it is damaged. */
async function readBitmap(
  reader: ByteReader,
  superblock: ExtSuperblock,
  group: ExtGroup,
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

interface BlockRun {
  readonly block: number;
  readonly count: number;
}

/** Superblocks, descriptors, bitmaps and inode tables, by the group that they lie in: bitmaps that were never written do not name them. */
function metadataOf(superblock: ExtSuperblock, groups: readonly ExtGroup[]): Map<number, BlockRun[]> {
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
