import { CrashVolume } from "@ingot/testkit/crash";
import { seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { test } from "vitest";

import { Overlay } from "../src/overlay.ts";
import { baseDisk, DiskModel } from "./disk-model.ts";

/** Few blocks, so that nearly everything overlaps; the last one is short. */
const SIZE_BYTES = 6 * 4096 + 1024;

test("overlapping changes take effect in the order of their calls, readers see old or new sectors, never others", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = seededRandom(seed);
      const delay = (): Promise<void> | undefined => (random() < 0.5 ? Promise.resolve() : undefined);
      const base = baseDisk(SIZE_BYTES, delay);
      const volume = new CrashVolume({ seed, delays: true });
      const overlay = await Overlay.open({ volume, base, baseId: "5a".repeat(32), minJournalBytes: 1024 });
      const model = new DiskModel(SIZE_BYTES);
      const running: Promise<void>[] = [];
      for (let i = 0; i < 60; i++) {
        const from = Math.floor((random() * SIZE_BYTES) / 512);
        const count = 1 + Math.floor(random() * Math.min(20, SIZE_BYTES / 512 - from));
        const what = random();
        if (what < 0.45) running.push(model.write(overlay, from * 512, count * 512));
        else if (what < 0.6) running.push(model.discard(overlay, from * 512, count * 512));
        else if (what < 0.7) running.push(model.flush(overlay));
        else running.push(model.read(overlay, from * 512, count * 512));
        // Sometimes everything so far gets a few turns, or the time to finish.
        if (random() < 0.2) for (let turn = 0; turn < random() * 20; turn++) await Promise.resolve();
        if (random() < 0.1) await Promise.all(running);
      }
      await Promise.all(running);
      await model.read(overlay, 0, SIZE_BYTES);
      await overlay.close();
    }),
    { numRuns: 150 },
  );
}, 60_000);
