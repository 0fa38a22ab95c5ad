import { type ByteReader, readBytes } from "./byte-reader.ts";
import { type FatVolume, NOT_CLEAN, readFatVolume } from "./fat-boot.ts";
import { MAP_PIECE_BYTES } from "./limits.ts";
import { rawUsage, UsageBuilder, type Usage } from "./usage.ts";

/** The first cluster that there is; the two entries before it hold other things. */
const FIRST_CLUSTER = 2;
/** Whole entries of each width, also three bytes for two entries of FAT12. */
const PIECE_BYTES = Math.floor(MAP_PIECE_BYTES / 12) * 12;

/**
 * Which clusters of a FAT12, FAT16 or FAT32 are in use, by its file allocation table; `undefined` when it is none. One that was not
 * unmounted cleanly, or whose tables differ, is raw with a reason. (Microsoft, FAT: General Overview of On-Disk Format, version 1.03.)
 */
export async function fatUsage(reader: ByteReader): Promise<Usage | undefined> {
  const volume = await readFatVolume(reader);
  if (volume === undefined) return undefined;
  const usage = "reason" in volume ? volume : await usageOf(reader, volume);
  return "reason" in usage ? rawUsage(reader.sizeBytes, usage.reason) : usage;
}

async function usageOf(reader: ByteReader, volume: FatVolume): Promise<Usage | { reason: string }> {
  const { entryBits, clusterBytes, clusterCount, rootCluster } = volume;
  const builder = new UsageBuilder();
  builder.add("data", volume.dataOffset);
  const endCluster = FIRST_CLUSTER + clusterCount;
  const usedBytes = Math.ceil((endCluster * entryBits) / 8);
  let isRootUsed = rootCluster === undefined;
  for (let at = 0; at < usedBytes; at += PIECE_BYTES) {
    const table = await readTables(reader, volume, at, Math.min(PIECE_BYTES, usedBytes - at));
    if (table === undefined) return { reason: "fat: its tables differ (run fsck.fat or chkdsk)" };
    const problem = at === 0 ? problemOfHead(table, volume) : undefined;
    if (problem !== undefined) return { reason: problem };
    const first = (at * 8) / entryBits;
    const end = Math.min(endCluster, first + (PIECE_BYTES * 8) / entryBits);
    for (let cluster = Math.max(first, FIRST_CLUSTER); cluster < end; cluster++) {
      const entry = entryOf(table, cluster - first, entryBits);
      builder.add(entry === 0 ? "dontCare" : "data", clusterBytes);
      if (cluster === rootCluster) isRootUsed = entry !== 0;
    }
  }
  if (!isRootUsed) return { reason: "fat: its root directory is marked free (run fsck.fat or chkdsk)" };
  return { content: "fat", ranges: builder.finish(reader.sizeBytes) };
}

/** A part of the table; undefined when its copies differ. */
async function readTables(
  reader: ByteReader,
  { tableOffsets }: FatVolume,
  offset: number,
  length: number,
): Promise<Uint8Array | undefined> {
  const [first, ...others] = tableOffsets;
  const bytes = await readBytes(reader, (first ?? 0) + offset, length);
  for (const other of others) {
    const copy = await readBytes(reader, other + offset, length);
    if (Buffer.compare(bytes, copy) !== 0) return undefined;
  }
  return bytes;
}

/** The first entry repeats the media byte; the second has a bit that Windows clears while a volume is in use, and one for errors of the disk. */
function problemOfHead(table: Uint8Array, { entryBits, media }: FatVolume): string | undefined {
  if ((entryOf(table, 0, entryBits) & 0xff) !== media) return "fat: its table does not begin as its boot sector says";
  if (entryBits === 12) return undefined;
  const second = entryOf(table, 1, entryBits);
  const [clean, noErrors] = entryBits === 16 ? [0x8000, 0x4000] : [0x0800_0000, 0x0400_0000];
  if ((second & clean) === 0) return NOT_CLEAN;
  return (second & noErrors) === 0 ? "fat: errors of the disk were seen in it (run chkdsk)" : undefined;
}

/** The upper 4 bits of FAT32's entries are reserved. */
function entryOf(table: Uint8Array, index: number, entryBits: FatVolume["entryBits"]): number {
  const byte = (at: number): number => table[at] ?? 0;
  if (entryBits === 12) {
    const at = index + (index >> 1);
    const both = byte(at) | (byte(at + 1) << 8);
    return (index & 1) === 0 ? both & 0xfff : both >> 4;
  }
  const at = (index * entryBits) / 8;
  const low = byte(at) | (byte(at + 1) << 8);
  return entryBits === 16 ? low : low | (byte(at + 2) << 16) | ((byte(at + 3) & 0xf) << 24);
}
