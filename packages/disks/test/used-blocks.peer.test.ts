import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { beforeEach, describe, expect, test } from "vitest";

import type { UsedBlocks } from "../src/index.ts";
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
} from "./used-blocks-room.ts";

const PROGRAMS = ["mkfs.ext4", "dumpe2fs", "e2fsck", "debugfs", "mkntfs", "ntfsinfo", "ntfscp", "mkswap", "sfdisk"];
const hasAll = hasPrograms(...PROGRAMS);

let directory: string;
let file: string;

beforeEach(() => {
  directory = makeRoom();
  file = path.join(directory, "image");
});

/** Free blocks as dumpe2fs lists them, joined. */
function freeByDumpe2fs(at: string): string[] {
  const text = run("dumpe2fs", at);
  const blockBytes = Number(/^Block size: +(\d+)/mu.exec(text)?.[1]);
  const runs: [number, number][] = [];
  for (const [, list] of text.matchAll(/^ {2}Free blocks: (.+)$/gmu)) {
    for (const part of list?.split(", ") ?? []) {
      const [from = 0, to = from] = part.split("-").map(Number);
      const last = runs.at(-1);
      if (last !== undefined && last[1] + 1 === from) last[1] = to;
      else runs.push([from, to]);
    }
  }
  return runs.map(([from, to]) => `${from * blockBytes}+${(to - from + 1) * blockBytes}`);
}

function freeOf(used: UsedBlocks): string[] {
  return used.ranges.filter(({ kind }) => kind === "dontCare").map(({ offset, length }) => `${offset}+${length}`);
}

describe.skipIf(!hasAll)("ext", () => {
  test.each<[string, number, string[]]>([
    ["ext4", 300 * MIB, []],
    ["ext4, blocks of 1 KiB", 70 * MIB, ["-b", "1024"]],
    ["ext4 without checksums and 64 bits", 300 * MIB, ["-O", "^metadata_csum,^64bit"]],
    ["ext4 with bigalloc", 300 * MIB, ["-O", "bigalloc", "-C", "65536"]],
    ["ext4 without flex_bg and with sparse_super2", 600 * MIB, ["-O", "^flex_bg,sparse_super2,^resize_inode"]],
    ["ext4 that is mostly groups never touched", 4096 * MIB, []],
    ["ext3", 200 * MIB, ["-t", "ext3"]],
    ["ext2, blocks of 2 KiB", 100 * MIB, ["-t", "ext2", "-b", "2048"]],
    ["ext2 of the first revision", 40 * MIB, ["-t", "ext2", "-r", "0", "-b", "1024"]],
  ])("%s: the same free blocks as dumpe2fs", async (_name, sizeBytes, options) => {
    makeSparse(file, sizeBytes + 1536);
    const files = options.includes("-r") ? [] : ["-d", makeFiles(directory, 1, 60)];
    run("mkfs.ext4", "-q", "-F", ...options, ...files, file, `${sizeBytes / 1024}k`);
    for (let i = 0; i < 60 && files.length > 0; i += 3) run("debugfs", "-w", "-R", `rm f${i}`, file);
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject([{ content: "ext", reason: undefined }]);
    const isByCluster = options.includes("bigalloc");
    // Of clusters dumpe2fs lists the first blocks only.
    if (!isByCluster) expect(freeOf(used)).toEqual(freeByDumpe2fs(file));
    const free = /^Free blocks: +(\d+)/mu.exec(run("dumpe2fs", "-h", file))?.[1];
    const blockBytes = Number(/^Block size: +(\d+)/mu.exec(run("dumpe2fs", "-h", file))?.[1]);
    expect(freeBytesOf(used)).toBe(Number(free) * blockBytes);
    const copy = path.join(directory, "copy");
    if (sizeBytes > 1024 * MIB) return;
    await captureTo(file, copy);
    run("e2fsck", "-f", "-n", copy);
    if (files.length > 0) {
      run("debugfs", "-R", `dump f1 ${directory}/out`, copy);
      expect(fs.readFileSync(`${directory}/out`).equals(fs.readFileSync(`${files[1]}/f1`))).toBe(true);
    }
  });

  test.each<[string, string[], RegExp]>([
    ["with a journal to be replayed", ["feature needs_recovery"], /replayed/u],
    ["not unmounted cleanly", ["ssv state 0"], /cleanly/u],
    ["with errors", ["ssv state 3"], /errors/u],
  ])("one %s is taken as it is", async (_name, commands, reason) => {
    makeSparse(file, 50 * MIB);
    run("mkfs.ext4", "-q", "-F", file);
    for (const command of commands) run("debugfs", "-w", "-R", command, file);
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject([{ content: "raw", reason: expect.stringMatching(reason) as string }]);
    expect(freeOf(used)).toEqual([]);
  });

  test("one with a damaged bitmap is taken as it is", async () => {
    makeSparse(file, 50 * MIB);
    run("mkfs.ext4", "-q", "-F", "-b", "4096", file);
    const block = Number(/Block bitmap at (\d+)/u.exec(run("dumpe2fs", file))?.[1]);
    const fd = fs.openSync(file, "r+");
    fs.writeSync(fd, Buffer.of(0x5a), 0, 1, block * 4096 + 100);
    fs.closeSync(fd);
    expect((await usedOf(file)).partitions).toMatchObject(rawBecause(/damaged/u));
  });
});

