import fs from "node:fs";
import path from "node:path";

import { seededRandom } from "@ingot/testkit/link";
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
} from "./used-blocks-room.ts";

const hasExt = hasPrograms("mkfs.ext4", "debugfs", "e2fsck", "mkswap");
const hasNtfs = hasPrograms("mkntfs", "ntfscp", "ntfscat", "ntfsfix", "ntfsinfo");

const SIZE = 8 * MIB;
const KEPT = 65_536;

let room: string;
let file: string;

beforeEach(() => {
  room = makeRoom();
  file = path.join(room, "image");
});

/** A file of bytes that compress badly, `head` first. */
function makePages(name: string, head: string | Buffer = ""): string {
  const random = seededRandom(7);
  const bytes = Buffer.alloc(SIZE, Float64Array.from({ length: 512 }, random) as unknown as Uint8Array);
  Buffer.from(head as string, "latin1").copy(bytes);
  const at = path.join(room, name);
  fs.writeFileSync(at, bytes);
  return at;
}

describe.skipIf(!hasExt)("swap files of ext4", () => {
  /** An ext4 with some files, and this one among them. */
  function makeExt(name: string, content: string, ...options: string[]): void {
    makeSparse(file, 100 * MIB);
    run("mkfs.ext4", "-q", "-F", ...options, "-d", makeFiles(room, 1, 30), file);
    const removals = Array.from({ length: 15 }, (_, i) => `rm f${i * 2}`);
    change(...removals, `write ${content} ${name}`);
  }

  function change(...commands: string[]): void {
    const list = path.join(room, "commands");
    fs.writeFileSync(list, commands.join("\n"));
    run("debugfs", "-w", "-f", list, file);
  }

  function freeByDumpe2fs(): number {
    const text = run("dumpe2fs", "-h", file);
    const [, blocks] = /^Free blocks: +(\d+)/mu.exec(text) ?? [];
    return Number(blocks) * Number(/^Block size: +(\d+)/mu.exec(text)?.[1]);
  }

  function makeSwap(): string {
    const at = makePages("swap-content");
    run("mkswap", "-q", "-L", "pages", at);
    // debugfs makes holes of zeros, and swap files have none.
    const fd = fs.openSync(at, "r+");
    for (const unused of [0, 2048, 3072]) fs.writeSync(fd, Buffer.from("unused"), 0, 6, unused);
    fs.closeSync(fd);
    return at;
  }

  test.each<[string, string, string[]]>([
    ["swapfile", "blocks of 4 KiB", ["-b", "4096"]],
    ["swap.img", "blocks of 1 KiB, in many parts", ["-b", "1024"]],
    ["swapfile", "bigalloc", ["-O", "bigalloc", "-C", "16384"]],
    ["swap", "without 64 bits and checksums", ["-O", "^64bit,^metadata_csum"]],
  ])("%s (%s) keeps its first page, and the file system is whole", async (name, _what, options) => {
    makeExt(name, makeSwap(), ...options);
    if (name === "swap.img") expect(run("debugfs", "-R", `ex ${name}`, file).split("\n").length).toBeGreaterThan(6);
    const used = await usedOf(file);
    expect(freeBytesOf(used) - freeByDumpe2fs()).toBe(SIZE - 4096);
    const copy = path.join(room, "copy");
    await captureTo(file, copy);
    run("e2fsck", "-f", "-n", copy);
    run("debugfs", "-R", `dump ${name} ${room}/out`, copy);
    const out = fs.readFileSync(`${room}/out`);
    expect(out.subarray(0, 4096).equals(fs.readFileSync(`${room}/swap-content`).subarray(0, 4096))).toBe(true);
    expect(out.subarray(4096).every((byte) => byte === 0xee)).toBe(true);
    run("debugfs", "-R", `dump f1 ${room}/f1`, copy);
    expect(fs.readFileSync(`${room}/f1`).equals(fs.readFileSync(`${room}/files-1/f1`))).toBe(true);
  });

  test("one that was only given its blocks, as fallocate does, is known by its header", async () => {
    makeExt("other", makePages("other-content"), "-b", "4096");
    const head = path.join(room, "head");
    fs.writeFileSync(head, fs.readFileSync(makeSwap()).subarray(0, 4096));
    change(`write ${head} swapfile`, "fallocate swapfile 1 2047", `sif swapfile size ${SIZE}`);
    expect(freeBytesOf(await usedOf(file)) - freeByDumpe2fs()).toBe(SIZE - 4096);
  });

  test.each<[string, string, () => string, string[]]>([
    ["a file of that name without the header", "swapfile", () => makePages("plain"), []],
    ["a swap area in a file of another name", "pages", makeSwap, []],
    ["blocks that are told by a list (ext3)", "swapfile", makeSwap, ["-t", "ext3"]],
    [
      "a system that hibernates in it",
      "swapfile",
      () => {
        const at = makeSwap();
        const bytes = fs.readFileSync(at);
        bytes.write("S1SUSPEND\0", 4086, "latin1");
        fs.writeFileSync(at, bytes);
        return at;
      },
      [],
    ],
  ])("%s: all of it is data", async (_name, name, content, options) => {
    makeExt(name, content(), ...options);
    expect(freeBytesOf(await usedOf(file))).toBe(freeByDumpe2fs());
  });

  test("a header in blocks that were never written is none", async () => {
    makeExt("f99", makePages("plain"), "-b", "4096");
    change("write /dev/null swapfile", "fallocate swapfile 0 2047", `sif swapfile size ${SIZE}`);
    const block = Number(/(\d+)/u.exec(run("debugfs", "-R", "blocks swapfile", file))?.[1]);
    const fd = fs.openSync(file, "r+");
    fs.writeSync(fd, fs.readFileSync(makeSwap()), 0, 4096, block * 4096);
    fs.closeSync(fd);
    expect(freeBytesOf(await usedOf(file))).toBe(freeByDumpe2fs());
  });

  test("bytes of the root directory, the inode and its extents changed at random", async () => {
    makeSparse(file, 12 * MIB);
    run("mkfs.ext4", "-q", "-F", "-b", "1024", "-O", "^metadata_csum,^has_journal", file);
    run("debugfs", "-w", "-R", `write ${makeSwap()} swapfile`, file);
    const place = (inode: string): { offset: number; length: number } => {
      const [, block, at] =
        /located at block (\d+), offset (0x[0-9a-f]+)/u.exec(run("debugfs", "-R", `imap ${inode}`, file)) ?? [];
      return { offset: Number(block) * 1024 + Number(at), length: 128 };
    };
    const root = Number(/(\d+)/u.exec(run("debugfs", "-R", "blocks <2>", file))?.[1]);
    const places = [place("<2>"), place("swapfile"), { offset: root * 1024, length: 256 }];
    await damageAtRandom(fs.readFileSync(file), places, 100);
  });
});

