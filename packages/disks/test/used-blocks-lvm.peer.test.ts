import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

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

const hasLoops = process.getuid?.() === 0 && spawnSync("losetup", ["--find"]).status === 0;
if (!hasLoops) process.stderr.write("skipped: needs root and loop devices\n");
const hasLvm = hasPrograms("lvm", "mkfs.ext4", "e2fsck", "debugfs", "dumpe2fs", "mkswap") && hasLoops;

const EXTENT = 4 * MIB;

let room: string;
let file: string;
let devices: string[];

beforeEach(() => {
  room = makeRoom();
  file = path.join(room, "image");
  devices = [];
});

/** Runs LVM on the test's devices alone, and without the device mapper: volumes are defined, not made active. */
function lvm(command: string, ...args: string[]): string {
  const config = "backup { backup=0 archive=0 }";
  return run("lvm", command, "--driverloaded", "n", "--devices", devices.join(","), "--config", config, ...args);
}

function makePhysicalVolume(at: string, sizeBytes: number): string {
  makeSparse(at, sizeBytes);
  const device = run("losetup", "--find", "--show", at).trim();
  onTestFinished(() => void spawnSync("losetup", ["-d", device]));
  devices.push(device);
  lvm("pvcreate", "-q", device);
  return device;
}

/** A volume group of volumes of so many extents. One that is named again is extended, and so gets a second part. */
function makeGroup(...volumes: readonly (readonly [string, number])[]): void {
  lvm("vgcreate", "-q", "vg", makePhysicalVolume(file, 200 * MIB));
  const made = new Set<string>();
  for (const [name, extents] of volumes) {
    if (made.has(name)) lvm("lvextend", "-l", `+${extents}`, `vg/${name}`);
    else lvm("lvcreate", "-an", "-Zn", "-Wn", "-l", String(extents), "-n", name, "vg");
    made.add(name);
  }
}

interface Segment {
  readonly volume: string;
  readonly first: number;
  readonly count: number;
}

function segments(): Segment[] {
  const text = lvm(
    "pvs",
    "--segments",
    "--noheadings",
    "--separator",
    ":",
    "-o",
    "pvseg_start,pvseg_size,lv_name",
    devices[0] ?? "",
  );
  return [...text.matchAll(/^\s*(\d+):(\d+):(.*)$/gmu)].map(([, first, count, volume]) => ({
    volume: volume ?? "",
    first: Number(first),
    count: Number(count),
  }));
}

/** Copies between a file and a volume's places on the disk; the first extent begins at 1 MiB. */
function copyVolume(direction: "in" | "out", disk: string, volume: string, at: string): void {
  const parts = segments().filter((segment) => segment.volume === volume);
  for (const [i, { first, count }] of parts.entries()) {
    const before = parts.slice(0, i).reduce((sum, part) => sum + part.count, 0) * 4;
    const [from, to, skip, seek] =
      direction === "in" ? [at, disk, before, 1 + first * 4] : [disk, at, 1 + first * 4, before];
    run(
      "dd",
      `if=${from}`,
      `of=${to}`,
      "bs=1M",
      `skip=${skip}`,
      `seek=${seek}`,
      `count=${count * 4}`,
      "conv=notrunc",
      "status=none",
    );
  }
}

/** An ext4 on a volume; the bytes that dumpe2fs calls free. */
function makeExt(volume: string, extents: number): number {
  const at = path.join(room, `${volume}.ext4`);
  makeSparse(at, extents * EXTENT);
  run("mkfs.ext4", "-q", "-F", "-b", "4096", "-d", makeFiles(room, 1, 20), at);
  copyVolume("in", file, volume, at);
  return Number(/^Free blocks: +(\d+)/mu.exec(run("dumpe2fs", "-h", at))?.[1]) * 4096;
}

function unallocated(): number {
  return segments().reduce((sum, { volume, count }) => sum + (volume === "" ? count * EXTENT : 0), 0);
}

describe.skipIf(!hasLvm)("LVM", () => {
  test("what no logical volume has is free, and what file systems in linear ones have free, too", async () => {
    makeGroup(["root", 10], ["swap", 5], ["root", 8]);
    expect(segments().filter(({ volume }) => volume === "root")).toHaveLength(2);
    const free = makeExt("root", 18);
    const swap = path.join(room, "swap");
    makeSparse(swap, 5 * EXTENT);
    run("mkswap", "-q", swap);
    copyVolume("in", file, "swap", swap);
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject([{ content: "lvm", reason: undefined }]);
    expect(freeBytesOf(used)).toBe(unallocated() + free + 5 * EXTENT - 4096);

    const copy = path.join(room, "copy");
    await captureTo(file, copy);
    const root = path.join(room, "root-copied");
    copyVolume("out", copy, "root", root);
    run("e2fsck", "-f", "-n", root);
    fs.mkdirSync(`${room}/out`);
    run("debugfs", "-R", `rdump / ${room}/out`, root);
    run("diff", "-r", "-x", "lost+found", `${room}/out`, `${room}/files-1`);
    expect(run("lvm", "pvck", "--dump", "metadata", copy)).toContain("root {");
  });

  test("a group without logical volumes is free but for its head, and its rest", async () => {
    makeGroup();
    expect(freeBytesOf(await usedOf(file))).toBe(49 * EXTENT);
  });

  test("the metadata may have gone round in its area", async () => {
    makeGroup(["root", 3]);
    for (let i = 0; i < 12; i++) lvm("vgchange", "--addtag", `${"a".repeat(1000)}${i}`, "vg");
    expect(freeBytesOf(await usedOf(file))).toBe(unallocated());
  });

  test("a volume group on two disks is taken as it is", async () => {
    makeGroup(["root", 4]);
    lvm("vgextend", "vg", makePhysicalVolume(path.join(room, "second"), 50 * MIB));
    expect((await usedOf(file)).partitions).toMatchObject(rawBecause(/several disks/u));
  });

  test.each<[string, number, RegExp]>([
    ["label", 512 + 40, /damaged/u],
    ["header of the metadata", 4096 + 60, /damaged/u],
    ["metadata", 8192 + 512 * 3 + 10, /damaged/u],
  ])("one whose %s was changed is taken as it is", async (_what, offset, reason) => {
    makeGroup(["root", 4]);
    const bytes = fs.readFileSync(file);
    // Where the metadata is, the area's header says.
    const at = offset > 8000 ? 4096 + Number(bytes.readBigUInt64LE(4096 + 40)) + 20 : offset;
    const fd = fs.openSync(file, "r+");
    fs.writeSync(fd, Buffer.of((bytes[at] ?? 0) ^ 1), 0, 1, at);
    fs.closeSync(fd);
    expect((await usedOf(file)).partitions).toMatchObject(rawBecause(reason));
  });

  test("bytes of label, header and metadata changed at random", async () => {
    makeGroup(["root", 4]);
    const places = [512, 4096, 8192].map((offset) => ({ offset, length: 512 }));
    await damageAtRandom(fs.readFileSync(file), places, 40);
  });
});
