import { type ByteRange, hasText } from "./byte-reader.ts";
import type { NtfsAttribute } from "./ntfs-record.ts";
import { findRootFiles } from "./ntfs-root-files.ts";
import type { NtfsVolume } from "./ntfs-volume.ts";

const HIBERNATION_FILE = "hiberfil.sys";
const PAGE_FILES = ["pagefile.sys", "swapfile.sys"];
const HEAD_BYTES = 4096;
/** Beginning of a page file that is kept: where Windows looks for the dump of a crash, it MUST not find one of the disk's former system. */
const KEPT_BYTES = 65_536;

/** What is known of the files in which Windows keeps memory. */
export interface PagingFiles {
  /** Windows is asleep (hibernation, or a "fast startup" shutdown): what is on the disk is not what Windows will take it to be. */
  readonly isHibernated: boolean;
  /** Content that Windows writes before it reads it. Bytes from the start of the volume. */
  readonly free: readonly ByteRange[];
}

/**
 * Looks at the page files and the hibernation file. A page file with the dump of a crash is needed whole, and so is a hibernation
 * file that begins with anything but zeros: Windows from version 8 on clears it when it has waked up, older ones may ask whether to try
 * again. Undefined when it cannot be found out whether Windows is asleep.
 */
export async function readPagingFiles(volume: NtfsVolume): Promise<PagingFiles | undefined> {
  const files = await findRootFiles(volume, [HIBERNATION_FILE, ...PAGE_FILES]);
  if (files === undefined) return undefined;
  const free: ByteRange[] = [];
  if (files.has(HIBERNATION_FILE)) {
    const data = files.get(HIBERNATION_FILE);
    const head = data && (await headOf(volume, data));
    if (data === undefined || head === undefined) return undefined;
    if (hasText(head, 0, "hibr") || hasText(head, 0, "HIBR")) return { isHibernated: true, free: [] };
    if (head.every((byte) => byte === 0)) free.push(...freeOf(volume, data));
  }
  for (const name of PAGE_FILES) {
    const data = files.get(name);
    const head = data && (await headOf(volume, data));
    if (data === undefined || head === undefined) continue;
    if (!hasText(head, 0, "PAGEDU64") && !hasText(head, 0, "PAGEDUMP")) free.push(...freeOf(volume, data));
  }
  return { isHibernated: false, free };
}

function headOf(volume: NtfsVolume, data: NtfsAttribute): Promise<Uint8Array | undefined> {
  return volume.readPart(data, 0, Math.min(HEAD_BYTES, data.sizeBytes));
}

/** What a file has on the disk behind its beginning; nothing when it is compressed, sparse or encrypted, or leads outside of the volume. */
function freeOf(volume: NtfsVolume, { flags, runs }: NtfsAttribute): ByteRange[] {
  if (flags !== 0) return [];
  const free: ByteRange[] = [];
  let at = 0;
  for (const { cluster, count } of runs) {
    if (cluster === undefined || cluster + count > volume.clusterCount) return [];
    const length = count * volume.clusterBytes;
    const kept = Math.min(length, Math.max(0, KEPT_BYTES - at));
    free.push({ offset: cluster * volume.clusterBytes + kept, length: length - kept });
    at += length;
  }
  return free;
}
