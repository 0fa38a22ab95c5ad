import fs from "node:fs";
import path from "node:path";

import { describe, expect, test } from "vitest";

import {
  captureTo,
  damageAtRandom,
  freeBytesOf,
  hasPrograms,
  makeFiles,
  makeRoom,
  makeSparse,
  MIB,
  rawBecause,
  run,
  usedOf,
  usedOfBytes,
} from "./used-blocks-room.ts";

const hasFat = hasPrograms("mkfs.fat", "fsck.fat", "mcopy", "mdir", "mdel", "mmd");
const hasExfat = hasPrograms("mkfs.exfat", "fsck.exfat", "dump.exfat");

/** Bytes in the free clusters, as `fsck.fat -n -v` counts them. */
function freeByFsck(at: string): number {
  const text = run("fsck.fat", "-n", "-v", at);
  const clusterBytes = Number(/(\d+) bytes per cluster/u.exec(text)?.[1]);
  const [, used, total] = /(\d+)\/(\d+) clusters/u.exec(text) ?? [];
  return (Number(total) - Number(used)) * clusterBytes;
}

/** Changes bytes of a file. */
function poke(at: string, offset: number, ...bytes: number[]): void {
  const fd = fs.openSync(at, "r+");
  fs.writeSync(fd, Buffer.from(bytes), 0, bytes.length, offset);
  fs.closeSync(fd);
}

