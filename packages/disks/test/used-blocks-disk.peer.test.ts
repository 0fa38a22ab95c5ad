import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { MemoryStore } from "@ingot/chunks";
import { expect, test } from "vitest";

import { Deployment, openUsedImage } from "../src/index.ts";
import { hasPrograms, makeFiles, makeRoom, makeSparse, MIB, run } from "./used-blocks-room.ts";

const FAT = ["mkfs.fat", "fsck.fat", "mcopy", "mdir"];
const EXT = ["mkfs.ext4", "e2fsck", "debugfs", "dumpe2fs"];
const hasAll = hasPrograms("sfdisk", "mkswap", "swaplabel", "mkfs.xfs", "xfs_repair", ...FAT, ...EXT);

const SIZE = 900 * MIB;
/** MiB from the start of the disk, and MiB. */
const PLACES = { esp: [1, 100], root: [101, 300], swap: [401, 64], data: [465, 400] } as const;

/** A disk as an installer leaves it: EFI system partition, ext4 with a swap file, swap, XFS; what is free holds what was deleted. */
function makeDisk(room: string): { disk: string; files: string } {
  const disk = path.join(room, "disk");
  makeSparse(disk, SIZE);
  const table = [
    "label: gpt",
    "size=100MiB, type=U",
    "size=300MiB, type=L",
    "size=64MiB, type=S",
    "size=400MiB, type=L",
  ];
  execFileSync("sfdisk", ["-q", disk], { input: `${table.join("\n")}\n` });
  const files = makeFiles(room, 5, 30);
  const names = Array.from({ length: 30 }, (_, i) => `f${i}`);
  const parts: Readonly<Record<keyof typeof PLACES, (at: string) => void>> = {
    esp: (at) => {
      run("mkfs.fat", "-F", "32", at);
      run("mcopy", "-i", at, ...names.map((name) => `${files}/${name}`), "::/");
    },
    root: (at) => {
      const pages = path.join(room, "pages");
      fs.writeFileSync(pages, Buffer.alloc(40 * MIB, "memory "));
      run("mkswap", "-q", pages);
      run("mkfs.ext4", "-q", "-F", "-b", "4096", "-d", files, at);
      run("debugfs", "-w", "-R", `write ${pages} swapfile`, at);
    },
    swap: (at) => void run("mkswap", "-q", "-L", "pages", at),
    data: (at) => {
      const proto = path.join(room, "proto");
      const lines = names.map((name) => `${name} ---644 0 0 ${files}/${name}`);
      fs.writeFileSync(proto, `/dummy\n0 0\nd--755 0 0\n${lines.join("\n")}\n$\n`);
      run("mkfs.xfs", "-q", "-f", "-p", proto, at);
    },
  };
  for (const [name, make] of Object.entries(parts)) {
    const [start, size] = PLACES[name as keyof typeof PLACES];
    const at = path.join(room, name);
    makeSparse(at, size * MIB);
    make(at);
    run("dd", `if=${at}`, `of=${disk}`, "bs=1M", `seek=${start}`, "conv=notrunc,sparse", "status=none");
  }
  return { disk, files };
}

test.skipIf(!hasAll)(
  "a whole disk is captured, and deployed onto one full of garbage: every file system is whole, and little more than what is used travels",
  async () => {
    const room = makeRoom();
    const { disk, files } = makeDisk(room);
    const store = new MemoryStore();
    await using image = await openUsedImage(disk);
    expect(image.used.partitions).toMatchObject([
      { content: "fat", reason: undefined },
      { content: "ext", reason: undefined },
      { content: "swap", reason: undefined },
      { content: "xfs", reason: undefined },
    ]);
    const { manifestId, dataBytes } = await store.importImage(image);

    const target = path.join(room, "target");
    fs.writeFileSync(target, "");
    for (let at = 0; at < SIZE; at += 50 * MIB) fs.appendFileSync(target, Buffer.alloc(50 * MIB, "garbage! "));
    const manifest = await store.readManifest(manifestId);
    const deployment = await Deployment.open({ path: target, manifest, manifestId, leaveDontCare: true });
    await deployment.fill(store);
    await deployment.finish();
    await deployment.close();

    run("sfdisk", "-q", "--verify", target);
    for (const [name, [start, size]] of Object.entries(PLACES)) {
      const part = path.join(room, `${name}-deployed`);
      run("dd", `if=${target}`, `of=${part}`, "bs=1M", `skip=${start}`, `count=${size}`, "status=none");
    }
    const deployed = (name: keyof typeof PLACES): string => path.join(room, `${name}-deployed`);
    run("fsck.fat", "-n", deployed("esp"));
    run("e2fsck", "-f", "-n", deployed("root"));
    run("xfs_repair", "-n", deployed("data"));
    expect(run("swaplabel", deployed("swap"))).toBe(run("swaplabel", path.join(room, "swap")));
    run("mcopy", "-n", "-s", "-i", deployed("esp"), "::/*", `${fs.mkdtempSync(`${room}/out-`)}/`);
    const out = fs.readdirSync(room).find((name) => name.startsWith("out-")) ?? "";
    run("diff", "-r", path.join(room, out), files);
    fs.mkdirSync(`${room}/out2`);
    run("debugfs", "-R", `rdump / ${room}/out2`, deployed("root"));
    run("diff", "-r", "-x", "lost+found", "-x", "swapfile", `${room}/out2`, files);
    const free = fs.readFileSync(deployed("root"));
    expect(free.includes("garbage! garbage!")).toBe(true);

    // Used: what the tools call so, without the content of the swap areas, and without zeros: XFS's log is full of them.
    expect(dataBytes).toBeLessThan(usedByTools(room) * 1.1 + 4 * MIB);
  },
);

/** Bytes that the tools of the file systems call used, apart from the swap file's. */
function usedByTools(room: string): number {
  const fat = run("fsck.fat", "-n", "-v", path.join(room, "esp"));
  const fatUsed = Number(/ (\d+)\/\d+ clusters/u.exec(fat)?.[1]) * Number(/(\d+) bytes per cluster/u.exec(fat)?.[1]);
  const ext = run("dumpe2fs", "-h", path.join(room, "root"));
  const number = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)`, "mu").exec(ext)?.[1]);
  const extUsed = (number("Block count") - number("Free blocks")) * number("Block size") - 40 * MIB;
  const files = Number(/^\d+/u.exec(run("du", "-s", "-B1", path.join(room, "files-5")))?.[0]);
  return fatUsed + extUsed + files;
}
