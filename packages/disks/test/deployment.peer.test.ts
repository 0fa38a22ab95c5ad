import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { seededRandom } from "@ingot/testkit/link";
import { expect, onTestFinished, test } from "vitest";

import { Deployment, type DiskError } from "../src/index.ts";
import { imageAfter, smallImage, type SmallImage } from "./small-image.ts";

const MIB = 2 ** 20;
const hasLoops = process.getuid?.() === 0 && spawnSync("losetup", ["--find"]).status === 0;
if (!hasLoops && process.env["CI"] !== undefined) throw new Error("needs root and loop devices");
if (!hasLoops) process.stderr.write("skipped: needs root and loop devices\n");

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** A directory on a tmpfs of its own, so that its space can run out. */
function makeTmpfs(sizeBytes: number): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "ingot-loop-"));
  run("mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", directory);
  onTestFinished(() => {
    run("umount", "-l", directory);
    fs.rmdirSync(directory);
  });
  return directory;
}

function attach(file: string, ...options: string[]): string {
  const device = run("losetup", "--find", "--show", ...options, file);
  onTestFinished(() => void spawnSync("losetup", ["-d", device]));
  return device;
}

async function deploy(device: string, image: SmallImage, previous?: SmallImage): Promise<Deployment> {
  const { manifest, manifestId } = image;
  const deployment = await Deployment.open({ path: device, manifest, manifestId, previous });
  onTestFinished(() => deployment.close().catch(() => undefined));
  return deployment;
}

function readDevice(device: string, length: number): Buffer {
  run("blockdev", "--flushbufs", device);
  return execFileSync("head", ["-c", String(length), device], { maxBuffer: 2 * length });
}

test.skipIf(!hasLoops).each([512, 4096])(
  "a block device with sectors of %d bytes is filled, updated and verified",
  async (sectorBytes) => {
    const directory = makeTmpfs(64 * MIB);
    const image = smallImage(seededRandom(1), 300);
    const file = path.join(directory, "disk");
    fs.writeFileSync(file, Buffer.alloc(8 * MIB, 0xcc));
    const device = attach(file, "--sector-size", String(sectorBytes));
    const first = await deploy(device, image);
    expect(first.stats().map).toBe("onTarget");
    await expect(deploy(device, image)).rejects.toMatchObject({ code: "in-use" });
    await first.fill(image.reader);
    await first.finish();
    await first.close();
    expect(readDevice(device, image.content.length).equals(image.content)).toBe(true);

    const next = imageAfter(seededRandom(2), image);
    const second = await deploy(device, next, image);
    expect(second.stats().moved.chunks).toBeGreaterThan(20);
    await second.fill(next.reader);
    await second.finish();
    await second.close();
    expect(readDevice(device, next.content.length).equals(next.content)).toBe(true);

    run("dd", "if=/dev/urandom", `of=${device}`, "bs=4096", "seek=5", "count=1", "conv=notrunc", "status=none");
    const third = await Deployment.open({
      path: device,
      manifest: next.manifest,
      manifestId: next.manifestId,
      readOnly: true,
    });
    const { places, notZero } = await third.verify();
    expect(places.length + notZero.length).toBe(1);
    await third.close();
  },
);

test.skipIf(!hasLoops)("a verification asks the medium: what has changed below the page cache is seen", async () => {
  // Not on a tmpfs: there is nothing below its cache.
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "ingot-medium-"));
  onTestFinished(() => fs.rmSync(directory, { recursive: true }));
  const image = smallImage(seededRandom(1), 300);
  const file = path.join(directory, "disk");
  fs.writeFileSync(file, Buffer.alloc(8 * MIB));
  const device = attach(file);
  await using filled = await deploy(device, image);
  await filled.fill(image.reader);
  await filled.finish();
  await filled.close();
  // While it is open the kernel remembers what was read.
  const held = fs.openSync(device, "r");
  onTestFinished(() => fs.closeSync(held));
  const place = filled.plan.chunk(7).offsets[0] ?? 0;
  const before = Buffer.alloc(4096);
  fs.readSync(held, before, 0, 4096, place);
  const seek = `seek=${place / 4096}`;
  run("dd", "if=/dev/urandom", `of=${file}`, "bs=4096", seek, "count=1", "conv=notrunc", "oflag=direct", "status=none");
  const remembered = Buffer.alloc(4096);
  fs.readSync(held, remembered, 0, 4096, place);
  expect(remembered.equals(before), "the page cache still has the old bytes").toBe(true);

  const { manifest, manifestId } = image;
  await using deployment = await Deployment.open({ path: device, manifest, manifestId, repairOnly: true });
  const { damaged } = await deployment.verify();
  expect(damaged).toEqual([7]);
  await deployment.rewrite([{ offset: place, bytes: before }]);
  expect(fs.readFileSync(file).compare(before, 0, 4096, place, place + 4096)).toBe(0);
  expect((await deployment.verify()).damaged).toEqual([]);
});

test.skipIf(!hasLoops)("a device that is mounted is refused, one that is too small, too", async () => {
  const directory = makeTmpfs(64 * MIB);
  const image = smallImage(seededRandom(1), 300);
  const file = path.join(directory, "disk");
  fs.writeFileSync(file, "");
  fs.truncateSync(file, 20 * MIB);
  run("mkfs.ext4", "-q", "-F", file);
  const device = attach(file);
  const mountPoint = path.join(directory, "mounted");
  fs.mkdirSync(mountPoint);
  run("mount", device, mountPoint);
  await expect(deploy(device, image)).rejects.toMatchObject({ code: "in-use" });
  run("umount", mountPoint);
  const small = path.join(directory, "small");
  fs.writeFileSync(small, Buffer.alloc(64 * 1024));
  await expect(deploy(attach(small), image)).rejects.toMatchObject({ code: "too-small" });
});

test.skipIf(!hasLoops)(
  "a disk that stops taking writes: the sector is told, nothing is vouched for, and it goes on when it is repaired",
  async () => {
    const image = smallImage(seededRandom(3), 600);
    const directory = makeTmpfs(2 * MIB);
    const file = path.join(directory, "disk");
    fs.writeFileSync(file, "");
    fs.truncateSync(file, 64 * MIB);
    const device = attach(file);
    let failure: DiskError | undefined;
    const { manifest, manifestId } = image;
    const failing = await Deployment.open({
      path: device,
      manifest,
      manifestId,
      onFailure: (error) => (failure = error),
    });
    const outcome = await failing.fill(image.reader).catch((error: unknown) => error as DiskError);
    expect(outcome).toMatchObject({ code: "write-failed", place: { errno: "EIO" } });
    expect(failure).toBe(outcome);
    const sector = failure?.place?.sector ?? 0;
    expect(sector % 8).toBe(0);
    await failing.close().catch(() => undefined);
    run("mount", "-o", `remount,size=${64 * MIB}`, directory);
    run("blockdev", "--flushbufs", device);
    const repaired = await deploy(device, image);
    expect(repaired.stats().sample.wrong).toBe(0);
    await repaired.fill(image.reader);
    await repaired.finish();
    await repaired.close();
    expect(readDevice(device, image.content.length).equals(image.content)).toBe(true);
  },
);