describe.skipIf(!hasNtfs)("page files of NTFS", () => {
  function makeNtfs(contents: Readonly<Record<string, string>>): void {
    makeSparse(file, 100 * MIB);
    run("mkntfs", "-q", "-Q", "-F", file);
    const files = makeFiles(room, 1, 20);
    for (let i = 0; i < 20; i++) run("ntfscp", "-q", file, `${files}/f${i}`, `f${i}`);
    for (const [name, content] of Object.entries(contents)) run("ntfscp", "-q", file, content, name);
  }

  function freeByNtfsinfo(): number {
    const info = run("ntfsinfo", "-m", file);
    return Number(/Free Clusters: (\d+)/u.exec(info)?.[1]) * Number(/Cluster Size: (\d+)/u.exec(info)?.[1]);
  }

  test("pagefile.sys, swapfile.sys and a cleared hiberfil.sys keep their beginning, and the volume is whole", async () => {
    makeNtfs({
      "pagefile.sys": makePages("a"),
      "SwapFile.SYS": makePages("b"),
      "hiberfil.sys": makePages("c", Buffer.alloc(4096)),
    });
    expect(freeBytesOf(await usedOf(file)) - freeByNtfsinfo()).toBe(3 * (SIZE - KEPT));
    const copy = path.join(room, "copy");
    await captureTo(file, copy);
    run("ntfsfix", "-n", copy);
    for (const i of [1, 7, 19]) {
      expect(run("ntfscat", copy, `f${i}`)).toBe(fs.readFileSync(`${room}/files-1/f${i}`, "utf8"));
    }
    run("sh", "-c", 'ntfscat "$0" pagefile.sys >"$1"', copy, `${room}/out`);
    const out = fs.readFileSync(`${room}/out`);
    expect(out.subarray(0, KEPT).equals(fs.readFileSync(`${room}/a`).subarray(0, KEPT))).toBe(true);
    expect(out.subarray(KEPT).every((byte) => byte === 0xee)).toBe(true);
  });

  test.each<[string, string, string]>([
    ["a page file with the dump of a crash", "pagefile.sys", "PAGEDU64"],
    ["a hibernation file of a system that has waked up", "hiberfil.sys", "wake"],
    ["a file of another name", "pagefile.txt", ""],
  ])("%s: all of it is data", async (_name, name, head) => {
    makeNtfs({ [name]: makePages("a", head) });
    expect(freeBytesOf(await usedOf(file))).toBe(freeByNtfsinfo());
  });

  test("while Windows hibernates, page files are data too", async () => {
    makeNtfs({ "pagefile.sys": makePages("a"), "hiberfil.sys": makePages("c", "HIBR") });
    const used = await usedOf(file);
    expect(used.partitions).toMatchObject(rawBecause(/hibernates/u));
    expect(freeBytesOf(used)).toBe(0);
  });
});
