import { type ByteReader, hasText, readBytes } from "./byte-reader.ts";
import { MAX_EXFAT_BITMAP_CLUSTERS, MAX_EXFAT_ROOT_CLUSTERS } from "./limits.ts";
import { isSet, rawUsage, UsageBuilder, type Usage } from "./usage.ts";

/** Sectors of the boot region before the one with its checksum. */
const CHECKED_SECTORS = 11;
/** Volume flags and the percentage in use: they change while a volume is mounted, and are left out of the checksum. */
const UNCHECKED = [106, 107, 112];
const FIRST_CLUSTER = 2;
const END_OF_CHAIN = 0xffff_ffff;
const ENTRY_BYTES = 32;
const BITMAP_ENTRY = 0x81;
const FLAG_SECOND_TABLE = 1;
const FLAG_DIRTY = 2;
const FLAG_MEDIA_FAILURE = 4;

interface Volume {
  readonly clusterBytes: number;
  readonly clusterCount: number;
  readonly heapOffset: number;
  readonly tableOffset: number;
  readonly rootCluster: number;
  /** Which table and bitmap count: with one table always the first. */
  readonly isSecondActive: boolean;
}

/**
 * Which clusters of an exFAT are in use, by its allocation bitmap; `undefined` when it is none. One that is marked dirty, or damaged, is raw
 * with a reason. (Microsoft, exFAT file system specification, revision 1.00: §3.1 boot sector, §4.1 FAT, §7.1 allocation bitmap.)
 */
export async function exfatUsage(reader: ByteReader): Promise<Usage | undefined> {
  const volume = await readVolume(reader);
  if (volume === undefined) return undefined;
  const usage = "reason" in volume ? volume : await usageOf(reader, volume);
  return "reason" in usage ? rawUsage(reader.sizeBytes, usage.reason) : usage;
}

async function readVolume(reader: ByteReader): Promise<Volume | { reason: string } | undefined> {
  if (reader.sizeBytes < 512) return undefined;
  const boot = await readBytes(reader, 0, 512);
  if (!hasText(boot, 3, "EXFAT   ")) return undefined;
  const view = new DataView(boot.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const sectorShift = boot[108] ?? 0;
  const clusterShift = sectorShift + (boot[109] ?? 0);
  if (sectorShift < 9 || sectorShift > 12 || clusterShift > 25)
    return { reason: "exfat: its boot sector makes no sense" };
  const sectorBytes = 2 ** sectorShift;
  const region = await readBytes(reader, 0, (CHECKED_SECTORS + 1) * sectorBytes);
  const stored = new DataView(region.buffer).getUint32(CHECKED_SECTORS * sectorBytes, true);
  if (checksumOf(region.subarray(0, CHECKED_SECTORS * sectorBytes)) !== stored) {
    return { reason: "exfat: the checksum of its boot sectors is wrong" };
  }
  const flags = view.getUint16(106, true);
  if ((flags & FLAG_DIRTY) !== 0) return { reason: "exfat: was not unmounted cleanly (run fsck.exfat or chkdsk)" };
  if ((flags & FLAG_MEDIA_FAILURE) !== 0) return { reason: "exfat: errors of the disk were seen in it (run chkdsk)" };
  const isSecondActive = (flags & FLAG_SECOND_TABLE) !== 0;
  const tableBytes = u32(84) * sectorBytes;
  const clusterBytes = 2 ** clusterShift;
  const volume: Volume = {
    clusterBytes,
    clusterCount: u32(92),
    heapOffset: u32(88) * sectorBytes,
    tableOffset: u32(80) * sectorBytes + (isSecondActive ? tableBytes : 0),
    rootCluster: u32(96),
    isSecondActive,
  };
  const tableCount = boot[110] ?? 0;
  const isFitting =
    (tableCount === 2 || (tableCount === 1 && !isSecondActive)) &&
    volume.clusterCount > 0 &&
    volume.clusterCount <= END_OF_CHAIN - 10 &&
    tableBytes >= (volume.clusterCount + FIRST_CLUSTER) * 4 &&
    volume.tableOffset + tableBytes <= volume.heapOffset &&
    volume.heapOffset + volume.clusterCount * clusterBytes <= reader.sizeBytes;
  return isFitting ? volume : { reason: "exfat: its boot sector does not fit the partition" };
}

/** Figure 1 of the specification's §3.4. */
function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const [at, byte] of bytes.entries()) {
    if (!UNCHECKED.includes(at)) sum = (((sum << 31) | (sum >>> 1)) + byte) >>> 0;
  }
  return sum;
}

