import type { ByteReader } from "./byte-reader.ts";
import { isHibernated, isUnnamedData } from "./ntfs-hibernation.ts";
import { NtfsAttributeType } from "./ntfs-record.ts";
import { NtfsVolume } from "./ntfs-volume.ts";
import { rawUsage, UsageBuilder, type Usage } from "./usage.ts";

const VOLUME_RECORD = 3;
const BITMAP_RECORD = 6;
const VOLUME_FLAGS_AT = 0xa;
const VOLUME_IS_DIRTY = 1;

/**
 * Which clusters of an NTFS are in use, by its `$Bitmap`; `undefined` when it is none. A volume that is marked dirty, or on which Windows
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
  const asleep = await isHibernated(volume);
  if (asleep === undefined) return { reason: "ntfs: its root directory cannot be read" };
  if (asleep) return { reason: "ntfs: Windows hibernates on it (shut down with: shutdown /s /t 0)" };
  const bitmap = (await volume.attributes(BITMAP_RECORD))?.find(isUnnamedData);
  const bits = bitmap && (await volume.readPart(bitmap, 0, Math.ceil(volume.clusterCount / 8)));
  if (bits === undefined) return { reason: "ntfs: $Bitmap is damaged" };
  const builder = new UsageBuilder();
  builder.addBitmap(bits, volume.clusterCount, volume.clusterBytes);
  return { content: "ntfs", ranges: builder.finish(reader.sizeBytes) };
}