describe.skipIf(!hasAll)("NTFS", () => {
  function makeNtfs(at: string, sizeBytes: number, ...options: string[]): void {
    makeSparse(at, sizeBytes);
    run("mkntfs", "-q", "-Q", "-F", ...options, at);
  }

  test.each<[string, number, string[]]>([
    ["clusters of 4 KiB", 64 * MIB, []],
    ["clusters of 64 KiB", 128 * MIB, ["-c", "65536"]],
    ["clusters of 512 bytes", 20 * MIB, ["-c", "512"]],
  ])("%s: as many free clusters as ntfsinfo, and a volume that is whole", async (_name, sizeBytes, options) => {
    makeNtfs(file, sizeBytes, ...options);
    const files = makeFiles(directory, 2, 30);
    for (let i = 0; i < 30; i++) run("ntfscp", "-q", file, `${files}/f${i}`, `f${i}`);
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject([{ content: "ntfs", reason: undefined }]);
    const info = run("ntfsinfo", "-m", file);
    const clusterBytes = Number(/Cluster Size: (\d+)/u.exec(info)?.[1]);
    const free = Number(/Free Clusters: (\d+)/u.exec(info)?.[1]);
    expect(freeBytesOf(used)).toBe(free * clusterBytes);
    const copy = path.join(directory, "copy");
    await captureTo(file, copy);
    for (const i of [1, 7, 20]) {
      expect(run("ntfscat", copy, `f${i}`)).toBe(fs.readFileSync(`${files}/f${i}`, "utf8"));
    }
  });

  test.each(["hibr", "HIBR"])("one on which Windows hibernates (%s) is taken as it is", async (magic) => {
    makeNtfs(file, 64 * MIB);
    const sleeping = path.join(directory, "hiberfil");
    fs.writeFileSync(sleeping, Buffer.concat([Buffer.from(magic), Buffer.alloc(70_000, 1)]));
    // So many names that the root directory has nodes of its own.
    for (const [i, name] of ["a", "b", "c", "d", "e", "f"].entries()) {
      const long = `${name.repeat(100)}-${i}`;
      run("ntfscp", "-q", file, sleeping, long);
    }
    expect((await usedOf(file)).partitions).toMatchObject([{ content: "ntfs" }]);
    run("ntfscp", "-q", file, sleeping, "hiberfil.sys");
    expect((await usedOf(file)).partitions).toMatchObject(rawBecause(/hibernates/u));
  });

  test("a dirty one is taken as it is", async () => {
    makeNtfs(file, 64 * MIB);
    const image = fs.readFileSync(file);
    // $VOLUME_INFORMATION of record 3: version 3.1, then the flags.
    const record = Number(image.readBigUInt64LE(0x30)) * 4096 + 3 * 1024;
    const version = image.indexOf(Buffer.of(3, 1), record + 0x38);
    image[version + 2] = 1;
    fs.writeFileSync(file, image);
    expect((await usedOf(file)).partitions).toMatchObject(rawBecause(/dirty/u));
  });
});

test.skipIf(!hasAll)("a whole disk: ext4, swap, NTFS, and what is between them", async () => {
  makeSparse(file, 300 * MIB);
  execFileSync("sfdisk", ["-q", file], {
    input:
      "label: gpt\nsize=100MiB, type=linux\nsize=32MiB, type=swap\nsize=100MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\nsize=8MiB\n",
  });
  const part = (name: string, sizeBytes: number, ...command: string[]): void => {
    const at = path.join(directory, name);
    makeSparse(at, sizeBytes);
    run(command[0] ?? "", ...command.slice(1), at);
    const place = { ext: 1, swap: 101, ntfs: 133 }[name] ?? 0;
    run("dd", `if=${at}`, `of=${file}`, "bs=1M", `seek=${place}`, "conv=notrunc,sparse", "status=none");
  };
  part("ext", 100 * MIB, "mkfs.ext4", "-q", "-F", "-d", makeFiles(directory, 3, 60));
  part("swap", 32 * MIB, "mkswap", "-q");
  part("ntfs", 100 * MIB, "mkntfs", "-q", "-Q", "-F");
  const used = await usedOf(file);
  expect(used.partitions).toMatchObject([
    { number: 1, content: "ext", offset: MIB, sizeBytes: 100 * MIB },
    { number: 2, content: "swap", dataBytes: 4096 },
    { number: 3, content: "ntfs" },
    { number: 4, content: "raw", dataBytes: 8 * MIB, reason: undefined },
  ]);
  expect(used.ranges[0]).toMatchObject({ kind: "data", offset: 0 });
  expect(used.findings).toEqual([]);
  const total = used.ranges.reduce((sum, { offset, length }) => (expect(offset).toBe(sum), sum + length), 0);
  expect(total).toBe(300 * MIB);
  const copy = path.join(directory, "copy");
  await captureTo(file, copy);
  run("sfdisk", "-q", "--verify", copy);
  run("dd", `if=${copy}`, `of=${directory}/ext`, "bs=1M", "skip=1", "count=100", "status=none");
  run("e2fsck", "-f", "-n", `${directory}/ext`);
});

test.skipIf(!hasAll).each([
  ["ext4", "mkfs.ext4", ["-q", "-F", "-b", "1024"], [0, 64]],
  ["NTFS", "mkntfs", ["-q", "-Q", "-F"], [0, 1, 16, 80]],
] as const)(
  "%s with bytes changed at random is captured in whole or in part, never refused",
  async (_name, program, options, kib) => {
    makeSparse(file, 8 * MIB);
    run(program, ...options, file);
    const places = kib.map((at) => ({ offset: at * 1024, length: 4096 }));
    await damageAtRandom(fs.readFileSync(file), places, 120);
  },
);
