import { BLOCK_BYTES } from "./block-trace.ts";

/** Bytes at the beginning of each sector by which it is known. */
export const STAMP_BYTES = 8;

/** Which content a sector has: that of the image, or what a machine wrote over it. */
type SectorContent = "image" | "written";

const WRITTEN_BIT = 1n << 63n;

/** What a sector of a replayed disk begins with. */
export function stampOf(lba: number, content: SectorContent): Buffer {
  const stamp = Buffer.alloc(STAMP_BYTES);
  stamp.writeBigUInt64BE((BigInt(lba) + 1n) | (content === "written" ? WRITTEN_BIT : 0n));
  return stamp;
}

/**
 * Content for `blocks` sectors from `lba` on: a stamp, then bytes that compress to about a half, as those of systems do.
 */
export function stampedSectors(lba: number, blocks: number, content: SectorContent): Buffer {
  const bytes = Buffer.alloc(blocks * BLOCK_BYTES);
  let random = (lba * 2_654_435_761) >>> 0;
  for (let sector = 0; sector < blocks; sector++) {
    const at = sector * BLOCK_BYTES;
    bytes.set(stampOf(lba + sector, content), at);
    for (let i = at + STAMP_BYTES; i < at + BLOCK_BYTES / 2; i += 4) {
      // xorshift32: the same image every time.
      random ^= random << 13;
      random ^= random >>> 17;
      random ^= random << 5;
      bytes.writeInt32LE(random | 0, i);
    }
  }
  return bytes;
}
