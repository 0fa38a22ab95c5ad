import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { expect, onTestFinished, test } from "vitest";

import { type ByteReader, type DiskRange, unchangedParts } from "../src/index.ts";

const MIB = 2 ** 20;
const BLOCK = 1024;
const hasLoops = process.getuid?.() === 0 && spawnSync("losetup", ["--find"]).status === 0;
if (!hasLoops && process.env["CI"] !== undefined) throw new Error("needs root and loop devices");
if (!hasLoops) process.stderr.write("skipped: needs root and loop devices\n");

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

function readerOf(bytes: Buffer): ByteReader {
  return {
    sizeBytes: bytes.length,
    read: (offset, into) => {
      bytes.copy(into, 0, offset, offset + into.length);
      return Promise.resolve();
    },
  };
}

/** Ranges of whole blocks in which two states differ. */
function differences(before: Buffer, now: Buffer): DiskRange[] {
  const ranges: DiskRange[] = [];
  for (let offset = 0; offset < before.length; offset += BLOCK) {
    if (before.compare(now, offset, offset + BLOCK, offset, offset + BLOCK) === 0) continue;
    ranges.push({ offset, length: BLOCK });
  }
  return ranges;
}

test.skipIf(!hasLoops).each([
  ["ext4", ["-t", "ext4"]],
  ["ext4 with blocks of 1 KiB and without checksums", ["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^64bit"]],
  ["ext2, whose files are lists of blocks", ["-t", "ext2", "-b", "1024"]],
])("of %s, a damaged file is told from all that its system has written", async (_name, options) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "ingot-unchanged-"));
  onTestFinished(() => fs.rmSync(directory, { recursive: true }));
  const tree = path.join(directory, "tree");
  fs.mkdirSync(path.join(tree, "etc"), { recursive: true });
  const content = randomBytes(5 * MIB);
  fs.writeFileSync(path.join(tree, "kept"), content);
  fs.writeFileSync(path.join(tree, "edited"), randomBytes(2 * MIB));
  fs.writeFileSync(path.join(tree, "removed"), randomBytes(2 * MIB));
  fs.writeFileSync(path.join(tree, "etc/hostname"), "golden\n");
  const file = path.join(directory, "disk");
  fs.writeFileSync(file, "");
  fs.truncateSync(file, 64 * MIB);
  run("mkfs.ext4", "-q", "-F", ...options, "-d", tree, file);
  const before = fs.readFileSync(file);

  const mounted = path.join(directory, "mounted");
  fs.mkdirSync(mounted);
  run("mount", "-o", "loop", file, mounted);
  try {
    fs.readFileSync(path.join(mounted, "kept"));
    fs.writeFileSync(path.join(mounted, "etc/hostname"), "room-3-pc-07\n");
    const edited = fs.openSync(path.join(mounted, "edited"), "r+");
    fs.writeSync(edited, randomBytes(100_000), 0, 100_000, 500_000);
    fs.closeSync(edited);
    fs.rmSync(path.join(mounted, "removed"));
    fs.writeFileSync(path.join(mounted, "new"), randomBytes(3 * MIB));
  } finally {
    run("umount", mounted);
  }
  const now = fs.readFileSync(file);
  expect(differences(before, now).length).toBeGreaterThan(100);
  expect(await unchangedParts(readerOf(before), readerOf(now), differences(before, now))).toEqual([]);

  const inode = Number(/^Inode: (\d+)/mu.exec(run("debugfs", "-R", "stat /kept", file))?.[1]);
  const at = now.indexOf(content.subarray(3 * MIB, 3 * MIB + 64)) + 77;
  now[at] = (now[at] ?? 0) ^ 0x10;
  expect(await unchangedParts(readerOf(before), readerOf(now), differences(before, now))).toEqual([
    { offset: at - (at % BLOCK), length: BLOCK, inode },
  ]);
});