describe.skipIf(!hasFat)("FAT", () => {
  test.each<[string, number, string[]]>([
    ["FAT12", 4 * MIB, ["-F", "12"]],
    ["FAT12 of one cluster less than FAT16", 4084 * 512 + 40 * 512, ["-F", "12", "-s", "1"]],
    ["FAT16", 64 * MIB, ["-F", "16"]],
    ["FAT16 with one table", 64 * MIB, ["-F", "16", "-f", "1"]],
    ["FAT32", 300 * MIB, ["-F", "32"]],
    ["FAT32 with clusters of 512 bytes", 100 * MIB, ["-F", "32", "-s", "1"]],
    ["FAT32 with sectors of 4 KiB", 400 * MIB, ["-F", "32", "-S", "4096"]],
    [
      "FAT32 with so few clusters that they would be FAT16's: an EFI system partition",
      33 * MIB,
      ["-F", "32", "-s", "1"],
    ],
  ])("%s: as many free clusters as fsck.fat counts, and a volume that is whole", async (_name, sizeBytes, options) => {
    const room = makeRoom();
    const file = path.join(room, "image");
    makeSparse(file, sizeBytes);
    run("mkfs.fat", ...options, file);
    const files = makeFiles(room, 1, 15);
    run("mmd", "-i", file, "::/EFI");
    run("mcopy", "-i", file, ...Array.from({ length: 15 }, (_, i) => `${files}/f${i}`), "::/EFI/");
    run("mdel", "-i", file, "::/EFI/f0", "::/EFI/f3", "::/EFI/f9");
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject([{ content: "fat", reason: undefined }]);
    expect(freeBytesOf(used)).toBe(freeByFsck(file));
    const copy = path.join(room, "copy");
    await captureTo(file, copy);
    run("fsck.fat", "-n", copy);
    expect(run("mdir", "-/", "-i", copy, "::/")).toBe(run("mdir", "-/", "-i", file, "::/"));
    for (const i of [1, 7, 14]) {
      run("mcopy", "-n", "-i", copy, `::/EFI/f${i}`, `${room}/out`);
      expect(fs.readFileSync(`${room}/out`).equals(fs.readFileSync(`${files}/f${i}`))).toBe(true);
      fs.rmSync(`${room}/out`);
    }
  });

  test("a cluster that is marked bad is not free", async () => {
    const file = path.join(makeRoom(), "image");
    makeSparse(file, 64 * MIB);
    run("mkfs.fat", "-F", "16", file);
    const before = freeBytesOf(await usedOf(file));
    const boot = fs.readFileSync(file).subarray(0, 512);
    const table = boot.readUInt16LE(14) * 512;
    for (const at of [table, table + boot.readUInt16LE(22) * 512]) poke(file, at + 100 * 2, 0xf7, 0xff);
    expect(before - freeBytesOf(await usedOf(file))).toBe((boot[13] ?? 0) * 512);
  });

  test.each<[string, number, (file: string, boot: Buffer) => void, RegExp]>([
    ["that Linux has mounted", 32, (file) => poke(file, 0x41, 1), /cleanly/u],
    ["that Linux has mounted", 16, (file) => poke(file, 0x25, 1), /cleanly/u],
    [
      "that Windows has mounted",
      16,
      (file, boot) => poke(file, boot.readUInt16LE(14) * 512 + 3, 0x7f),
      /differ|cleanly/u,
    ],
    [
      "with one table that Windows has mounted",
      32,
      (file, boot) => {
        // Mirroring off, the second table is active.
        poke(file, 0x28, 0x81);
        poke(file, (boot.readUInt16LE(14) + boot.readUInt32LE(36)) * 512 + 7, 0x07);
      },
      /cleanly/u,
    ],
    [
      "with errors of the disk",
      32,
      (file, boot) => {
        for (const table of [0, 1]) poke(file, (boot.readUInt16LE(14) + table * boot.readUInt32LE(36)) * 512 + 7, 0x0b);
      },
      /errors/u,
    ],
    ["whose tables differ", 32, (file, boot) => poke(file, boot.readUInt16LE(14) * 512 + 4000, 3), /differ/u],
    [
      "whose root directory is free",
      32,
      (file, boot) => {
        for (const table of [0, 1]) {
          poke(file, (boot.readUInt16LE(14) + table * boot.readUInt32LE(36)) * 512 + 8, 0, 0, 0, 0);
        }
      },
      /root directory/u,
    ],
    ["that is larger than its partition", 32, (file) => poke(file, 32, 0xff, 0xff, 0xff, 0x0f), /does not fit/u],
    ["whose table is too short for its clusters", 32, (file) => poke(file, 36, 9, 0), /does not fit/u],
    ["of another version", 32, (file) => poke(file, 42, 1), /version/u],
    ["whose active table is not there", 32, (file) => poke(file, 0x28, 0x87), /not there/u],
  ])("one %s (FAT%i) is taken as it is", async (_name, bits, spoil, reason) => {
    const file = path.join(makeRoom(), "image");
    makeSparse(file, 36 * MIB);
    run("mkfs.fat", "-F", String(bits), "-s", bits === 32 ? "1" : "2", file);
    spoil(file, fs.readFileSync(file).subarray(0, 512));
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject(rawBecause(reason));
    expect(freeBytesOf(used)).toBe(0);
  });

  test("bytes changed at random", async () => {
    for (const [bits, sizeBytes] of [
      [12, 2 * MIB],
      [16, 4 * MIB],
      [32, 4 * MIB],
    ] as const) {
      const file = path.join(makeRoom(), "image");
      makeSparse(file, sizeBytes);
      run("mkfs.fat", "-F", String(bits), "-s", "1", file);
      const places = [
        { offset: 0, length: 90 },
        { offset: 512, length: 512 },
        { offset: 32 * 512, length: 512 },
      ];
      await damageAtRandom(fs.readFileSync(file), places, 40);
    }
  });
});

