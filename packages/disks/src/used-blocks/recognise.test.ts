import { expect, test } from "vitest";

import { type FindingKind, recognise } from "./recognise.ts";
import { findUsedBlocks } from "./used-blocks.ts";

const SIZE = 4 * 2 ** 20;
/** A partition of type 83 from sector 2048 to the end of the disk. */
const PARTITION_AT = 2 ** 20;

function diskWith(
  at: number,
  bytes: readonly number[] | string,
): { sizeBytes: number; read: (o: number, b: Uint8Array) => Promise<void> } {
  const disk = new Uint8Array(SIZE);
  disk.set([0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0], 446);
  disk.set([0x55, 0xaa], 510);
  disk.set(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, at);
  return { sizeBytes: SIZE, read: async (offset, into) => into.set(disk.subarray(offset, offset + into.length)) };
}

const MD = [0xfc, 0x4e, 0x2b, 0xa9];

test.each<[FindingKind, string, number, readonly number[] | string]>([
  ["bitlocker", "in the boot sector", PARTITION_AT + 3, "-FVE-FS-"],
  [
    "bitlocker",
    "To Go, in what looks like a FAT",
    PARTITION_AT + 424,
    [0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 1],
  ],
  ["luks", "version 1 and 2", PARTITION_AT, "LUKS\xba\xbe"],
  ["lvm", "in the second sector", PARTITION_AT + 512, `LABELONE${"\0".repeat(16)}LVM2 001`],
  ["linuxRaid", "1.1, at the start", PARTITION_AT, MD],
  ["linuxRaid", "1.2, 4 KiB behind it", PARTITION_AT + 4096, MD],
  ["zfs", "uberblock", PARTITION_AT + 128 * 1024, [0x0c, 0xb1, 0xba, 0, 0, 0, 0, 0]],
])("%s in a partition: %s", async (kind, _where, at, bytes) => {
  const disk = diskWith(at, bytes);
  expect(await recognise(disk)).toEqual([{ kind, partition: 1, offset: PARTITION_AT }]);
  const { partitions } = await findUsedBlocks(disk);
  const reason = kind === "lvm" ? "lvm: its label or metadata is damaged" : `holds ${kind}`;
  expect(partitions).toMatchObject([{ number: 1, content: "raw", reason }]);
});

test.each<[FindingKind, number, readonly number[] | string]>([
  ["intelRaid", SIZE - 1024, "Intel Raid ISM Cfg Sig. "],
  ["ddfRaid", SIZE - 512, [0xde, 0x11, 0xde, 0x11]],
  ["windowsDynamic", 6 * 512, "PRIVHEAD"],
])("%s on the disk itself", async (kind, at, bytes) => {
  expect(await recognise(diskWith(at, bytes))).toContainEqual({ kind, partition: undefined, offset: 0 });
});

test("a RAID superblock at the end is the last partition's and the disk's", async () => {
  const findings = await recognise(diskWith(SIZE - 65_536, MD));
  expect(new Set(findings.map(({ kind }) => kind))).toEqual(new Set(["linuxRaid"]));
});

test("an empty disk carries nothing", async () => {
  expect(await recognise(diskWith(0, []))).toEqual([]);
  expect(await recognise({ sizeBytes: 512, read: async () => undefined })).toEqual([]);
});
