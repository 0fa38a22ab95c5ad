import { sha256 } from "@ingot/chunks";
import { CrashVolume, PowerCutError } from "@ingot/testkit/crash";
import { type SeededRandom, seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { expect, test } from "vitest";

import { DeployMap } from "../src/deploy-map.ts";
import { DeployPlan } from "../src/deploy-plan.ts";
import { Deployment } from "../src/deployment.ts";
import { DiskError } from "../src/errors.ts";
import { CrashDeployTarget } from "./crash-deploy-target.ts";
import { imageAfter, smallImage, type SmallImage } from "./small-image.ts";

interface Room {
  readonly image: SmallImage;
  readonly previous: SmallImage;
  readonly slackBytes: number;
  readonly hasBeside: boolean;
}

function isPowerCut(error: unknown): boolean {
  if (error instanceof DiskError) return isPowerCut(error.cause);
  return error instanceof PowerCutError;
}

/** A disk that holds the previous version, perhaps half overwritten with other bytes, and slack full of them. */
async function makeDisk(
  random: SeededRandom,
  volume: CrashVolume,
  { previous, image, slackBytes }: Room,
): Promise<void> {
  const size = Math.max(image.content.length, previous.content.length) + slackBytes;
  const disk = new Uint8Array(size).fill(0xcc);
  disk.set(previous.content);
  if (random() < 0.3) disk.fill(0xdd, Math.floor(disk.length * random()));
  await CrashDeployTarget.create(volume, disk);
}

async function open(volume: CrashVolume, room: Room, random: SeededRandom): Promise<Deployment> {
  const { image, previous, hasBeside } = room;
  const target = await CrashDeployTarget.open(volume, hasBeside);
  const { manifest, manifestId } = image;
  return Deployment.over(target, -1, { manifest, manifestId, previous, random });
}

/** Fills, makes zeros, verifies and finishes in a random mixture; returns whether it was finished. */
async function runUntilCrash(random: SeededRandom, volume: CrashVolume, room: Room): Promise<boolean> {
  let isFinished = false;
  try {
    const deployment = await open(volume, room, random);
    const steps = [
      deployment.fill(room.image.reader, { concurrency: 1 + Math.floor(random() * 4) }),
      deployment.prepareZeroes(),
    ];
    if (random() < 0.3) steps.push(deployment.flush());
    for (const result of await Promise.allSettled(steps)) if (result.status === "rejected") throw result.reason;
    if (random() < 0.3) expect((await deployment.verify()).damaged).toEqual([]);
    await deployment.finish();
    isFinished = true;
    await deployment.close();
  } catch (error) {
    if (!isPowerCut(error)) throw error;
  }
  return isFinished;
}

async function contentOf(volume: CrashVolume, sizeBytes: number): Promise<Uint8Array> {
  const file = await volume.open("disk", "existing");
  const bytes = new Uint8Array(sizeBytes);
  await file.read(0, bytes);
  return bytes;
}

/** Every bit on the disk must stand over right and durable bytes, in every place. */
async function checkBits(volume: CrashVolume, room: Room): Promise<void> {
  const { manifest, manifestId } = room.image;
  const plan = DeployPlan.of(manifest);
  const target = await CrashDeployTarget.open(volume, room.hasBeside);
  const map = await DeployMap.open(target, plan, manifestId);
  const disk = await contentOf(volume, manifest.sizeBytes);
  for (const [number, { digest, length, offsets }] of plan.chunks.entries()) {
    if (!map.hasChunk(number)) continue;
    for (const offset of offsets) {
      if (sha256(disk.subarray(offset, offset + length)) === digest) continue;
      throw new Error(`the bit of chunk ${number} stands over wrong bytes at ${offset}`);
    }
  }
  const { area } = map;
  for (const [number, { offset, length }] of plan.empties.entries()) {
    if (!map.hasEmpty(number)) continue;
    for (let at = offset; at < offset + length; at++) {
      const isUnderMap = area.kind === "onTarget" && at >= area.offset && at < area.offset + area.length;
      if (disk[at] !== 0 && !isUnderMap) throw new Error(`the bit of empty extent ${number} stands over a ${disk[at]}`);
    }
  }
}

test("whatever moment the power goes off: no bit over wrong bytes, and in the end the image", async () => {
  let crashes = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1 }),
      fc.boolean(),
      fc.boolean(),
      fc.boolean(),
      async (seed, delays, slack, hasBeside) => {
        const random = seededRandom(seed);
        const previous = smallImage(random, 40, random() < 0.5 ? 4 : 8);
        const image = random() < 0.8 ? imageAfter(random, previous) : smallImage(random, 40);
        const room: Room = { image, previous, slackBytes: slack ? 16_384 : 0, hasBeside };
        let volume = new CrashVolume({ seed, delays });
        await makeDisk(random, volume, room);
        for (let round = 0, isFinished = false; !isFinished; round++) {
          // More and more operations, so that it comes to an end.
          volume.cutPowerAfter(Math.floor(random() * 100) + 40 * round);
          crashes += 1;
          isFinished = await runUntilCrash(random, volume, room);
          const cut = volume;
          const isKilled = random() < 0.2;
          const what = Math.floor(random() * 2 ** 31);
          const reborn = (): CrashVolume => (isKilled ? cut.kill() : cut.crash(what));
          if (!isFinished) await checkBits(reborn(), room);
          volume = reborn();
        }
        const disk = await contentOf(volume, image.manifest.sizeBytes);
        expect(Buffer.compare(disk, image.content)).toBe(0);
      },
    ),
    { numRuns: 40 },
  );
  expect(crashes).toBeGreaterThan(40);
}, 60_000);

test("power cuts at each operation of a finish lose nothing", async () => {
  const random = seededRandom(5);
  const image = smallImage(random, 12);
  const room: Room = { image, previous: image, slackBytes: 0, hasBeside: false };
  const full = new CrashVolume();
  await CrashDeployTarget.create(full, new Uint8Array(image.content.length).fill(0xcc));
  const deployment = await open(full, { ...room, previous: smallImage(random, 3) }, random);
  await deployment.fill(image.reader);
  await deployment.close();
  for (let operation = 0, isDone = false; !isDone; operation++) {
    const volume = full.crash(0, { delays: true, seed: operation });
    volume.cutPowerAfter(operation);
    isDone = await runUntilCrash(seededRandom(operation), volume, room);
    for (let seed = 0; seed < 10; seed++) {
      await checkBits(volume.crash(seed), room);
      const after = volume.crash(seed);
      const again = await open(after, room, random);
      const wanted = image.reader.calls.length;
      await again.fill(image.reader);
      // Once finished there is no map any more; what is there is found by hashing.
      expect(image.reader.calls.length - wanted).toBe(0);
      await again.finish();
      expect(Buffer.compare(await contentOf(after, image.content.length), image.content)).toBe(0);
    }
  }
}, 60_000);