async function usageOf(reader: ByteReader, volume: Volume): Promise<Usage | { reason: string }> {
  const damaged = { reason: "exfat: its allocation bitmap is damaged" };
  const bitmap = await findBitmap(reader, volume);
  const bitmapBytes = Math.ceil(volume.clusterCount / 8);
  if (bitmap === undefined || bitmap.sizeBytes !== bitmapBytes) return damaged;
  const builder = new UsageBuilder();
  builder.add("data", volume.heapOffset);
  // The clusters of what was read to get here; a map on which they are free is wrong.
  const known = [volume.rootCluster, bitmap.firstCluster];
  let done = 0;
  for await (const cluster of chainOf(reader, volume, bitmap.firstCluster, MAX_EXFAT_BITMAP_CLUSTERS)) {
    if (cluster === undefined) return damaged;
    const bits = await readCluster(reader, volume, cluster);
    const count = Math.min(volume.clusterCount - done, bits.length * 8);
    const isWrong = known.some((at) => {
      const bit = at - FIRST_CLUSTER - done;
      return bit >= 0 && bit < count && !isSet(bits, bit);
    });
    if (isWrong) return damaged;
    builder.addBitmap(bits, count, volume.clusterBytes);
    done += count;
    if (done === volume.clusterCount) return { content: "exfat", ranges: builder.finish(reader.sizeBytes) };
  }
  return damaged;
}

/** The root directory's entry for the bitmap that counts. */
async function findBitmap(
  reader: ByteReader,
  volume: Volume,
): Promise<{ firstCluster: number; sizeBytes: number } | undefined> {
  for await (const cluster of chainOf(reader, volume, volume.rootCluster, MAX_EXFAT_ROOT_CLUSTERS)) {
    if (cluster === undefined) return undefined;
    const entries = await readCluster(reader, volume, cluster);
    const view = new DataView(entries.buffer);
    for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
      if (entries[at] === 0) return undefined;
      if (entries[at] !== BITMAP_ENTRY || ((entries[at + 1] ?? 0) & 1) !== Number(volume.isSecondActive)) continue;
      return { firstCluster: view.getUint32(at + 20, true), sizeBytes: Number(view.getBigUint64(at + 24, true)) };
    }
  }
  return undefined;
}

/** The clusters of a chain; `undefined` as the last one when the chain is damaged, or longer than `maxClusters`. */
async function* chainOf(
  reader: ByteReader,
  volume: Volume,
  first: number,
  maxClusters: number,
): AsyncGenerator<number | undefined, void, undefined> {
  let cluster = first;
  for (let count = 0; cluster !== END_OF_CHAIN; count++) {
    const isThere = cluster >= FIRST_CLUSTER && cluster < FIRST_CLUSTER + volume.clusterCount;
    if (!isThere || count >= maxClusters) {
      yield undefined;
      return;
    }
    yield cluster;
    cluster = new DataView((await readBytes(reader, volume.tableOffset + cluster * 4, 4)).buffer).getUint32(0, true);
  }
}

async function readCluster(reader: ByteReader, volume: Volume, cluster: number): Promise<Uint8Array<ArrayBuffer>> {
  return readBytes(reader, volume.heapOffset + (cluster - FIRST_CLUSTER) * volume.clusterBytes, volume.clusterBytes);
}
