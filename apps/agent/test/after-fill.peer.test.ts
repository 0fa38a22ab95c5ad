import { execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { afterFill } from "../src/after-fill/after-fill.ts";
import { systemPrograms } from "../src/system/programs.ts";

const MIB = 2 ** 20;
const env = { ...process.env, LC_ALL: "C", PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
const run = (program: string, args: readonly string[], input = ""): string =>
  execFileSync(program, args, { encoding: "utf8", env, input, stdio: ["pipe", "pipe", "pipe"] });

const missing = ["sfdisk", "sgdisk", "losetup", "mkfs.ext4", "debugfs", "mkfs.ntfs", "ntfsresize", "ntfs-3g"].filter(
  (program) => spawnSync("which", [program], { env }).status !== 0,
);
const reason = process.getuid?.() === 0 ? missing.join(", ") : "root";
if (reason !== "" && process.env["CI"] !== undefined) throw new Error(`missing: ${reason}`);
if (reason !== "") process.stdout.write(`skipped: missing ${reason}\n`);

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "ingot-after-fill-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

interface Made {
  readonly path: string;
  readonly imageBytes: number;
  readonly diskBytes: number;
}

/** An image of 64 MiB with one file system in its second partition, on a disk of 200 MiB. */
function disk(label: "gpt" | "dos", makeFileSystem: (partitionFile: string, folder: string) => void): Made {
  const directory = scratch();
  const path = join(directory, "disk");
  const imageBytes = 64 * MIB;
  const diskBytes = 200 * MIB;
  writeFileSync(path, "");
  truncateSync(path, imageBytes);
  const types = label === "gpt" ? ["uefi", "linux"] : ["ef", "83"];
  run("sfdisk", ["--quiet", path], `label: ${label}\nsize=8MiB, type=${types[0]}\ntype=${types[1]}\n`);
  const start = 9 * MIB;
  const length = (label === "gpt" ? 54 : 55) * MIB;
  const partition = join(directory, "partition");
  writeFileSync(partition, "");
  truncateSync(partition, length);
  makeFileSystem(partition, directory);
  run("dd", [`if=${partition}`, `of=${path}`, "bs=1M", `seek=${start / MIB}`, "conv=notrunc,sparse", "status=none"]);
  truncateSync(path, diskBytes);
  // What an array's metadata at the end of the old disk looks like.
  run("dd", ["if=/dev/urandom", `of=${path}`, "bs=1M", "seek=199", "count=1", "conv=notrunc", "status=none"]);
  return { path, imageBytes, diskBytes };
}

function ext4(partition: string, folder: string): void {
  const tree = join(folder, "tree");
  mkdirSync(join(tree, "etc"), { recursive: true });
  writeFileSync(join(tree, "etc/hostname"), "golden\n");
  writeFileSync(join(tree, "etc/hosts"), "127.0.0.1\tlocalhost\n127.0.1.1\tgolden.lan golden\n10.0.0.9\tgolden\n");
  symlinkSync("/run/outside", join(tree, "etc/resolv.conf"));
  symlinkSync("/tmp", join(tree, "escape"));
  run("mkfs.ext4", ["-q", "-F", "-d", tree, partition]);
}

const finish = (made: Made, more: Partial<Parameters<typeof afterFill>[0]> = {}): Promise<readonly string[]> =>
  afterFill({
    diskPath: made.path,
    diskBytes: made.diskBytes,
    sectorBytes: 512,
    imageBytes: made.imageBytes,
    grow: true,
    bootEntry: true,
    bootsNext: true,
    injection: { hostName: undefined, files: [] },
    firmware: { mode: "bios", secureBoot: "unsupported" },
    programs: systemPrograms,
    ...more,
  });

/** The partition as a file of its own, for tools that look at file systems. */
function partitionOf(made: Made, number: number): string {
  const table = JSON.parse(run("sfdisk", ["--json", made.path])) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const { start = 0, size = 0 } = table.partitiontable.partitions[number - 1] ?? {};
  const out = `${made.path}.${number}`;
  run("dd", [`if=${made.path}`, `of=${out}`, "bs=512", `skip=${start}`, `count=${size}`, "conv=sparse", "status=none"]);
  return out;
}

const blocksOf = (partition: string): number =>
  Number(/Block count:\s+(\d+)/.exec(run("debugfs", ["-R", "stats", partition]))?.[1]);

describe.skipIf(reason !== "")("after the fill", () => {
  test.each(["gpt", "dos"] as const)("a %s disk's last partition and its ext4 reach the disk's end", async (label) => {
    const made = disk(label, ext4);
    const notes = await finish(made);
    expect(notes.join("\n")).toMatch(/grew partition 2/);
    expect(run("sfdisk", ["--verify", made.path])).toContain("No errors detected");
    if (label === "gpt") expect(run("sgdisk", ["--verify", made.path])).toContain("No problems found");
    const partition = partitionOf(made, 2);
    run("e2fsck", ["-f", "-n", partition]);
    const { size } = statSync(partition);
    expect(size).toBeGreaterThanOrEqual(190 * MIB);
    const blockBytes = Number(/Block size:\s+(\d+)/.exec(run("debugfs", ["-R", "stats", partition]))?.[1]);
    expect(blocksOf(partition) * blockBytes).toBeGreaterThan(size - MIB);
  });

  test("doing it again, as after a power cut, changes nothing", async () => {
    const made = disk("gpt", ext4);
    await finish(made);
    const before = readFileSync(made.path);
    await finish(made);
    const after = readFileSync(made.path);
    // e2fsck notes when it ran: the superblocks of the file system may differ, tables and content not.
    expect(after.subarray(0, 9 * MIB).equals(before.subarray(0, 9 * MIB))).toBe(true);
    expect(after.subarray(199 * MIB).equals(before.subarray(199 * MIB))).toBe(true);
    expect(run("sfdisk", ["--verify", made.path])).toContain("No errors detected");
    run("e2fsck", ["-f", "-n", partitionOf(made, 2)]);
  });

  test("without growth only the table moves", async () => {
    const made = disk("gpt", ext4);
    const before = blocksOf(partitionOf(made, 2));
    expect(await finish(made, { grow: false })).toEqual([]);
    expect(run("sgdisk", ["--verify", made.path])).toContain("No problems found");
    expect(blocksOf(partitionOf(made, 2))).toBe(before);
  });

  test("host name and files stand in the new system; a link to the outside is replaced, one on the way is refused", async () => {
    const made = disk("gpt", ext4);
    const files = [
      { path: "/etc/resolv.conf", content: "nameserver 10.0.0.1\n" },
      { path: "/root/deep/answer.cfg", content: "answer\n", partition: 2 },
    ];
    await finish(made, { injection: { hostName: "pc-17", files } });
    const partition = partitionOf(made, 2);
    const cat = (path: string): string => run("debugfs", ["-R", `cat ${path}`, partition]);
    expect(cat("/etc/hostname")).toBe("pc-17\n");
    expect(cat("/etc/hosts")).toBe("127.0.0.1\tlocalhost\n127.0.1.1\tpc-17.lan pc-17\n10.0.0.9\tgolden\n");
    expect(cat("/etc/resolv.conf")).toBe("nameserver 10.0.0.1\n");
    expect(cat("/root/deep/answer.cfg")).toBe("answer\n");
    run("e2fsck", ["-f", "-n", partition]);
    const outside = [{ path: "/escape/ingot-test", content: "x" }];
    await expect(finish(made, { injection: { hostName: undefined, files: outside } })).rejects.toMatchObject({
      code: "injection",
    });
    expect(run("losetup", ["--list", "--noheadings", "--output", "BACK-FILE"])).not.toContain(made.path);
  });

  test("NTFS grows, and takes an answer file", async () => {
    const made = disk("gpt", (partition) =>
      run("mkfs.ntfs", ["-q", "-F", "-f", "-s", "512", "-p", "18432", "-H", "16", "-S", "63", partition]),
    );
    run("sfdisk", ["--part-type", made.path, "2", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"]);
    const answers = { path: "/Windows/Panther/unattend.xml", content: "<unattend/>", partition: 2 };
    await finish(made, { injection: { hostName: undefined, files: [answers] } });
    // Windows does not tell these from each other; Linux would.
    const again = { path: "/windows/PANTHER/Unattend.xml", content: "<unattend>2</unattend>" };
    await finish(made, { injection: { hostName: undefined, files: [again] } });
    const partition = partitionOf(made, 2);
    const info = run("ntfsinfo", ["--mft", "--force", partition]);
    const clusters = Number(/Volume Size in Clusters:\s+(\d+)/.exec(info)?.[1]);
    const clusterBytes = Number(/Cluster Size:\s+(\d+)/.exec(info)?.[1]);
    expect(clusters * clusterBytes).toBeGreaterThan(185 * MIB);
    expect(run("ntfscat", ["--force", partition, "Windows/Panther/unattend.xml"])).toBe("<unattend>2</unattend>");
    expect(run("ntfsls", ["--force", "--path", "/", partition]).match(/windows/gi)).toHaveLength(1);
    expect(await finish(made, { injection: { hostName: "pc-1", files: [] } })).toContain(
      "Windows takes its name from an answer file; the host name was not written",
    );
  });

  test("a disk without a table takes an image without one", async () => {
    const directory = scratch();
    const path = join(directory, "disk");
    writeFileSync(path, new Uint8Array(4 * MIB));
    expect(await finish({ path, imageBytes: 2 * MIB, diskBytes: 4 * MIB })).toEqual([
      "grew nothing: there is no partition table",
    ]);
  });
});
