import { expect, test } from "vitest";

import { CrashVolume, PowerCutError } from "./crash-volume.ts";

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);
const sectors = (...values: number[]): Uint8Array => Uint8Array.from(values.flatMap((value) => Array(512).fill(value)));

async function contentOf(volume: CrashVolume, name: string): Promise<number[]> {
  const file = await volume.open(name, "existing");
  const { sizeBytes } = await file.measure();
  const bytes = new Uint8Array(sizeBytes);
  await file.read(0, bytes);
  for (let at = 0; at < sizeBytes; at += 512) expect(new Set(bytes.subarray(at, at + 512)).size).toBe(1);
  return Array.from({ length: sizeBytes / 512 }, (_, sector) => bytes[sector * 512] as number);
}

async function volumeWith(...values: number[]): Promise<CrashVolume> {
  const volume = new CrashVolume();
  const file = await volume.open("f", "create");
  await file.write(0, sectors(...values));
  await file.sync();
  await volume.syncDirectory();
  return volume;
}

test("what was synced survives every crash; what was not is old or new, sector by sector", async () => {
  const volume = await volumeWith(1, 1, 1, 1);
  const file = await volume.open("f", "existing");
  await file.write(512, sectors(2, 2, 2));
  await file.write(1024, sectors(3));
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const left = await contentOf(volume.crash(seed), "f");
    expect(left[0]).toBe(1);
    expect([1, 2]).toContain(left[1]);
    expect([1, 2, 3]).toContain(left[2]);
    expect([1, 2]).toContain(left[3]);
    seen.add(left.join());
  }
  // Lost, whole, torn and reordered (the later write without the earlier one) all happen.
  for (const outcome of ["1,1,1,1", "1,2,3,2", "1,2,1,1", "1,1,3,1"]) expect(seen).toContain(outcome);
});

test("a sync covers what was written before its call, not what is written while it waits", async () => {
  for (const seed of SEEDS) {
    const volume = new CrashVolume({ seed, delays: true });
    const file = await volume.open("f", "create");
    await file.write(0, sectors(1));
    await volume.syncDirectory();
    const syncing = file.sync();
    const writing = file.write(0, sectors(2));
    await Promise.all([syncing, writing]);
    expect([1, 2]).toContain((await contentOf(volume.crash(seed), "f"))[0]);
  }
});

test("names are lost before the directory is synced, and kept after", async () => {
  const outcomes = new Set<string>();
  for (const seed of SEEDS) {
    const volume = await volumeWith(1);
    await volume.open("g", "create");
    await volume.rename("f", "h");
    outcomes.add((await volume.crash(seed).list()).sort().join());
  }
  expect([...outcomes].sort()).toEqual(["f", "f,g", "g,h", "h"]);
  const volume = await volumeWith(1);
  await volume.rename("f", "h");
  await volume.syncDirectory();
  for (const seed of SEEDS) expect(await volume.crash(seed).list()).toEqual(["h"]);
});

test("killing the process alone loses nothing, and what was not synced stays unsynced", async () => {
  const volume = await volumeWith(1, 1);
  const file = await volume.open("f", "existing");
  await file.write(0, sectors(2));
  await volume.rename("f", "h");
  const after = volume.kill();
  expect(await contentOf(after, "h")).toEqual([2, 1]);
  const outcomes = new Set<string>();
  for (const seed of SEEDS) {
    const left = after.crash(seed);
    const [name = ""] = await left.list();
    outcomes.add(`${name}${(await contentOf(left, name)).join()}`);
  }
  expect([...outcomes].sort()).toEqual(["f1,1", "f2,1", "h1,1", "h2,1"]);
});

test("a power cut hits the operation it is set to, and everything after it fails", async () => {
  const volume = await volumeWith(1);
  const file = await volume.open("f", "existing");
  volume.cutPowerAfter(1);
  await file.write(0, sectors(2));
  await expect(file.sync()).rejects.toThrow(PowerCutError);
  expect(volume.isCut).toBe(true);
  expect(() => file.read(0, new Uint8Array(512))).toThrow(PowerCutError);
  await expect(volume.list()).rejects.toThrow(PowerCutError);
});

test("cutting and extending leaves zeros, holes take up nothing", async () => {
  const volume = await volumeWith(1, 1, 1, 1);
  const file = await volume.open("f", "existing");
  await file.truncate(512);
  await file.truncate(1536);
  expect(await contentOf(volume, "f")).toEqual([1, 0, 0]);
  expect(await file.measure()).toEqual({ sizeBytes: 1536, storedBytes: 512 });
  await file.punchHole(0, 512);
  expect(await file.measure()).toEqual({ sizeBytes: 1536, storedBytes: 0 });
});

test("an operation fails where it is told to, without effect", async () => {
  const volume = new CrashVolume({
    onOperation({ kind }) {
      if (kind === "write") throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    },
  });
  const file = await volume.open("f", "create");
  expect(() => file.write(0, sectors(1))).toThrow("ENOSPC");
  expect((await file.measure()).sizeBytes).toBe(0);
});
