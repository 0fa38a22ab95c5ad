import { type ByteReader, hasText, readBytes } from "./byte-reader.ts";
import { MAX_XFS_LEVELS } from "./limits.ts";
import { rawUsage, UsageBuilder, type Usage } from "./usage.ts";
import { isLogClean } from "./xfs-log.ts";
import { hasChecksum, readXfsSuperblock, type XfsSuperblock } from "./xfs-superblock.ts";

const GROUP_CHECKSUM_AT = 216;
const NODE_CHECKSUM_AT = 52;
const NODE_HEAD_BYTES = 56;
const RECORD_BYTES = 8;
/** In an inner node: a key of the size of a record, and the number of a block. */
const BRANCH_BYTES = RECORD_BYTES + 4;
const NO_BLOCK = 0xffff_ffff;

/** What a group's header says of its free space. Blocks count in the group. */
interface Group {
  readonly number: number;
  readonly blockCount: number;
  readonly root: number;
  readonly levels: number;
  readonly freeBlocks: number;
}

/**
 * Which blocks of an XFS version 5 are in use, by the trees of free space of its allocation groups; `undefined` when it is none. One that
 * was not unmounted cleanly, or whose trees and counts do not fit, is raw with a reason. (XFS Algorithms & Data Structures, 3rd edition, "AG
 * Free Space Management".)
 */
export async function xfsUsage(reader: ByteReader): Promise<Usage | undefined> {
  const superblock = await readXfsSuperblock(reader);
  if (superblock === undefined) return undefined;
  const usage = "reason" in superblock ? superblock : await usageOf(reader, superblock);
  return "reason" in usage ? rawUsage(reader.sizeBytes, usage.reason) : usage;
}

async function usageOf(reader: ByteReader, superblock: XfsSuperblock): Promise<Usage | { reason: string }> {
  if (!(await isLogClean(reader, superblock)))
    return { reason: "xfs: the log has to be replayed (not unmounted cleanly)" };
  const { blockBytes, groupBlocks, groupCount } = superblock;
  const builder = new UsageBuilder();
  for (let number = 0; number < groupCount; number++) {
    const group = await readGroup(reader, superblock, number);
    if (group === undefined) return { reason: `xfs: the header of group ${number} is damaged` };
    const start = number * groupBlocks * blockBytes;
    const isWhole = await addFree(reader, superblock, group, (block, count) => {
      builder.add("data", start + block * blockBytes - builder.end);
      builder.add("dontCare", count * blockBytes);
    });
    if (!isWhole) return { reason: `xfs: the tree of free space of group ${number} is damaged (run xfs_repair)` };
    builder.add("data", start + group.blockCount * blockBytes - builder.end);
  }
  return { content: "xfs", ranges: builder.finish(reader.sizeBytes) };
}

/** The group's AGF, in its second sector; undefined when it is damaged. */
async function readGroup(reader: ByteReader, superblock: XfsSuperblock, number: number): Promise<Group | undefined> {
  const { blockBytes, sectorBytes, groupBlocks, groupCount, blockCount } = superblock;
  const sector = await readBytes(reader, number * groupBlocks * blockBytes + sectorBytes, sectorBytes);
  const view = new DataView(sector.buffer);
  const u32 = (at: number): number => view.getUint32(at);
  if (!hasText(sector, 0, "XAGF") || !hasChecksum(sector, GROUP_CHECKSUM_AT) || u32(8) !== number) return undefined;
  const expected = number === groupCount - 1 ? blockCount - number * groupBlocks : groupBlocks;
  const group: Group = { number, blockCount: u32(12), root: u32(16), levels: u32(28), freeBlocks: u32(52) };
  const isFitting = group.blockCount === expected && group.levels >= 1 && group.levels <= MAX_XFS_LEVELS;
  return isFitting ? group : undefined;
}

/** Names the group's free extents in order; false when the tree is not as it has to be. */
async function addFree(
  reader: ByteReader,
  superblock: XfsSuperblock,
  group: Group,
  add: (block: number, count: number) => void,
): Promise<boolean> {
  let node: Node | undefined = await readNode(reader, superblock, group, group.root);
  for (let level = group.levels - 1; level > 0; level--) {
    if (node?.level !== level || node.count === 0) return false;
    node = await readNode(reader, superblock, group, firstBranch(node));
  }
  let end = 0;
  let free = 0;
  for (;;) {
    // Only a root may be empty: each leaf goes on behind the one before, so that there is no endless way.
    if (node?.level !== 0 || (node.count === 0 && group.levels > 1)) return false;
    for (let at = NODE_HEAD_BYTES; at < NODE_HEAD_BYTES + node.count * RECORD_BYTES; at += RECORD_BYTES) {
      const block = node.view.getUint32(at);
      const count = node.view.getUint32(at + 4);
      if (block < end || count === 0 || block + count > group.blockCount) return false;
      add(block, count);
      end = block + count;
      free += count;
    }
    if (node.right === NO_BLOCK) return free === group.freeBlocks;
    node = await readNode(reader, superblock, group, node.right);
  }
}

interface Node {
  readonly view: DataView;
  readonly level: number;
  readonly count: number;
  /** The next one of its level. */
  readonly right: number;
}

/** A node of the tree by block number; undefined when it is damaged. */
async function readNode(
  reader: ByteReader,
  { blockBytes, groupBlocks }: XfsSuperblock,
  group: Group,
  block: number,
): Promise<Node | undefined> {
  if (block >= group.blockCount) return undefined;
  const offset = (group.number * groupBlocks + block) * blockBytes;
  const bytes = await readBytes(reader, offset, blockBytes);
  const view = new DataView(bytes.buffer);
  const isNode =
    hasText(bytes, 0, "AB3B") &&
    hasChecksum(bytes, NODE_CHECKSUM_AT) &&
    view.getUint32(48) === group.number &&
    Number(view.getBigUint64(16)) === offset / 512;
  const level = view.getUint16(4);
  const count = view.getUint16(6);
  const entryBytes = level === 0 ? RECORD_BYTES : BRANCH_BYTES;
  if (!isNode || NODE_HEAD_BYTES + count * entryBytes > blockBytes) return undefined;
  return { view, level, count, right: view.getUint32(12) };
}

/** The block numbers stand behind the room for as many keys as a node can have. */
function firstBranch({ view }: Node): number {
  const most = Math.floor((view.byteLength - NODE_HEAD_BYTES) / BRANCH_BYTES);
  return view.getUint32(NODE_HEAD_BYTES + most * RECORD_BYTES);
}
