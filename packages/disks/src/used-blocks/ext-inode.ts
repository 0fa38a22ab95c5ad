import { type ByteReader, type ByteRange, JoinedParts, readBytes } from "./byte-reader.ts";
import type { ExtGroup } from "./ext-groups.ts";
import type { ExtSuperblock } from "./ext-superblock.ts";
import { MAX_EXT_EXTENT_NODES } from "./limits.ts";

const KIND_MASK = 0xf000;
const FLAG_EXTENTS = 0x8_0000;
/** compressed, encrypted, verity, inline data: where such a file's blocks are, is not what is in them, or not told by extents. */
const FLAGS_NOT_PLAIN = 0x4 | 0x800 | 0x10_0000 | 0x1000_0000;
const EXTENT_MAGIC = 0xf30a;
const MAX_DEPTH = 5;
/** Longer extents were given to the file, but not written: they read as zeros. */
const MAX_WRITTEN_BLOCKS = 32_768;

/** The first bits of `i_mode`. */
export const ExtFileKind = { directory: 0x4000, file: 0x8000 } as const;

/** A file without holes whose blocks are told by extents. */
export interface ExtFile {
  /** The bytes that it has on the disk, up to its size. */
  readonly content: JoinedParts;
  /** Whether its first extent was written: others read as zeros, whatever stands there. */
  readonly isHeadWritten: boolean;
}

/**
 * A file by the number of its inode; undefined when it is of another kind, has holes, or is not stored plainly, and when anything about it
 * is not as it has to be. (Linux, Documentation/filesystems/ext4: inodes, ifork.)
 */
export async function readExtFile(
  reader: ByteReader,
  superblock: ExtSuperblock,
  groups: readonly ExtGroup[],
  number: number,
  kind: (typeof ExtFileKind)[keyof typeof ExtFileKind],
): Promise<ExtFile | undefined> {
  const { inodesPerGroup, inodeBytes, blockBytes } = superblock;
  const group = groups[Math.floor((number - 1) / inodesPerGroup)];
  if (number < 1 || group === undefined || inodeBytes < 128) return undefined;
  const offset = group.inodeTableBlock * blockBytes + ((number - 1) % inodesPerGroup) * inodeBytes;
  const inode = await readBytes(reader, offset, 128);
  const view = new DataView(inode.buffer);
  const flags = view.getUint32(0x20, true);
  if ((view.getUint16(0, true) & KIND_MASK) !== kind || view.getUint16(0x1a, true) === 0) return undefined;
  if ((flags & FLAG_EXTENTS) === 0 || (flags & FLAGS_NOT_PLAIN) !== 0) return undefined;
  const sizeBytes = view.getUint32(4, true) + view.getUint32(0x6c, true) * 2 ** 32;
  const walk = new ExtentWalk(reader, superblock);
  const isWhole = await walk.read(inode.subarray(0x28, 0x64), undefined);
  if (!isWhole || walk.blockCount * blockBytes < sizeBytes) return undefined;
  return { content: new JoinedParts(reader, cutTo(walk.parts, sizeBytes)), isHeadWritten: walk.isHeadWritten };
}

/** Collects a file's extents, which MUST follow each other without holes. */
class ExtentWalk {
  readonly parts: ByteRange[] = [];
  blockCount = 0;
  isHeadWritten = true;
  readonly #reader: ByteReader;
  readonly #superblock: ExtSuperblock;
  #nodes = 0;

  constructor(reader: ByteReader, superblock: ExtSuperblock) {
    this.#reader = reader;
    this.#superblock = superblock;
  }

  /** A node and what is below it; false when it is not as it has to be. `depth` is what the node above says of it. */
  async read(node: Uint8Array, depth: number | undefined): Promise<boolean> {
    const view = new DataView(node.buffer, node.byteOffset, node.byteLength);
    const count = view.getUint16(2, true);
    const ownDepth = view.getUint16(6, true);
    const isNode =
      view.getUint16(0, true) === EXTENT_MAGIC &&
      12 + count * 12 <= node.length &&
      (depth === undefined ? ownDepth <= MAX_DEPTH : ownDepth === depth);
    if (!isNode || ++this.#nodes > MAX_EXT_EXTENT_NODES) return false;
    const { blockBytes, blockCount } = this.#superblock;
    for (let at = 12; at < 12 + count * 12; at += 12) {
      if (ownDepth === 0) {
        if (!this.#take(view, at)) return false;
        continue;
      }
      const block = view.getUint32(at + 4, true) + view.getUint16(at + 8, true) * 2 ** 32;
      if (block >= blockCount) return false;
      const below = await readBytes(this.#reader, block * blockBytes, blockBytes);
      if (!(await this.read(below, ownDepth - 1))) return false;
    }
    return true;
  }

  #take(view: DataView, at: number): boolean {
    const { blockBytes, blockCount, firstDataBlock } = this.#superblock;
    const length = view.getUint16(at + 4, true);
    const isWritten = length <= MAX_WRITTEN_BLOCKS;
    const blocks = isWritten ? length : length - MAX_WRITTEN_BLOCKS;
    const block = view.getUint32(at + 8, true) + view.getUint16(at + 6, true) * 2 ** 32;
    const isFitting = view.getUint32(at, true) === this.blockCount && blocks > 0 && block > firstDataBlock;
    if (!isFitting || block + blocks > blockCount) return false;
    if (this.blockCount === 0) this.isHeadWritten = isWritten;
    this.parts.push({ offset: block * blockBytes, length: blocks * blockBytes });
    this.blockCount += blocks;
    return true;
  }
}

/** The first bytes of what the parts are together. */
function cutTo(parts: readonly ByteRange[], sizeBytes: number): ByteRange[] {
  let left = sizeBytes;
  return parts.flatMap(({ offset, length }) => {
    const kept = Math.min(length, left);
    left -= kept;
    return kept > 0 ? [{ offset, length: kept }] : [];
  });
}
