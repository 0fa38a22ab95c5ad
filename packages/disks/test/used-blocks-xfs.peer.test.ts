import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { beforeEach, describe, expect, test } from "vitest";

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

const hasXfs = hasPrograms("mkfs.xfs", "xfs_db", "xfs_repair");
const canMount =
  process.getuid?.() === 0 &&
  spawnSync("losetup", ["--find"]).status === 0 &&
  /\txfs$/mu.test(fs.readFileSync("/proc/filesystems", "utf8"));
if (!canMount) process.stderr.write("skipped: needs root, loop devices and a kernel with XFS\n");

let room: string;
let file: string;

beforeEach(() => {
  room = makeRoom();
  file = path.join(room, "image");
});

/** The free extents as `xfs_db` lists them, joined where one group's touches the next one's: bytes. */
function freeByXfsDb(at: string): { offset: number; length: number }[] {
  const number = (name: string): number =>
    Number(new RegExp(`^${name} = (\\d+)`, "mu").exec(run("xfs_db", "-r", "-c", "sb 0", "-c", "p", at))?.[1]);
  const [blockBytes, groupBlocks] = [number("blocksize"), number("agblocks")];
  const extents: { offset: number; length: number }[] = [];
  for (let group = 0; group < number("agcount"); group++) {
    const text = run("xfs_db", "-r", "-c", `agf ${group}`, "-c", "addr bnoroot", "-c", "p", at);
    const level = Number(/level = (\d+)/u.exec(text)?.[1]);
    const leaves = level === 0 ? [text] : leavesOf(at, group);
    for (const leaf of leaves) {
      const records = leaf.slice(leaf.indexOf("recs["));
      for (const [, block, count] of records.matchAll(/\d+:\[(\d+),(\d+)\]/gu)) {
        const offset = (group * groupBlocks + Number(block)) * blockBytes;
        const length = Number(count) * blockBytes;
        const last = extents.at(-1);
        if (last !== undefined && last.offset + last.length === offset) last.length += length;
        else extents.push({ offset, length });
      }
    }
  }
  return extents;
}

/** The leaves of a group's tree of two levels. */
function leavesOf(at: string, group: number): string[] {
  const root = run("xfs_db", "-r", "-c", `agf ${group}`, "-c", "addr bnoroot", "-c", "p numrecs", at);
  const count = Number(/numrecs = (\d+)/u.exec(root)?.[1]);
  return Array.from({ length: count }, (_, i) =>
    run("xfs_db", "-r", "-c", `agf ${group}`, "-c", "addr bnoroot", "-c", `addr ptrs[${i + 1}]`, "-c", "p", at),
  );
}

function freeOf(used: Awaited<ReturnType<typeof usedOf>>): { offset: number; length: number }[] {
  return used.ranges.filter(({ kind }) => kind === "dontCare").map(({ offset, length }) => ({ offset, length }));
}

/** Makes a file system with files in it without mounting it. */
function makeXfs(sizeBytes: number, ...options: string[]): void {
  const files = makeFiles(room, 1, 30);
  const proto = path.join(room, "proto");
  const lines = Array.from({ length: 30 }, (_, i) => `f${i} ---644 0 0 ${files}/f${i}`);
  fs.writeFileSync(proto, `/dummy\n0 0\nd--755 0 0\n${lines.join("\n")}\n$\n`);
  makeSparse(file, sizeBytes);
  run("mkfs.xfs", "-q", "-f", ...options, "-p", proto, file);
}

/**
 * Runs a shell script with the file system mounted at `mounted`. In a mount namespace of its own: others made meanwhile would keep it
 * mounted beyond its end.
 */
function whileMounted(at: string, options: string, script: string): void {
  const lines = [
    "set -e",
    "cd $0",
    "mkdir -p mounted",
    `mount -o loop${options} ${at} mounted`,
    script,
    "umount mounted",
  ];
  run("unshare", "--mount", "sh", "-c", lines.join("\n"), room);
}

