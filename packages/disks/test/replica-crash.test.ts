import { type ChunkExtent, sha256 } from "@ingot/chunks";
import { CrashVolume, PowerCutError } from "@ingot/testkit/crash";
import { type SeededRandom, seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { inject, test } from "vitest";

import { DiskError } from "../src/errors.ts";
import { HaveStore } from "../src/have-store.ts";
import { Replica } from "../src/replica.ts";
import { smallImage, type SmallImage } from "./small-image.ts";

function isPowerCut(error: unknown): boolean {
  const isFailure = error instanceof DiskError && (error.code === "failed" || error.code === "closed");
  return error instanceof PowerCutError || isFailure;
}

/** Chunks that the disk changed behind our back, and what it made of them. */
type Damage = Map<number, Uint8Array>;

/** Reads, fills, verifies and flushes at random until the power goes off; returns the chunks that a flush vouched for. */
async function runUntilCrash(
  random: SeededRandom,
  volume: CrashVolume,
  image: SmallImage,
  damage: Damage,
): Promise<number> {
  let heldAtFlush = 0;
  volume.cutPowerAfter(Math.floor(random() * 250));
  try {
    const { manifest, manifestId, reader } = image;
    const replica = await Replica.open({ volume, manifest, manifestId, reader });
    while (!volume.isCut) {
      const steps = Array.from({ length: 1 + Math.floor(random() * 5) }, () => step(random, replica, image, damage));
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

async function step(random: SeededRandom, replica: Replica, image: SmallImage, damage: Damage): Promise<void> {
  const what = random();
  if (what < 0.15) {
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
    const isRight = Buffer.compare(bytes, image.content.subarray(offset, offset + bytes.length)) === 0;
    if (!isRight && damage.size === 0) {
      throw new Error(`wrong bytes at ${offset}`);
    }
  }
}

/**
 * Every have-bit must stand over the right bytes, or over a damage just as it was made: a repair of it must not begin
 * before the bit is cleared. Returns how many bits there are.
 */
async function checkBits(volume: CrashVolume, image: SmallImage, damage: Damage): Promise<number> {
  const store = await openStore(volume, image);
  let held = 0;
  for (const [chunk, { offset, length, digest }] of chunksOf(image).entries()) {
    if (store.answer(chunk) !== "held") continue;
    held += 1;
    const bytes = new Uint8Array(length);
    await store.backing.read(offset, bytes);
    const damaged = damage.get(chunk);
    if (sha256(bytes) === digest) damage.delete(chunk);
    else if (damaged === undefined || Buffer.compare(bytes, damaged) !== 0) {
      throw new Error(`the have-bit of chunk ${chunk} stands over wrong bytes`);
    }
  }
  return held;
}

function chunksOf(image: SmallImage): ChunkExtent[] {
  return image.manifest.extents.filter((extent) => extent.kind === "chunk");
}

function openStore(volume: CrashVolume, image: SmallImage): Promise<HaveStore> {
  const { manifestId, manifest } = image;
  const header = { manifestId, sizeBytes: manifest.sizeBytes, chunkCount: chunksOf(image).length };
  return HaveStore.open(volume, header);
}

/** Damages the first and the last sector of some held chunks, durably. */
async function makeDamage(random: SeededRandom, volume: CrashVolume, image: SmallImage, damage: Damage): Promise<void> {
  const store = await openStore(volume, image);
  for (const [chunk, { offset, length }] of chunksOf(image).entries()) {
    if (store.answer(chunk) !== "held" || random() > 0.1) continue;
    const bytes = image.content
      .slice(offset, offset + length)
      .fill(0xee, 0, 512)
      .fill(0xee, length - 512);
    await store.backing.write(offset, bytes);
    damage.set(chunk, bytes);
  }
  await store.backing.sync();
}

test("whatever moment the power goes off: no have-bit over wrong bytes, no bit lost that a flush vouched for", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, delays) => {
      const random = seededRandom(seed);
      const image = smallImage(random, 60);
      let volume = new CrashVolume({ seed, delays });
      const damage: Damage = new Map();
      for (let crashes = 0; crashes < 6; crashes++) {
        const heldAtFlush = await runUntilCrash(random, volume, image, damage);
        volume = random() < 0.3 ? volume.kill() : volume.crash(Math.floor(random() * 2 ** 31));
        // A verification after the last flush may have cleared the bits of these.
        const damagedCount = damage.size;
        const held = await checkBits(volume, image, damage);
        if (held + damagedCount < heldAtFlush) throw new Error(`${heldAtFlush} chunks were durable, ${held} are left`);
        if (random() < 0.4) await makeDamage(random, volume, image, damage);
      }
    }),
    { numRuns: inject("isThorough") ? 60 : 20 },
  );
}, 60_000);

test("power cuts at each operation while damaged chunks are found and repaired", async () => {
  const image = smallImage(seededRandom(1), 12);
  const filled = new CrashVolume();
  const { manifest, manifestId, reader } = image;
  const replica = await Replica.open({ volume: filled, manifest, manifestId, reader });
  await replica.fill();
  await replica.close();
  const damage: Damage = new Map();
  await makeDamage(() => 0, filled, image, damage);
  for (let operation = 0, isDone = false; !isDone; operation++) {
    const volume = filled.crash(0, { seed: operation, delays: true });
    volume.cutPowerAfter(operation);
    try {
      const repaired = await Replica.open({ volume, manifest, manifestId, reader });
      const reads = chunksOf(image).map(async ({ offset }) => {
        // Turns in which the verification finds the damage.
        for (let turn = 0; turn < 20; turn++) {
          await repaired.read(offset, new Uint8Array(512));
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      const results = await Promise.allSettled([repaired.verify(), ...reads]);
      for (const result of results) if (result.status === "rejected") throw result.reason;
      await repaired.fill();
    } catch (error) {
      if (!isPowerCut(error)) throw error;
    }
    isDone = !volume.isCut;
    for (let seed = 0; seed < 10; seed++) await checkBits(volume.crash(seed), image, new Map(damage));
  }
});
