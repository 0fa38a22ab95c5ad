import { CrashVolume, PowerCutError } from "@ingot/testkit/crash";
import { type SeededRandom, seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { expect, inject, test } from "vitest";

import { DiskError } from "../src/errors.ts";
import { Overlay } from "../src/overlay.ts";
import { removeOverlay } from "../src/overlay-store.ts";
import { baseDisk, DiskModel } from "./disk-model.ts";

/** 24 blocks and a short last one. */
const SIZE_BYTES = 24 * 4096 + 1536;
const BASE_ID = "5a".repeat(32);

const isThorough = inject("isThorough");
/** What a power cut may leave is drawn so often for each moment. */
const OUTCOMES = isThorough ? 25 : 8;

function between(random: SeededRandom, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

function randomRange(random: SeededRandom): [offset: number, length: number] {
  const sectorCount = SIZE_BYTES / 512;
  const from = between(random, 0, sectorCount - 1);
  const most = random() < 0.2 ? sectorCount : 24;
  const count = between(random, 1, Math.min(most, sectorCount - from));
  return [from * 512, count * 512];
}

/** Some operations at once; settles when all have. The power being off is their only excuse. */
async function burst(random: SeededRandom, model: DiskModel, overlay: Overlay): Promise<void> {
  const running: Promise<void>[] = [];
  const count = between(random, 1, 8);
  for (let i = 0; i < count; i++) {
    const [offset, length] = randomRange(random);
    const what = random();
    if (what < 0.5) running.push(model.write(overlay, offset, length));
    else if (what < 0.65) running.push(model.discard(overlay, offset, length));
    else if (what < 0.85) running.push(model.flush(overlay));
    else running.push(model.read(overlay, offset, length));
  }
  await settle(running);
}

async function settle(running: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(running)) {
    if (result.status === "rejected" && !isPowerCut(result.reason)) throw result.reason as Error;
  }
}

function isPowerCut(error: unknown): boolean {
  return error instanceof PowerCutError || (error instanceof DiskError && error.code === "failed");
}

async function openOverlay(volume: CrashVolume, random: SeededRandom): Promise<Overlay> {
  const delay = random() < 0.5 ? (): Promise<void> | undefined => Promise.resolve() : undefined;
  return Overlay.open({ volume, base: baseDisk(SIZE_BYTES, delay), baseId: BASE_ID, minJournalBytes: 4096 });
}

/** What a disk holds after the process or the power was gone, and what the model has to be held against. */
interface Rest {
  readonly volume: CrashVolume;
  /** Whether the power was off since the model was last checked: only then may what was not flushed be lost. */
  readonly lostPower: boolean;
}

/** Runs bursts until the power goes off or the process is killed. */
async function runUntilCrash(random: SeededRandom, { volume, lostPower }: Rest, model: DiskModel): Promise<Rest> {
  let isChecked = false;
  volume.cutPowerAfter(between(random, 0, random() < 0.3 ? 20 : 300));
  try {
    const overlay = await openOverlay(volume, random);
    await check(model, overlay, lostPower);
    isChecked = true;
    while (!volume.isCut) {
      await burst(random, model, overlay);
      if (random() < 0.05 && !volume.isCut) {
        await overlay.close();
        if (random() < 0.5) await model.reset(() => removeOverlay(volume));
        return { volume: volume.kill(), lostPower: false };
      }
    }
  } catch (error) {
    if (!isPowerCut(error)) throw error;
  }
  const mayBeLost = lostPower && !isChecked;
  if (random() < 0.4) return { volume: volume.kill(), lostPower: mayBeLost };
  return { volume: volume.crash(between(random, 0, 2 ** 31)), lostPower: true };
}

function check(model: DiskModel, overlay: Overlay, lostPower: boolean): Promise<void> {
  return lostPower ? model.checkAfterCrash(overlay) : model.checkAfterKill(overlay);
}

test("whatever moment the power goes off or the process ends: flushed content is there, the rest is old or new in each sector; without a power cut every acknowledged change is there", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, delays) => {
      const random = seededRandom(seed);
      const model = new DiskModel(SIZE_BYTES);
      let rest: Rest = { volume: new CrashVolume({ seed, delays }), lostPower: false };
      for (let crashes = 0; crashes < 8; crashes++) rest = await runUntilCrash(random, rest, model);
      await check(model, await openOverlay(rest.volume, random), rest.lostPower);
    }),
    { numRuns: isThorough ? 60 : 20 },
  );
}, 60_000);