describe.skipIf(!hasExfat)("exFAT", () => {
  function makeExfat(sizeBytes: number, ...options: string[]): string {
    const file = path.join(makeRoom(), "image");
    makeSparse(file, sizeBytes);
    run("mkfs.exfat", ...options, file);
    return file;
  }

  test.each<[string, number, string[]]>([
    ["clusters of 4 KiB", 100 * MIB, ["-c", "4K"]],
    ["clusters of 512 bytes, a bitmap of many clusters", 64 * MIB, ["-c", "512"]],
    ["clusters of 128 KiB", 300 * MIB, ["-c", "128K"]],
    ["the bitmap beside the table", 300 * MIB, ["--pack-bitmap"]],
  ])(
    "%s: as many free clusters as dump.exfat counts, and a volume that is whole",
    async (_name, sizeBytes, options) => {
      const file = makeExfat(sizeBytes, ...options);
      const used = await usedOf(file);
      expect(used.partitions).toMatchObject([{ content: "exfat", reason: undefined }]);
      const dump = run("dump.exfat", file);
      const free = Number(/Free Clusters: +\t* *(\d+)/iu.exec(dump)?.[1]);
      const clusterBytes = Number(/Cluster size.*?(\d+)/iu.exec(dump)?.[1]);
      expect(freeBytesOf(used)).toBe(free * clusterBytes);
      const copy = path.join(path.dirname(file), "copy");
      await captureTo(file, copy);
      run("fsck.exfat", "-n", copy);
    },
  );

  test("clusters of files are found by the bitmap, wherever they are", async () => {
    const file = makeExfat(64 * MIB, "-c", "4096");
    const before = await usedOf(file);
    const firstFree = before.ranges.find(({ kind }) => kind === "dontCare")?.offset ?? 0;
    const boot = fs.readFileSync(file).subarray(0, 512);
    // The bitmap is the heap's first cluster.
    const heap = boot.readUInt32LE(88) * 512;
    poke(file, heap + 100, 0b1000_0001);
    const after = await usedOf(file);
    const places = after.ranges.filter(
      ({ kind, offset }) => kind === "data" && offset > firstFree && offset < 60 * MIB,
    );
    expect(places).toEqual([0, 7].map((bit) => ({ kind: "data", offset: heap + (800 + bit) * 4096, length: 4096 })));
  });

  test.each<[string, (bytes: Buffer) => void, RegExp]>([
    ["that is in use", (bytes) => (bytes[106] = 2), /cleanly/u],
    ["with errors of the disk", (bytes) => (bytes[106] = 4), /errors/u],
    ["with a wrong checksum", (bytes) => (bytes[92] = (bytes[92] ?? 0) ^ 1), /checksum/u],
    ["with a second table that is not there", (bytes) => (bytes[106] = 1), /does not fit/u],
    ["with absurd sectors", (bytes) => (bytes[108] = 40), /makes no sense/u],
    [
      "whose root directory is nowhere",
      (bytes) => signed(bytes, () => bytes.writeUInt32LE(0xffff_fff0, 96)),
      /damaged/u,
    ],
    [
      "whose root directory's chain is endless",
      (bytes) => {
        const root = bytes.readUInt32LE(96);
        const table = bytes.readUInt32LE(80) * 512;
        bytes.writeUInt32LE(root, table + root * 4);
        // No entry ends the directory.
        bytes.fill(
          3,
          bytes.readUInt32LE(88) * 512 + (root - 2) * 4096,
          bytes.readUInt32LE(88) * 512 + (root - 1) * 4096,
        );
      },
      /damaged/u,
    ],
    ["whose bitmap calls itself free", (bytes) => (bytes[bytes.readUInt32LE(88) * 512] = 0), /damaged/u],
  ])("one %s is taken as it is", async (_name, spoil, reason) => {
    const bytes = fs.readFileSync(makeExfat(16 * MIB, "-c", "4K"));
    spoil(bytes);
    expect((await usedOfBytes(bytes)).partitions).toMatchObject(rawBecause(reason));
  });

  test("bytes changed at random", async () => {
    const bytes = fs.readFileSync(makeExfat(8 * MIB, "-c", "4K"));
    const heap = bytes.readUInt32LE(88) * 512;
    const places = [
      { offset: 0, length: 128 },
      { offset: bytes.readUInt32LE(80) * 512, length: 64 },
      { offset: heap, length: 16_384 },
    ];
    await damageAtRandom(bytes, places, 100);
  });
});

/** Makes a change of the boot sector and its checksum anew. */
function signed(bytes: Buffer, change: () => void): void {
  change();
  let sum = 0;
  for (let at = 0; at < 11 * 512; at++) {
    if (at !== 106 && at !== 107 && at !== 112) sum = (((sum << 31) | (sum >>> 1)) + (bytes[at] ?? 0)) >>> 0;
  }
  for (let at = 0; at < 512; at += 4) bytes.writeUInt32LE(sum, 11 * 512 + at);
}
