import type { Partition } from "@ingot/chunks";
import { type Programs, runOrThrow } from "../system/programs.ts";

const SECTOR_BYTES = 512;

/**
 * Lends a part of a disk, or of an image file, as a block device of its own. By a loop device: the kernel need not have
 * read the new partition table, and a file works as a disk does.
 */
export async function withPartitionDevice<T>(
  programs: Programs,
  diskPath: string,
  partition: Pick<Partition, "firstLba" | "sectorCount">,
  use: (device: string) => Promise<T>,
): Promise<T> {
  const offset = partition.firstLba * SECTOR_BYTES;
  const length = partition.sectorCount * SECTOR_BYTES;
  const output = await runOrThrow(programs, "losetup", [
    "--find",
    "--show",
    `--offset=${offset}`,
    `--sizelimit=${length}`,
    diskPath,
  ]);
  const device = output.trim();
  try {
    return await use(device);
  } finally {
    await runOrThrow(programs, "losetup", ["--detach", device]);
  }
}
