import { sha256 } from "@ingot/chunks";
import { CrashVolume, PowerCutError } from "@ingot/testkit/crash";
import { type SeededRandom, seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { test } from "vitest";

import { DiskError } from "../src/errors.ts";
import { HaveStore } from "../src/have-store.ts";
import { Replica } from "../src/replica.ts";
import { smallImage, type SmallImage } from "./small-image.ts";

function isPowerCut(error: unknown): boolean {
  const isFailure = error instanceof DiskError && (error.code === "failed" || error.code === "closed");
  return error instanceof PowerCutError || isFailure;
}

/** Reads, fills, verifies and flushes at random until the power goes off; returns the chunks that a flush vouched for. */
async function runUntilCrash(random: SeededRandom, volume: CrashVolume, image: SmallImage): Promise<number> {
  let heldAtFlush = 0;
  volume.cutPowerAfter(Math.floor(random() * 250));
  try {
    const { manifest, manifestId, reader } = image;
    const replica = await Replica.open({ volume, manifest, manifestId, reader });
    while (!volume.isCut) {
      const steps = Array.from({ length: 1 + Math.floor(random() * 5) }, () => step(random, replica, image));
      for (const result of await Promise.allSettled(steps)) {
        if (result.status === "rejected") throw result.reason;
      }
      const { heldChunks } = replica.stats();
      await replica.flush();
      heldAtFlush = heldChunks;
    }
  } catch (error) {
    if (!isPowerCut(error)) throw error;
  }
  return heldAtFlush;
}

async function step(random: SeededRandom, replica: Replica, image: SmallImage): Promise<void> {
  const what = random();
  if (what < 0.1) {
    await replica.verify();
  } else if (what < 0.2) {
    const abort = new AbortController();
    let left = Math.floor(random() * 10);
    const filling = replica.fill({ signal: abort.signal, onProgress: () => left-- <= 0 && abort.abort() });
    await filling.catch((error: unknown) => {
      if (!abort.signal.aborted || isPowerCut(error)) throw error;
    });
  } else {
    const offset = Math.floor((random() * replica.sizeBytes) / 512) * 512;
    const bytes = new Uint8Array(Math.min(replica.sizeBytes - offset, 512 * Math.ceil(random() * 40)));
    await replica.read(offset, bytes);
    if (Buffer.compare(bytes, image.content.subarray(offset, offset + bytes.length)) !== 0) {
      throw new Error(`wrong bytes at ${offset}`);
    }
  }
}

/** Every have-bit must stand over the right bytes. Returns how many there are. */
async function checkBits(volume: CrashVolume, image: SmallImage): Promise<number> {
  const chunks = image.manifest.extents.filter((extent) => extent.kind === "chunk");
  const { manifestId, manifest } = image;
  const store = await HaveStore.open(volume, { manifestId, sizeBytes: manifest.sizeBytes, chunkCount: chunks.length });
  let held = 0;
  for (const [chunk, { offset, length, digest }] of chunks.entries()) {
    if (store.answer(chunk) !== "held") continue;
    held += 1;
    const bytes = new Uint8Array(length);
    await store.backing.read(offset, bytes);
    if (sha256(bytes) !== digest) throw new Error(`the have-bit of chunk ${chunk} stands over wrong bytes`);
  }
  return held;
}

test("whatever moment the power goes off: no have-bit over wrong bytes, no bit lost that a flush vouched for", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, delays) => {
      const random = seededRandom(seed);
      const image = smallImage(random, 60);
      let volume = new CrashVolume({ seed, delays });
      for (let crashes = 0; crashes < 5; crashes++) {
        const heldAtFlush = await runUntilCrash(random, volume, image);
        volume = random() < 0.3 ? volume.kill() : volume.crash(Math.floor(random() * 2 ** 31));
        const held = await checkBits(volume, image);
        if (held < heldAtFlush) throw new Error(`${heldAtFlush} chunks were durable, ${held} are left`);
      }
    }),
    { numRuns: 100 },
  );
});
