import { crc32c } from "@ingot/wire";

import { type ByteReader, hasText, readBytes } from "./byte-reader.ts";
import { MAX_XFS_GROUPS } from "./limits.ts";

const SUPERBLOCK_BYTES = 512;
const CHECKSUM_AT = 224;
const VERSION_5 = 5;
/** With zones or a tree of metadata directories, free space may be told elsewhere; NEEDSREPAIR says that it is wrong. */
const INCOMPAT_NEEDS_REPAIR = 0x10;
/** ftype, sparse inodes, meta UUID, bigtime, large extent counters, exchange-range, parent pointers: they do not change where free blocks are told. */
const INCOMPAT_HARMLESS = 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x40 | 0x80;
/** Trees of free inodes, of owners, of shared blocks, and their counters. */
const RO_COMPAT_HARMLESS = 0x1 | 0x2 | 0x4 | 0x8;

/** What the superblock of an XFS says about where things are. */
export interface XfsSuperblock {
  readonly blockBytes: number;
  readonly sectorBytes: number;
  readonly blockCount: number;
  /** Blocks of every allocation group but the last, which may be shorter. */
  readonly groupBlocks: number;
  readonly groupCount: number;
  /** Bytes from the start of the file system. */
  readonly logOffset: number;
  readonly logBytes: number;
}

/**
 * The first superblock of an XFS version 5; undefined when there is no XFS; a reason when it cannot be trusted or is not known well enough.
 * (XFS Algorithms & Data Structures, 3rd edition, "Superblocks". Numbers are big-endian, checksums little-endian.)
 */
export async function readXfsSuperblock(reader: ByteReader): Promise<XfsSuperblock | { reason: string } | undefined> {
  if (reader.sizeBytes < SUPERBLOCK_BYTES) return undefined;
  const head = await readBytes(reader, 0, SUPERBLOCK_BYTES);
  if (!hasText(head, 0, "XFSB")) return undefined;
  const view = new DataView(head.buffer);
  const u64 = (at: number): number => Number(view.getBigUint64(at));
  const u32 = (at: number): number => view.getUint32(at);
  const blockBytes = u32(4);
  const sectorBytes = view.getUint16(102);
  if ((view.getUint16(100) & 0xf) !== VERSION_5) return { reason: "xfs: is of a version before 5" };
  if (!isPowerIn(sectorBytes, 512, 32_768) || !isPowerIn(blockBytes, sectorBytes, 65_536)) {
    return { reason: "xfs: its superblock makes no sense" };
  }
  const sector = await readBytes(reader, 0, sectorBytes);
  if (!hasChecksum(sector, CHECKSUM_AT)) return { reason: "xfs: the superblock's checksum is wrong" };
  const problem = problemOf(u32(212), u32(216), head[126] ?? 0, u64(48));
  if (problem !== undefined) return { reason: problem };
  const groupBlocks = u32(84);
  const groupCount = u32(88);
  const blockCount = u64(8);
  const logBlock = placeOf(view, groupBlocks);
  const logBytes = u32(96) * blockBytes;
  const isPlausible =
    groupBlocks > 0 &&
    groupCount > 0 &&
    groupCount <= MAX_XFS_GROUPS &&
    blockCount > (groupCount - 1) * groupBlocks &&
    blockCount <= groupCount * groupBlocks &&
    blockCount * blockBytes <= reader.sizeBytes &&
    logBytes > 0 &&
    logBlock * blockBytes + logBytes <= blockCount * blockBytes;
  if (!isPlausible) return { reason: "xfs: the superblock's numbers do not fit the partition" };
  const logOffset = logBlock * blockBytes;
  return { blockBytes, sectorBytes, blockCount, groupBlocks, groupCount, logOffset, logBytes };
}

/** Whether the CRC-32C at `at`, itself taken as zeros, is that of the bytes. */
export function hasChecksum(bytes: Uint8Array<ArrayBuffer>, at: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint32(at, true);
  const before = crc32c(bytes.subarray(0, at));
  return crc32c(bytes.subarray(at + 4), crc32c(new Uint8Array(4), before)) === stored;
}

function problemOf(roCompat: number, incompat: number, inProgress: number, logStart: number): string | undefined {
  if (inProgress !== 0) return "xfs: was not made to the end";
  if ((incompat & INCOMPAT_NEEDS_REPAIR) !== 0) return "xfs: needs repair (run xfs_repair)";
  const unknown = [incompat & ~INCOMPAT_HARMLESS, roCompat & ~RO_COMPAT_HARMLESS];
  if (unknown.some((bits) => bits !== 0)) {
    return `xfs: has features that are not known (0x${unknown.map((bits) => (bits >>> 0).toString(16)).join(", 0x")})`;
  }
  return logStart === 0 ? "xfs: its log is on another disk" : undefined;
}

/** The log's first block. The upper bits of a block's number are the group's, the lower ones count in it (sb_agblklog of them). */
function placeOf(view: DataView, groupBlocks: number): number {
  const perGroup = 2 ** view.getUint8(124);
  const number = Number(view.getBigUint64(48));
  return Math.floor(number / perGroup) * groupBlocks + (number % perGroup);
}

function isPowerIn(number: number, least: number, most: number): boolean {
  return number >= least && number <= most && Number.isInteger(Math.log2(number));
}
