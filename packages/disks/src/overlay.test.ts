import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { ReadableDevice } from "./block-device.ts";
import { DiskError } from "./errors.ts";
import { OsVolume } from "./os-volume-file.ts";
import { Overlay } from "./overlay.ts";
import { measureOverlay, readOverlayHeader, removeOverlay } from "./overlay-store.ts";

const BASE_ID = "ab".repeat(32);
const MIB = 1024 * 1024;

let directory: string;
let volume: OsVolume;

beforeEach(async () => {
  directory = await fs.mkdtemp(path.join(os.tmpdir(), "ingot-overlay-"));
  volume = await OsVolume.open(path.join(directory, "disk"));
});

/** `toEqual` takes seconds for megabytes. */
function expectSame(bytes: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(bytes, expected)).toBe(0);
}

afterEach(async () => {
  await fs.rm(directory, { recursive: true });
});

/** Every sector holds its own number and a salt, so that a misplaced sector is seen. */
function patternDisk(sizeBytes: number): ReadableDevice & { content: Uint8Array } {
  const content = new Uint8Array(sizeBytes);
  const view = new DataView(content.buffer);
  for (let at = 0; at < sizeBytes; at += 4) view.setUint32(at, 0xba5e_0000 + at / 4);
  return {
    content,
    sizeBytes,
    read(offset: number, into: Uint8Array): void {
      into.set(content.subarray(offset, offset + into.length));
    },
  };
}

async function readAll(disk: ReadableDevice): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.sizeBytes);
  await disk.read(0, bytes);
  return bytes;
}

describe("overlay on a directory", () => {
  test("a new overlay reads as its base, also in its short last block", async () => {
    const base = patternDisk(MIB + 512);
    await using overlay = await openOverlay(base);
    expectSame(await readAll(overlay.disk), base.content);
  });

  test("writes of any alignment change exactly their sectors and survive reopening", async () => {
    const base = patternDisk(MIB + 512);
    const expected = base.content.slice();
    {
      await using overlay = await openOverlay(base);
      const writes = [
        [0, 4096],
        [512, 512],
        [8192 - 512, 1024],
        [20_480 - 1024, 9216],
        [MIB - 512, 1024],
        [65_536, 65_536],
      ] as const;
      for (const [offset, length] of writes) {
        const bytes = new Uint8Array(length).fill(offset / 512 + 1);
        expected.set(bytes, offset);
        await overlay.disk.write(offset, bytes);
        expectSame(await readAll(overlay.disk), expected);
      }
    }
    await using again = await openOverlay(base);
    expectSame(await readAll(again.disk), expected);
  });

  test("discarded blocks read as zeros, give their space back and can be written again", async () => {
    const base = patternDisk(4 * MIB);
    await using overlay = await openOverlay(base);
    await overlay.disk.write(0, new Uint8Array(2 * MIB).fill(7));
    await overlay.disk.flush();
    const before = await overlay.disk.stats();
    expect(before.storedBytes).toBeGreaterThanOrEqual(2 * MIB);
    await overlay.disk.discard(512, 3 * MIB - 1024);
    await overlay.disk.flush();
    const after = await overlay.disk.stats();
    expect(after.storedBytes).toBeLessThan(64 * 1024);
    expect(after.allocatedBytes).toBe(8192);
    const expected = base.content.slice();
    expected.fill(7, 0, 512).fill(0, 512, 3 * MIB - 512);
    expectSame(await readAll(overlay.disk), expected);
    await overlay.disk.write(MIB + 512, new Uint8Array(512).fill(9));
    expected.fill(9, MIB + 512, MIB + 1024);
    expectSame(await readAll(overlay.disk), expected);
    expect(overlay.disk.isAllocated(MIB)).toEqual({ allocated: true, lengthBytes: 4096 });
    expect(overlay.disk.isAllocated(MIB + 4096)).toEqual({ allocated: false, lengthBytes: 2 * MIB - 8192 });
  });

  test("a removed overlay equals the base again when it is opened", async () => {
    const base = patternDisk(MIB);
    {
      await using overlay = await openOverlay(base);
      await overlay.disk.write(0, new Uint8Array(MIB).fill(1));
    }
    await removeOverlay(volume);
    await using again = await openOverlay(base);
    expectSame(await readAll(again.disk), base.content);
    expect((await fs.readdir(volume.directory)).sort()).toEqual(["data-1", "map", "recent"]);
  });

  test("a closed overlay is measured as the open one was, torn end and all, and nothing is changed", async () => {
    expect(await measureOverlay(volume)).toBe(0);
    const overlay = await openOverlay(patternDisk(MIB));
    await overlay.disk.write(0, new Uint8Array(64 * 1024).fill(1));
    await overlay.disk.discard(4096, 8192);
    const { allocatedBytes } = overlay.disk;
    await overlay.disk.close();
    expect(allocatedBytes).toBe(64 * 1024 - 8192);
    expect(await measureOverlay(volume)).toBe(allocatedBytes);
    const map = path.join(volume.directory, "map");
    await fs.appendFile(map, new Uint8Array(700).fill(0x49));
    const { size } = await fs.stat(map);
    expect(await measureOverlay(volume)).toBe(allocatedBytes);
    expect((await fs.stat(map)).size).toBe(size);
  });

  test("another base or size is refused", async () => {
    const base = patternDisk(MIB);
    {
      await using overlay = await openOverlay(base);
      await overlay.disk.write(0, new Uint8Array(512));
    }
    const other = "cd".repeat(32);
    await expect(Overlay.open({ volume, base, baseId: other })).rejects.toMatchObject({ code: "wrong-base" });
    const larger = patternDisk(2 * MIB);
    await expect(openOverlay(larger)).rejects.toMatchObject({ code: "wrong-base" });
    expect(await readOverlayHeader(volume)).toEqual({ sizeBytes: MIB, generation: 1, baseId: BASE_ID });
  });

  test("bad ranges and use after close are refused", async () => {
    const overlay = await openOverlay(patternDisk(MIB));
    for (const [offset, length] of [
      [1, 512],
      [0, 100],
      [-512, 512],
      [MIB, 512],
      [MIB - 512, 1024],
    ] as const) {
      expect(() => overlay.disk.read(offset, new Uint8Array(length))).toThrow(DiskError);
      expect(() => overlay.disk.write(offset, new Uint8Array(length))).toThrow(DiskError);
      expect(() => overlay.disk.discard(offset, length)).toThrow(DiskError);
    }
    await overlay.disk.close();
    await overlay.disk.close();
    expect(() => overlay.disk.read(0, new Uint8Array(512))).toThrow(expect.objectContaining({ code: "closed" }));
    await expect(overlay.disk.flush()).rejects.toMatchObject({ code: "closed" });
  });

  test("removing leaves nothing, and removing nothing is fine", async () => {
    const overlay = await openOverlay(patternDisk(MIB));
    await overlay.disk.close();
    await removeOverlay(volume);
    await removeOverlay(volume);
    expect(await fs.readdir(volume.directory)).toEqual([]);
    expect(await readOverlayHeader(volume)).toBeUndefined();
  });
});

async function openOverlay(base: ReadableDevice): Promise<{ disk: Overlay } & AsyncDisposable> {
  const disk = await Overlay.open({ volume, base, baseId: BASE_ID });
  return { disk, [Symbol.asyncDispose]: () => disk.close() };
}
