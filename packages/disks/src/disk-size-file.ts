import fs from "node:fs";

import { SECTOR_BYTES } from "./limits.ts";

/** Bytes of a file or a block device; undefined for anything else. */
export function sizeOfDisk(fd: number): number | undefined {
  const stat = fs.fstatSync(fd);
  if (stat.isFile()) return stat.size;
  return stat.isBlockDevice() ? sizeOfBlockDevice(stat.rdev) : undefined;
}

/** A block device has size 0 for stat(2); the kernel tells it by device number, in sectors (sysfs-block, `size`). */
function sizeOfBlockDevice(rdev: number): number {
  const device = BigInt(rdev);
  // The layout of dev_t in makedev(3).
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n);
  return Number(fs.readFileSync(`/sys/dev/block/${major}:${minor}/size`, "utf8")) * SECTOR_BYTES;
}
