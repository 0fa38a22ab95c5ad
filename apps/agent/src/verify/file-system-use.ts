import type { DiskRange } from "@ingot/disks";
import { type FileSystemKind, PROBE_BYTES, probeFileSystem } from "../after-fill/file-system.ts";
import type { DiskBytes } from "../gpt/disk-bytes.ts";

/**
 * What has become of a partition since its image was made. `untouched`: nobody can have changed it on purpose; `files`: its system has written to it,
 * and each file tells whether it was changed; `closed`: its system has written to it, and what it wrote cannot be told; `scratch`: nobody keeps anything there.
 */
export type FileSystemUse = "untouched" | "files" | "closed" | "scratch";

/** Records of the MFT that describe the volume itself; the root folder's and the volume's change with every mount. */
const MFT_ANCHOR_BYTES = 16 * 1024;
const SECTOR_BYTES = 512;

/**
 * Judges by the places that each file system writes to when it is mounted for writing, grown or repaired: where these are as they were, so is
 * all that the system wrote. `wrong`: where the disk is not as the image.
 */
export function useOf(disk: DiskBytes, partition: DiskRange, wrong: readonly DiskRange[]): FileSystemUse {
  const length = Math.min(PROBE_BYTES, partition.length, disk.sizeBytes - partition.offset);
  const head = disk.read(partition.offset, length);
  const kind = probeFileSystem(head);
  if (kind === "swap") return "scratch";
  const isUsed = anchorsOf(kind, head).some(({ offset, length: anchorBytes }) =>
    wrong.some((range) => {
      const start = partition.offset + offset;
      return range.offset < start + anchorBytes && start < range.offset + range.length;
    }),
  );
  if (!isUsed) return "untouched";
  return kind === "ext" ? "files" : "closed";
}

/** From the partition's start. FAT has no such place: what changes there is counted as damage. */
function anchorsOf(kind: FileSystemKind, head: Uint8Array): readonly DiskRange[] {
  switch (kind) {
    case "ext":
      return [{ offset: 1024, length: 1024 }];
    case "btrfs":
      return [{ offset: 64 * 1024, length: 4096 }];
    case "xfs":
      return [{ offset: 0, length: SECTOR_BYTES }];
    case "ntfs":
      return [
        { offset: 0, length: SECTOR_BYTES },
        { offset: mftOffset(head), length: MFT_ANCHOR_BYTES },
      ];
    case "fat":
    case "swap":
    case "unknown":
      return [];
  }
}

/** Bytes a sector, sectors a cluster (above 128: a power of two), first cluster of the MFT: NTFS' boot sector at 11, 13, 48. */
function mftOffset(head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const perCluster = view.getUint8(13);
  const sectors = perCluster > 0x80 ? 2 ** (0x100 - perCluster) : perCluster;
  return view.getUint16(11, true) * sectors * Number(view.getBigUint64(48, true));
}