/** Everything that an overlay ever does to its files, one step after the other. */
async function scenario(volume: CrashVolume, model: DiskModel): Promise<void> {
  const overlay = await Overlay.open({ volume, base: baseDisk(SIZE_BYTES), baseId: BASE_ID, minJournalBytes: 512 });
  await model.write(overlay, 512, 9216);
  await model.flush(overlay);
  await model.discard(overlay, 1024, 20_480);
  await model.write(overlay, 4096, 512);
  await model.flush(overlay);
  await model.write(overlay, SIZE_BYTES - 4096, 4096);
  // Folds the journal into a new checkpoint.
  await model.flush(overlay);
  await overlay.close();
  await model.reset(() => removeOverlay(volume));
  const fresh = await Overlay.open({ volume, base: baseDisk(SIZE_BYTES), baseId: BASE_ID, minJournalBytes: 512 });
  await model.write(fresh, 0, 4096);
  await model.flush(fresh);
  await fresh.close();
}

test("power cuts at each single operation, with many outcomes each", async () => {
  for (let operation = 0, isDone = false; !isDone; operation++) {
    for (let seed = 0; seed < OUTCOMES; seed++) {
      const volume = new CrashVolume();
      const model = new DiskModel(SIZE_BYTES);
      volume.cutPowerAfter(operation);
      await scenario(volume, model).catch((error: unknown) => {
        if (!isPowerCut(error)) throw error;
      });
      isDone = !volume.isCut;
      const after = await Overlay.open({ volume: volume.crash(seed), base: baseDisk(SIZE_BYTES), baseId: BASE_ID });
      await model.checkAfterCrash(after).catch((error: unknown) => {
        throw new Error(`cut at operation ${operation}, seed ${seed}`, { cause: error });
      });
    }
  }
}, 60_000);

test("kills at each single operation: every acknowledged change is there, flushed or not", async () => {
  for (let operation = 0, isDone = false; !isDone; operation++) {
    const volume = new CrashVolume();
    const model = new DiskModel(SIZE_BYTES);
    volume.cutPowerAfter(operation);
    await scenario(volume, model).catch((error: unknown) => {
      if (!isPowerCut(error)) throw error;
    });
    isDone = !volume.isCut;
    const again = volume.kill();
    const after = await Overlay.open({ volume: again, base: baseDisk(SIZE_BYTES), baseId: BASE_ID });
    await model.checkAfterKill(after).catch((error: unknown) => {
      throw new Error(`killed at operation ${operation}`, { cause: error });
    });
    // What it saw is what it goes on with, whatever happens next.
    for (let seed = 0; seed < 10; seed++) {
      const later = await Overlay.open({ volume: again.crash(seed), base: baseDisk(SIZE_BYTES), baseId: BASE_ID });
      await model.checkAfterCrash(later);
    }
  }
});

test("a reset that the power interrupts is done for the whole disk or not at all", async () => {
  const outcomes = new Set<string>();
  for (let operation = 0; operation < 12; operation++) {
    for (let seed = 0; seed < OUTCOMES; seed++) {
      const volume = new CrashVolume();
      const overlay = await Overlay.open({ volume, base: baseDisk(SIZE_BYTES), baseId: BASE_ID });
      await overlay.write(0, new Uint8Array(SIZE_BYTES).fill(1));
      await overlay.close();
      volume.cutPowerAfter(operation);
      await removeOverlay(volume).catch((error: unknown) => {
        if (!isPowerCut(error)) throw error;
      });
      const after = await Overlay.open({ volume: volume.crash(seed), base: baseDisk(SIZE_BYTES), baseId: BASE_ID });
      outcomes.add(after.allocatedBytes === 0 ? "reset" : after.allocatedBytes >= SIZE_BYTES ? "kept" : "part");
    }
  }
  expect([...outcomes].sort()).toEqual(["kept", "reset"]);
});
