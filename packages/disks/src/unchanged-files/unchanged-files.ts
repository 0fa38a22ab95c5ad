import type { DiskRange } from "../deploy-target.ts";
import type { ByteReader } from "../used-blocks/byte-reader.ts";
import { type BlockRun, ExtInodes, type Inode } from "./ext-inodes.ts";

/** A part of the asked ranges that belongs to a file which nobody has changed. */
export interface UnchangedPart extends DiskRange {
  /** Number of the file's inode. */
  readonly inode: number;
}

/**
 * What of `ranges` belongs to files that nobody has changed between two states of an ext2, ext3 or ext4: whose inodes have the same size, the same
 * times of the last change of content and of inode, and the same blocks. Where such a part differs between the two, the disk has damaged it: every
 * write to a file sets its times. A reason where the file system cannot be trusted in either state. Ranges ascend and do not overlap.
 */
export async function unchangedParts(
  before: ByteReader,
  now: ByteReader,
  ranges: readonly DiskRange[],
): Promise<readonly UnchangedPart[] | { readonly reason: string }> {
  try {
    const old = await ExtInodes.open(before);
    const current = await ExtInodes.open(now);
    if (old === undefined || current === undefined) return { reason: "there is no ext file system" };
    if ("reason" in old) return old;
    if ("reason" in current) return current;
    const parts: UnchangedPart[] = [];
    for await (const inode of old.inUse()) {
      const runs = await old.blocksOf(inode);
      const own = runs.flatMap((run) => overlapsOf(run, old.blockBytes, ranges));
      if (own.length === 0 || !(await isSame(inode, runs, current))) continue;
      parts.push(...own.map((range) => ({ ...range, inode: inode.number })));
    }
    return parts.sort((a, b) => a.offset - b.offset);
  } catch (error) {
    if (error instanceof RangeError) return { reason: `ext: ${error.message}` };
    throw error;
  }
}

/** Mode, size, times of content and inode, flags, block map, generation, size's and times' upper parts: [offset, length]. */
const IDENTITY: readonly (readonly [number, number])[] = [
  [0x00, 2],
  [0x04, 4],
  [0x0c, 8],
  [0x20, 4],
  [0x28, 60],
  [0x64, 4],
  [0x6c, 4],
  [0x84, 8],
];

async function isSame(inode: Inode, runs: readonly BlockRun[], current: ExtInodes): Promise<boolean> {
  const now = await current.read(inode.number);
  if (now === undefined || now.bytes.length !== inode.bytes.length) return false;
  for (const [at, length] of IDENTITY) {
    if (Buffer.compare(inode.bytes.subarray(at, at + length), now.bytes.subarray(at, at + length)) !== 0) return false;
  }
  // Defragmenting moves a file's blocks and leaves its times alone.
  try {
    const runsNow = await current.blocksOf(now);
    return (
      runsNow.length === runs.length &&
      runs.every(({ block, count }, at) => runsNow[at]?.block === block && runsNow[at].count === count)
    );
  } catch (error) {
    // The blocks that say where the content is are what is damaged.
    if (error instanceof RangeError) return true;
    throw error;
  }
}

function overlapsOf({ block, count }: BlockRun, blockBytes: number, ranges: readonly DiskRange[]): DiskRange[] {
  const start = block * blockBytes;
  const end = start + count * blockBytes;
  const overlaps: DiskRange[] = [];
  for (let at = firstEndingAfter(ranges, start); at < ranges.length; at++) {
    const range = ranges[at];
    if (range === undefined || range.offset >= end) break;
    const offset = Math.max(range.offset, start);
    overlaps.push({ offset, length: Math.min(range.offset + range.length, end) - offset });
  }
  return overlaps;
}

/** Place of the first range that ends behind `offset`. */
function firstEndingAfter(ranges: readonly DiskRange[], offset: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle];
    if (range !== undefined && range.offset + range.length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}
