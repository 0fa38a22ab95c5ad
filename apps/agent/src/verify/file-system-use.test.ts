import { expect, test } from "vitest";
import type { DiskBytes } from "../gpt/disk-bytes.ts";
import { useOf } from "./file-system-use.ts";

const PARTITION = { offset: 4096, length: 256 * 1024 };

/** A disk with one partition that begins like a file system. */
function diskWith(place: number, text: string | readonly number[]): DiskBytes {
  const bytes = new Uint8Array(PARTITION.offset + PARTITION.length);
  bytes.set(typeof text === "string" ? [...Buffer.from(text, "latin1")] : text, PARTITION.offset + place);
  return {
    sizeBytes: bytes.length,
    sectorBytes: 512,
    read: (offset, length) => bytes.slice(offset, offset + length),
    write: () => undefined,
    sync: () => undefined,
  };
}

test.each([
  ["ext", diskWith(1024 + 56, [0x53, 0xef]), 1024, "files"],
  ["Btrfs", diskWith(64 * 1024 + 64, "_BHRfS_M"), 64 * 1024, "closed"],
  ["XFS", diskWith(0, "XFSB"), 0, "closed"],
] as const)("%s was written to when its superblock is another", (_name, disk, superblock, use) => {
  const at = PARTITION.offset + superblock;
  expect(useOf(disk, PARTITION, [{ offset: at, length: 512 }])).toBe(use);
  expect(useOf(disk, PARTITION, [{ offset: at + 100_000, length: 4096 }])).toBe("untouched");
  expect(useOf(disk, PARTITION, [])).toBe("untouched");
});

test("FAT does not tell, and what is not known was not written to; swap is for writing", () => {
  const everything = [{ offset: 0, length: PARTITION.offset + PARTITION.length }];
  expect(useOf(diskWith(54, "FAT16   "), PARTITION, everything)).toBe("untouched");
  expect(useOf(diskWith(0, "something"), PARTITION, everything)).toBe("untouched");
  expect(useOf(diskWith(4086, "SWAPSPACE2"), PARTITION, [])).toBe("scratch");
});
