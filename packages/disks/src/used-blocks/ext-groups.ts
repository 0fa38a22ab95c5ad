import { type ByteReader, readBytes } from "./byte-reader.ts";
import { type ExtSuperblock, SUPERBLOCK_OFFSET } from "./ext-superblock.ts";

const BLOCK_BITMAP_UNWRITTEN = 2;

/** What a group's descriptor says. Blocks count from the start of the file system. */
export interface ExtGroup {
  readonly bitmapBlock: number;
  readonly inodeBitmapBlock: number;
  readonly inodeTableBlock: number;
  readonly freeClusters: number;
  /** Whether its block bitmap was never written: nothing is in use but metadata. */
  readonly isUnwritten: boolean;
  readonly bitmapChecksum: number;
}

/** The descriptors of all groups (Linux, Documentation/filesystems/ext4/group_descr.rst). RangeError when they are not there. */
export async function readGroups(reader: ByteReader, superblock: ExtSuperblock): Promise<ExtGroup[]> {
  const { descriptorBytes, blockBytes, groupCount } = superblock;
  const start = (superblockBlock(superblock) + 1) * blockBytes;
  const bytes = await readBytes(reader, start, groupCount * descriptorBytes);
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

/** The block of the first superblock: with blocks of 1 KiB not the first one, also where bigalloc counts from block 0. */
export function superblockBlock({ blockBytes }: ExtSuperblock): number {
  return Math.floor(SUPERBLOCK_OFFSET / blockBytes);
}
