import { type CrashOperation, CrashVolume } from "@ingot/testkit/crash";
import { expect, test } from "vitest";

import { Overlay } from "../src/overlay.ts";
import { baseDisk, DiskModel } from "./disk-model.ts";

const SIZE_BYTES = 24 * 4096;
const BASE_ID = "5a".repeat(32);

/** A volume whose operations fail while `failing` says so. */
class FailingVolume extends CrashVolume {
  failing: ((operation: CrashOperation) => boolean) | undefined;

  constructor() {
    super({
      onOperation: (operation) => {
        if (this.failing?.(operation) === true) throw Object.assign(new Error("no"), { code: "ENOSPC" });
      },
    });
  }
}

async function openOn(volume: CrashVolume): Promise<Overlay> {
  return Overlay.open({ volume, base: baseDisk(SIZE_BYTES), baseId: BASE_ID, minJournalBytes: 1024 });
}

test("a write that finds the disk full changes nothing, and works again when there is space", async () => {
  const volume = new FailingVolume();
  const overlay = await openOn(volume);
  const model = new DiskModel(SIZE_BYTES);
  await model.write(overlay, 0, 8192);
  volume.failing = ({ kind }) => kind === "write";
  await expect(model.write(overlay, 4096, 8192)).rejects.toMatchObject({ code: "ENOSPC" });
  volume.failing = undefined;
  await model.read(overlay, 0, SIZE_BYTES);
  await model.write(overlay, 4096, 8192);
  await model.flush(overlay);
  await model.checkAfterCrash(await openOn(volume.crash(1)));
});

test("a flush that finds the disk full is refused, and the next one makes everything durable", async () => {
  const volume = new FailingVolume();
  const overlay = await openOn(volume);
  const model = new DiskModel(SIZE_BYTES);
  // Rounds enough to fail once while appending and once while writing a checkpoint.
  for (let round = 0; round < 8; round++) {
    await model.write(overlay, round * 4096, 8192);
    await model.discard(overlay, round * 8192, 4096);
    volume.failing = ({ kind, name }) => kind === "write" && name.startsWith("map");
    await expect(model.flush(overlay)).rejects.toMatchObject({ code: "ENOSPC" });
    volume.failing = undefined;
    await model.flush(overlay);
    await new DiskModel(SIZE_BYTES).read(overlay, SIZE_BYTES - 4096, 4096);
  }
  for (let seed = 0; seed < 20; seed++) {
    const after = await openOn(volume.crash(seed));
    expect(after.allocatedBytes).toBe(overlay.allocatedBytes);
  }
  await model.checkAfterCrash(await openOn(volume.crash(1)));
});

test("after a sync failed every change and flush is refused, also when a later sync would succeed", async () => {
  // The map is known to the volume by the name under which it was opened.
  for (const failing of ["data-1", "map.new"]) {
    const volume = new FailingVolume();
    const overlay = await openOn(volume);
    const model = new DiskModel(SIZE_BYTES);
    await model.write(overlay, 0, 4096);
    await model.flush(overlay);
    await model.write(overlay, 4096, 4096);
    volume.failing = ({ kind, name }) => kind === "sync" && name === failing;
    await expect(model.flush(overlay)).rejects.toMatchObject({ code: "failed" });
    volume.failing = undefined;
    await expect(model.flush(overlay)).rejects.toMatchObject({ code: "failed" });
    await expect(model.write(overlay, 0, 512)).rejects.toMatchObject({ code: "failed" });
    await expect(model.discard(overlay, 0, 512)).rejects.toMatchObject({ code: "failed" });
    await model.read(overlay, 0, SIZE_BYTES);
    await overlay.close();
    await model.checkAfterCrash(await openOn(volume.crash(1)));
  }
});

test("an error of the base fails the read, and the partial write that needs it, and nothing else", async () => {
  const base = baseDisk(SIZE_BYTES);
  let isBroken = false;
  const overlay = await Overlay.open({
    volume: new CrashVolume(),
    baseId: BASE_ID,
    base: {
      sizeBytes: SIZE_BYTES,
      read(offset, into) {
        if (isBroken) throw new Error("broken");
        return base.read(offset, into);
      },
    },
  });
  const model = new DiskModel(SIZE_BYTES);
  isBroken = true;
  await expect(model.read(overlay, 0, 4096)).rejects.toThrow("broken");
  await expect(model.write(overlay, 512, 512)).rejects.toThrow("broken");
  await model.write(overlay, 4096, 4096);
  await model.read(overlay, 4096, 4096);
  isBroken = false;
  await model.read(overlay, 0, SIZE_BYTES);
});

test("what was written before a failed sync is not believed after the process ended", async () => {
  const volume = new FailingVolume();
  const overlay = await openOn(volume);
  await overlay.write(0, new Uint8Array(4096).fill(1));
  volume.failing = ({ kind }) => kind === "sync";
  await expect(overlay.flush()).rejects.toMatchObject({ code: "failed" });
  // Until then it would have been: the bytes may be missing now, although they are read from memory for a while.
  expect((await openOn(volume.kill({}))).allocatedBytes).toBe(0);
});

test("the same when it is the sync of the next opening that fails", async () => {
  const volume = new FailingVolume();
  const overlay = await openOn(volume);
  await overlay.write(0, new Uint8Array(4096).fill(1));
  const killed = volume.kill();
  volume.failing = ({ kind, name }) => kind === "sync" && name === "data-1";
  await expect(openOn(killed)).rejects.toThrow("no");
  volume.failing = undefined;
  expect((await openOn(killed)).allocatedBytes).toBe(0);
});

test("an initiator that never flushes makes the overlay flush of its own accord", async () => {
  let syncs = 0;
  const volume = new CrashVolume({ onOperation: ({ kind }) => void (syncs += kind === "sync" ? 1 : 0) });
  const overlay = await openOn(volume);
  const before = syncs;
  const block = new Uint8Array(4096);
  for (let i = 0; i < 33_000; i++) {
    await overlay.write(0, block);
    await overlay.discard(0, 4096);
  }
  expect(syncs).toBeGreaterThan(before);
  const recent = await volume.open("recent", "existing");
  expect((await recent.measure()).sizeBytes).toBeLessThan(2 * 1024 * 1024 + 8192);
});
