import { Overlay } from "@ingot/disks";
import { CrashVolume } from "@ingot/testkit/crash";
import { type SeededRandom, seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { inject, test } from "vitest";
import { baseDisk, DiskModel } from "../packages/disks/test/disk-model.ts";
import { Harness } from "../packages/iscsi/test/harness.ts";
import { CommandFailed, PduDisk } from "./pdu-disk.ts";

/** 40 blocks and a short last one: writes up to the whole disk need several R2T. */
const SIZE_BYTES = 40 * 4096 + 1024;
const SECTORS = SIZE_BYTES / 512;
const BASE_ID = "5a".repeat(32);

/** A machine's disk as its initiator sees it: target, overlay, and below them files that forget what was not synced. */
async function logIn(volume: CrashVolume, writeCache: boolean): Promise<PduDisk> {
  const base = baseDisk(SIZE_BYTES);
  const overlay = await Overlay.open({ volume, base, baseId: BASE_ID, minJournalBytes: 4096 });
  return PduDisk.login(new Harness({ device: overlay, disk: { writeCache } }), SIZE_BYTES);
}

/** Ranges that do not overlap: a target may carry out commands that are under way together in any order. */
function separateRanges(random: SeededRandom, most: number): { offset: number; length: number }[] {
  const cuts = new Set<number>();
  const count = 2 * (1 + Math.floor(random() * most));
  while (cuts.size < count) cuts.add(Math.floor(random() * (SECTORS + 1)));
  const sorted = [...cuts].toSorted((a, b) => a - b);
  return Array.from({ length: count / 2 }, (_, i) => {
    const from = sorted[2 * i] ?? 0;
    return { offset: from * 512, length: ((sorted[2 * i + 1] ?? 0) - from) * 512 };
  });
}

/** What a machine does: some commands at once, mostly changes, now and then a flush among them. */
async function burst(random: SeededRandom, model: DiskModel, disk: PduDisk, writeCache: boolean): Promise<void> {
  const through = { write: (offset: number, bytes: Uint8Array) => disk.writeThrough(offset, bytes) };
  const running = separateRanges(random, 6).map(({ offset, length }) => {
    const what = random();
    if (what < 0.55) return writeCache ? model.write(disk, offset, length) : model.writeThrough(disk, offset, length);
    if (what < 0.7) return model.writeThrough(through, offset, length);
    if (what < 0.85)
      return writeCache ? model.discard(disk, offset, length) : model.discardThrough(disk, offset, length);
    return model.read(disk, offset, length);
  });
  if (random() < 0.3) running.push(model.flush(disk));
  for (const result of await Promise.allSettled(running)) {
    // What the power cut hit is refused by the target, with MEDIUM ERROR.
    if (result.status === "rejected" && !(result.reason instanceof CommandFailed)) throw result.reason as Error;
  }
}

test.each([
  ["a write cache", true],
  ["write-through", false],
])(
  "whatever moment the power goes off under a target with %s: an initiator finds all that was flushed, forced or, when only the server died, acknowledged",
  async (_, writeCache) => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, delays) => {
        const random = seededRandom(seed);
        const model = new DiskModel(SIZE_BYTES);
        let volume = new CrashVolume({ seed, delays });
        let disk = await logIn(volume, writeCache);
        for (let crashes = 0; crashes < 4; crashes++) {
          volume.cutPowerAfter(Math.floor(random() * 60));
          while (!volume.isCut) await burst(random, model, disk, writeCache);
          const isKill = random() < 0.4;
          volume = isKill ? volume.kill() : volume.crash(Math.floor(random() * 2 ** 31));
          disk = await logIn(volume, writeCache);
          await (isKill ? model.checkAfterKill(disk) : model.checkAfterCrash(disk));
        }
      }),
      { numRuns: inject("isThorough") ? 25 : 8 },
    );
  },
  60_000,
);
