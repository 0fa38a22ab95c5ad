import type { ByteReader } from "./byte-reader.ts";
import { MAP_PIECE_BYTES, MAX_NTFS_BITMAP_BYTES } from "./limits.ts";
import { readPagingFiles } from "./ntfs-paging.ts";
import { NtfsAttributeType } from "./ntfs-record.ts";
import { isUnnamedData } from "./ntfs-root-files.ts";
import { NtfsVolume } from "./ntfs-volume.ts";
import { rawUsage, UsageBuilder, type Usage, withFree } from "./usage.ts";

const VOLUME_RECORD = 3;
const BITMAP_RECORD = 6;
const VOLUME_FLAGS_AT = 0xa;
const VOLUME_IS_DIRTY = 1;

/**
 * Which clusters of an NTFS are in use, by its `$Bitmap`, without the content of page files; `undefined` when it is none. A volume that is marked dirty, or on which Windows
 * hibernates, is raw with a reason. (NTFS documentation of the linux-ntfs project.)
 */
export async function ntfsUsage(reader: ByteReader): Promise<Usage | undefined> {
  const volume = await NtfsVolume.open(reader);
  if (volume === undefined) return undefined;
  const usage = "reason" in volume ? volume : await usageOf(reader, volume);
  return "reason" in usage ? rawUsage(reader.sizeBytes, usage.reason) : usage;
}

async function usageOf(reader: ByteReader, volume: NtfsVolume): Promise<Usage | { reason: string }> {
  const information = (await volume.attributes(VOLUME_RECORD))?.find(
    ({ type }) => type === NtfsAttributeType.volumeInformation,
  )?.resident;
  if (information === undefined || information.length < VOLUME_FLAGS_AT + 2)
    return { reason: "ntfs: $Volume is damaged" };
  if (((information[VOLUME_FLAGS_AT] ?? 0) & VOLUME_IS_DIRTY) !== 0) {
    return { reason: "ntfs: is marked dirty (run chkdsk, then shut Windows down)" };
  }
  const paging = await readPagingFiles(volume);
  if (paging === undefined) return { reason: "ntfs: its root directory cannot be read" };
  if (paging.isHibernated) return { reason: "ntfs: Windows hibernates on it (shut down with: shutdown /s /t 0)" };
  const bitmap = (await volume.attributes(BITMAP_RECORD))?.find(isUnnamedData);
  const bitmapBytes = Math.ceil(volume.clusterCount / 8);
  const builder = new UsageBuilder();
  if (bitmap === undefined || bitmapBytes > MAX_NTFS_BITMAP_BYTES) return { reason: "ntfs: $Bitmap is damaged" };
  for (let at = 0; at < bitmapBytes; at += MAP_PIECE_BYTES) {
    const length = Math.min(MAP_PIECE_BYTES, bitmapBytes - at);
    const bits = await volume.readPart(bitmap, at, length);
    if (bits === undefined) return { reason: "ntfs: $Bitmap is damaged" };
    builder.addBitmap(bits, Math.min(length * 8, volume.clusterCount - at * 8), volume.clusterBytes);
  }
  return { content: "ntfs", ranges: withFree(builder.finish(reader.sizeBytes), paging.free) };
}
