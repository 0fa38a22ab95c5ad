import { type ByteReader, readBytes } from "../used-blocks/byte-reader.ts";
import { type ExtSuperblock, readExtSuperblock, SUPERBLOCK_OFFSET } from "../used-blocks/ext-superblock.ts";

// Linux, Documentation/filesystems/ext4: group_descr, inodes, ifork
const INODES_NOT_WRITTEN = 1;
const FIRST_FILE = 11;
const ROOT = 2;
const FLAG_EXTENTS = 0x8_0000;
const FLAG_INLINE = 0x1000_0000;
const EXTENT_MAGIC = 0xf30a;
/** Extents of that length and more were allocated and not written: they read as zeros. */
const UNWRITTEN_LENGTH = 32_768;
const MAX_EXTENT_DEPTH = 5;
const BLOCK_MAP = { offset: 0x28, length: 60, direct: 12 };
const TYPE_MASK = 0xf000;
const DIRECTORY = 0x4000;
const REGULAR = 0x8000;

/** Consecutive blocks of a file system. */
export interface BlockRun {
  readonly block: number;
  readonly count: number;
}

/** A file, a directory or a symbolic link. */
export interface Inode {
  readonly number: number;
  /** As on the disk. */
  readonly bytes: Uint8Array;
}

/** The inodes of an ext2, ext3 or ext4, and the blocks that they own. What the file system says of itself is not believed: RangeError where it leads outside. */
export class ExtInodes {
  readonly blockBytes: number;
  readonly #reader: ByteReader;
  readonly #superblock: ExtSuperblock;
  /** First block of the table and inodes of it that were ever used, by group. */
  readonly #tables: readonly { readonly block: number; readonly used: number }[];

  private constructor(
    reader: ByteReader,
    superblock: ExtSuperblock,
    tables: readonly { readonly block: number; readonly used: number }[],
  ) {
    this.blockBytes = superblock.blockBytes;
    this.#reader = reader;
    this.#superblock = superblock;
    this.#tables = tables;
  }

  /** `undefined` when there is no such file system; a reason when it cannot be trusted. */
  static async open(reader: ByteReader): Promise<ExtInodes | { readonly reason: string } | undefined> {
    const superblock = await readExtSuperblock(reader);
    if (superblock === undefined || "reason" in superblock) return superblock;
    const { blockBytes, groupCount, descriptorBytes, inodesPerGroup, hasLazyBitmaps } = superblock;
    const at = (Math.floor(SUPERBLOCK_OFFSET / blockBytes) + 1) * blockBytes;
    const view = new DataView((await readBytes(reader, at, groupCount * descriptorBytes)).buffer);
    const tables = Array.from({ length: groupCount }, (_, group) => {
      const start = group * descriptorBytes;
      const isWide = descriptorBytes >= 64;
      const block = view.getUint32(start + 8, true) + (isWide ? view.getUint32(start + 0x28, true) * 2 ** 32 : 0);
      if (!hasLazyBitmaps) return { block, used: inodesPerGroup };
      if ((view.getUint16(start + 0x12, true) & INODES_NOT_WRITTEN) !== 0) return { block, used: 0 };
      const unused = view.getUint16(start + 0x1c, true) + (isWide ? view.getUint16(start + 0x32, true) * 2 ** 16 : 0);
      return { block, used: Math.max(0, inodesPerGroup - unused) };
    });
    return new ExtInodes(reader, superblock, tables);
  }

  /** Every file, directory and symbolic link that has a name. */
  async *inUse(): AsyncGenerator<Inode, void, undefined> {
    const { inodeBytes, inodesPerGroup, blockBytes } = this.#superblock;
    for (const [group, { block, used }] of this.#tables.entries()) {
      if (used === 0) continue;
      const table = await readBytes(this.#reader, block * blockBytes, used * inodeBytes);
      for (let index = 0; index < used; index++) {
        const number = group * inodesPerGroup + index + 1;
        if (number < FIRST_FILE && number !== ROOT) continue;
        const bytes = table.subarray(index * inodeBytes, (index + 1) * inodeBytes);
        if (u16(bytes, 0) !== 0 && u16(bytes, 0x1a) !== 0) yield { number, bytes };
      }
    }
  }

  /** An inode by its number, in use or not. */
  async read(number: number): Promise<Inode | undefined> {
    const { inodeBytes, inodesPerGroup, blockBytes } = this.#superblock;
    const index = (number - 1) % inodesPerGroup;
    const table = this.#tables[Math.floor((number - 1) / inodesPerGroup)];
    if (table === undefined || index >= table.used) return undefined;
    return { number, bytes: await readBytes(this.#reader, table.block * blockBytes + index * inodeBytes, inodeBytes) };
  }

  /** The blocks that hold an inode's content, and those that say where it is, in the order of the file. */
  async blocksOf({ bytes }: Inode): Promise<BlockRun[]> {
    const type = u16(bytes, 0) & TYPE_MASK;
    const flags = u32(bytes, 0x20);
    const map = bytes.subarray(BLOCK_MAP.offset, BLOCK_MAP.offset + BLOCK_MAP.length);
    const runs: BlockRun[] = [];
    if ((flags & FLAG_INLINE) !== 0) return runs;
    if ((flags & FLAG_EXTENTS) !== 0) await this.#extents(map, MAX_EXTENT_DEPTH, runs);
    // What a symbolic link has there is its text, mostly.
    else if (type === REGULAR || type === DIRECTORY) await this.#pointers(map, runs);
    return runs;
  }

  async #extents(node: Uint8Array, depthLeft: number, runs: BlockRun[]): Promise<void> {
    const [magic, entries, depth] = [u16(node, 0), u16(node, 2), u16(node, 6)];
    if (magic !== EXTENT_MAGIC || depth > depthLeft || 12 + entries * 12 > node.length) {
      throw new RangeError("ext: an extent tree is damaged");
    }
    for (let entry = 1; entry <= entries; entry++) {
      const at = entry * 12;
      if (depth === 0) {
        const count = u16(node, at + 4);
        const block = u32(node, at + 8) + u16(node, at + 6) * 2 ** 32;
        if (count <= UNWRITTEN_LENGTH) runs.push({ block, count });
        continue;
      }
      const block = u32(node, at + 4) + u16(node, at + 8) * 2 ** 32;
      runs.push({ block, count: 1 });
      await this.#extents(await this.#block(block), depth - 1, runs);
    }
  }

  async #pointers(map: Uint8Array, runs: BlockRun[]): Promise<void> {
    for (let at = 0; at < BLOCK_MAP.length; at += 4) {
      const depth = Math.max(0, at / 4 - BLOCK_MAP.direct + 1);
      await this.#pointer(u32(map, at), depth, runs);
    }
  }

  async #pointer(block: number, depth: number, runs: BlockRun[]): Promise<void> {
    if (block === 0) return;
    const last = runs.at(-1);
    if (last !== undefined && last.block + last.count === block) {
      runs[runs.length - 1] = { block: last.block, count: last.count + 1 };
    } else {
      runs.push({ block, count: 1 });
    }
    if (depth === 0) return;
    const pointers = await this.#block(block);
    for (let at = 0; at < pointers.length; at += 4) await this.#pointer(u32(pointers, at), depth - 1, runs);
  }

  #block(block: number): Promise<Uint8Array> {
    return readBytes(this.#reader, block * this.blockBytes, this.blockBytes);
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) + u16(bytes, at + 2) * 2 ** 16;
}
