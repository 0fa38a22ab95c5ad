import { CrashVolume } from "@ingot/testkit/crash";
import { expect, test } from "vitest";

import { Overlay } from "../src/overlay.ts";
import { baseDisk, DiskModel } from "./disk-model.ts";

const SIZE_BYTES = 24 * 4096;
const BASE_ID = "5a".repeat(32);

async function openOn(volume: CrashVolume): Promise<Overlay> {
  return Overlay.open({ volume, base: baseDisk(SIZE_BYTES), baseId: BASE_ID });
}

/** An overlay with three flushes: the map has header, checkpoint and three records, a sector each. */
async function writtenVolume(): Promise<{ volume: CrashVolume; model: DiskModel }> {
  const volume = new CrashVolume();
  const model = new DiskModel(SIZE_BYTES);
  const overlay = await openOn(volume);
  for (let flush = 0; flush < 3; flush++) {
    await model.write(overlay, flush * 8192, 4096);
    await model.flush(overlay);
  }
  await overlay.close();
  return { volume, model };
}

async function change(volume: CrashVolume, name: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await volume.open(name, "existing");
  await file.write(offset, bytes);
  await file.close();
}

test.each([
  ["magic", 0],
  ["size", 20],
  ["base", 40],
  ["checkpoint", 512 + 8],
  ["first record", 1024 + 30],
  ["second record", 1536 + 5],
])("a damaged %s is named, the overlay refused", async (_what, offset) => {
  const { volume } = await writtenVolume();
  await change(volume, "map", offset, Uint8Array.of(0xff));
  await expect(openOn(volume)).rejects.toMatchObject({ code: "damaged-map" });
});

test("a bad last record is a flush that was never acknowledged, and is overwritten by the next", async () => {
  const { volume: before } = await writtenVolume();
  await change(before, "map", 2048 + 30, Uint8Array.of(0xff));
  const file = await before.open("map", "existing");
  await file.sync();
  const volume = before.crash(0);
  const overlay = await openOn(volume);
  expect(overlay.allocatedBytes).toBe(8192);
  await overlay.write(SIZE_BYTES - 4096, new Uint8Array(4096));
  await overlay.close();
  const again = await openOn(volume);
  expect(again.allocatedBytes).toBe(12_288);
});

test("garbage after the last record is cut off", async () => {
  const { volume, model } = await writtenVolume();
  await change(volume, "map", 2560, new Uint8Array(700).fill(0x49));
  const overlay = await openOn(volume);
  await model.checkAfterCrash(overlay);
  expect((await overlay.stats()).mapBytes).toBe(2560);
});

test("a map of a newer version is refused as such", async () => {
  const { volume } = await writtenVolume();
  await change(volume, "map", 8, Uint8Array.of(0, 0, 0, 2));
  await expect(openOn(volume)).rejects.toMatchObject({ code: "unsupported-version" });
});

test("a missing or cut data file is named", async () => {
  const { volume } = await writtenVolume();
  const file = await volume.open("data-1", "existing");
  await file.truncate(4096);
  await expect(openOn(volume)).rejects.toMatchObject({ code: "damaged-map" });
  await volume.remove("data-1");
  await expect(openOn(volume)).rejects.toMatchObject({ code: "damaged-map" });
});

test("leftovers of an interrupted step are removed", async () => {
  const { volume } = await writtenVolume();
  await volume.open("data-2", "create");
  await volume.open("map.new", "create");
  await openOn(volume);
  expect((await volume.list()).sort()).toEqual(["data-1", "map", "recent"]);
});
