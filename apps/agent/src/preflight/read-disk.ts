import { closeSync, openSync, readSync } from "node:fs";
import type { PartitionFacts } from "@ingot/chunks";
import type { Disk } from "../inventory/disk.ts";
import { findLeftovers, type Leftover } from "./leftovers.ts";

/** Bytes at the start of a disk that hold its partition table. */
const TABLE_BYTES = 2 ** 20;

/** What stands on a disk now. */
export interface DiskContent {
  readonly partitions: PartitionFacts | undefined;
  readonly leftovers: readonly Leftover[];
}

/** Reads a disk's table and the signatures on it; writes nothing. Errors of the system pass through. */
export async function readDiskContent(disk: Pick<Disk, "path" | "sizeBytes">): Promise<DiskContent> {
  const { parsePartitionTable } = await import("@ingot/chunks");
  const fd = openSync(disk.path, "r");
  try {
    const read = (offset: number, length: number): Uint8Array => readRange(fd, offset, length);
    const partitions = parsePartitionTable(read(0, Math.min(TABLE_BYTES, disk.sizeBytes)));
    return { partitions, leftovers: findLeftovers(read, disk.sizeBytes, partitions?.partitions ?? []) };
  } finally {
    closeSync(fd);
  }
}

function readRange(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  while (at < length) {
    const read = readSync(fd, bytes, at, length - at, offset + at);
    if (read === 0) break;
    at += read;
  }
  return bytes;
}