describe.skipIf(!hasXfs)("XFS", () => {
  test.each<[string, number, string[]]>([
    ["blocks of 4 KiB", 400 * MIB, []],
    ["blocks of 1 KiB, eight groups", 700 * MIB, ["-b", "size=1024", "-d", "agcount=8"]],
    ["sectors of 4 KiB, trees of owners", 400 * MIB, ["-s", "size=4096", "-m", "rmapbt=1"]],
  ])("%s: the same free extents as xfs_db, and a file system that is whole", async (_name, sizeBytes, options) => {
    makeXfs(sizeBytes, ...options);
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject([{ content: "xfs", reason: undefined }]);
    expect(freeOf(used)).toEqual(freeByXfsDb(file));
    const copy = path.join(room, "copy");
    await captureTo(file, copy);
    run("xfs_repair", "-n", copy);
    if (canMount) whileMounted(copy, ",ro", "diff -r mounted files-1");
  });

  test.skipIf(!canMount)("one that was used, with free space in many parts: clean once it is unmounted", async () => {
    makeXfs(400 * MIB, "-b", "size=1024", "-d", "agcount=2");
    const small = path.join(room, "small");
    fs.mkdirSync(small);
    for (let i = 0; i < 3000; i++) fs.writeFileSync(`${small}/s${i}`, Buffer.alloc(1024 * (1 + (i % 3)), i));
    whileMounted(
      file,
      "",
      "cp small/* mounted; sync -f mounted; rm mounted/s*[02468]; sync -f mounted; cp image during",
    );
    expect((await usedOf(path.join(room, "during"))).partitions).toMatchObject(rawBecause(/replayed/u));
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject([{ content: "xfs", reason: undefined }]);
    expect(used.ranges.length).toBeGreaterThan(1000);
    expect(freeOf(used)).toEqual(freeByXfsDb(file));
    const copy = path.join(room, "copy");
    await captureTo(file, copy);
    run("xfs_repair", "-n", copy);
    whileMounted(copy, ",ro", "for i in 1 777 2999; do cmp mounted/s$i small/s$i; done");
  });

  test.skipIf(!canMount)("the log is as clean or not as xfs_logprint says, mount after mount", async () => {
    makeXfs(320 * MIB);
    for (let round = 0; round < 3; round++) {
      whileMounted(file, "", `for i in 1 2 3; do touch mounted/${round}-$i; sync -f mounted; done; cp image during`);
      const during = path.join(room, "during");
      expect(run("xfs_logprint", "-t", during)).toContain("<DIRTY>");
      expect((await usedOf(during)).partitions).toMatchObject(rawBecause(/replayed/u));
      expect(run("xfs_logprint", "-t", file)).toContain("<CLEAN>");
      expect((await usedOf(file)).partitions).toMatchObject([{ content: "xfs", reason: undefined }]);
    }
  });

  test.each<[string, (bytes: Buffer) => void, RegExp]>([
    ["whose superblock was changed", (bytes) => (bytes[200] = 0x55), /checksum/u],
    ["of version 4", (bytes) => (bytes[101] = 0xb4), /before 5/u],
    ["with absurd blocks", (bytes) => bytes.writeUInt32BE(3, 4), /no sense/u],
    ["with a damaged group", (bytes) => (bytes[512 + 60] = 1), /group 0 is damaged/u],
    ["with a damaged tree", (bytes) => (bytes[4096 + 60] = 0x7f), /tree of free space of group 0/u],
    ["whose log does not end", (bytes) => bytes.fill(0, logOf(bytes), logOf(bytes) + 1024), /replayed/u],
  ])("one %s is taken as it is", async (_name, spoil, reason) => {
    makeXfs(320 * MIB);
    const bytes = fs.readFileSync(file);
    spoil(bytes);
    const used = await usedOfBytes(bytes);
    expect(used.partitions).toMatchObject(rawBecause(reason));
    expect(freeBytesOf(used)).toBe(0);
  });

  test("bytes of the superblock, the groups and the log changed at random", async () => {
    makeXfs(320 * MIB);
    const bytes = fs.readFileSync(file);
    const places = [0, 512, 4096, logOf(bytes), logOf(bytes) + 512].map((offset) => ({ offset, length: 330 }));
    await damageAtRandom(bytes, places, 25);
  });
});

/** Where the log begins. */
function logOf(bytes: Buffer): number {
  const block = Number(bytes.readBigUInt64BE(48));
  const perGroup = 2 ** bytes.readUInt8(124);
  return (Math.floor(block / perGroup) * bytes.readUInt32BE(84) + (block % perGroup)) * 4096;
}
