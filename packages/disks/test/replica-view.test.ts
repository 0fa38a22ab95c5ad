import { CrashVolume } from "@ingot/testkit/crash";
import { type SeededRandom, seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { expect, test } from "vitest";

import type { ReadableDevice } from "../src/block-device.ts";
import { Replica } from "../src/replica.ts";
import { ReplicaView } from "../src/replica-view.ts";
import { watchReads } from "../src/watched-base.ts";
import { type SmallImage, smallImage } from "./small-image.ts";

interface Pair {
  readonly image: SmallImage;
  readonly volume: CrashVolume;
  readonly owner: Replica;
  readonly view: ReplicaView;
  /** Chunks that the view asked for, in order. */
  readonly asked: number[];
}

async function openPair(image: SmallImage, delays = false): Promise<Pair> {
  const { manifest, manifestId, reader } = image;
  const volume = new CrashVolume({ delays });
  const owner = await Replica.open({ volume, manifest, manifestId, reader });
  const asked: number[] = [];
  const view = await ReplicaView.open({
    volume: { openReadOnly: (name) => volume.open(name, "existing") },
    manifest,
    chunkStates: owner.chunkStates,
    // As a message between threads: it takes a while, and what arrives is a copy.
    async provide(chunk) {
      asked.push(chunk);
      const bytes = await owner.provide(chunk);
      return bytes?.slice();
    },
    onClose: () => owner.close(),
  });
  return { image, volume, owner, view, asked };
}

async function readAll(disk: ReadableDevice): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.sizeBytes).fill(0xdd);
  await disk.read(0, bytes);
  return bytes;
}

async function expectRead(disk: ReadableDevice, content: Uint8Array, random: SeededRandom): Promise<void> {
  const offset = Math.floor((random() * disk.sizeBytes) / 512) * 512;
  const length = Math.min(disk.sizeBytes - offset, 512 * Math.ceil(random() * 60));
  const bytes = new Uint8Array(length).fill(0xdd);
  await disk.read(offset, bytes);
  expect(Buffer.compare(bytes, content.subarray(offset, offset + length))).toBe(0);
}

test("view and replica agree, whoever fills the replica meanwhile", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), fc.boolean(), async (seed, delays, fills) => {
      const random = seededRandom(seed);
      const { image, owner, view } = await openPair(smallImage(random, 40), delays);
      const filling = fills ? owner.fill({ concurrency: 2 }) : undefined;
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => expectRead(i % 3 === 0 ? owner : view, image.content, random)),
      );
      await filling;
      expect(image.reader.calls.length).toBeLessThanOrEqual(owner.stats().chunkCount);
      expect(Buffer.compare(await readAll(view), image.content)).toBe(0);
      for (let offset = 0; offset < view.sizeBytes; offset += 2048)
        expect(view.isAllocated(offset)).toEqual(owner.isAllocated(offset));
      await view.close();
    }),
    { numRuns: 60 },
  );
});

test("of what is held nothing is asked", async () => {
  const { image, owner, view, asked } = await openPair(smallImage(seededRandom(1), 60));
  await owner.fill();
  expect(Buffer.compare(await readAll(view), image.content)).toBe(0);
  expect(asked).toEqual([]);
});

test("what is missing is asked for once by all who wait for it, and read ahead of by the owner", async () => {
  const image = smallImage(seededRandom(2), 200);
  const chunks = image.manifest.extents.filter((extent) => extent.kind === "chunk");
  const { owner, view, asked } = await openPair(image);
  const first = chunks[0]?.offset ?? 0;
  await Promise.all([view.read(first, new Uint8Array(512)), view.read(first, new Uint8Array(1024))]);
  expect(asked).toEqual([0]);
  for (const { offset } of chunks.slice(0, 21)) await view.read(offset, new Uint8Array(512));
  expect(owner.stats().fetchedChunks).toBeGreaterThan(21);
  expect(asked.length).toBeLessThan(21);
});

test("what the owner finds damaged is not read from the backing any more", async () => {
  const { image, volume, owner, view, asked } = await openPair(smallImage(seededRandom(3), 60));
  await owner.fill();
  const chunks = image.manifest.extents.filter((extent) => extent.kind === "chunk");
  const backing = await volume.open("backing", "existing");
  for (const { offset } of chunks.slice(4, 8)) await backing.write(offset, new Uint8Array(512).fill(0x55));
  expect(await owner.verify()).toEqual(chunks.slice(4, 8));
  expect(Buffer.compare(await readAll(view), image.content)).toBe(0);
  expect(asked).toEqual([4, 5, 6, 7]);
});

test("an error of the owner fails only the reads that need the chunk, and is asked for again", async () => {
  const image = smallImage(seededRandom(4), 30);
  const { view, asked } = await openPair(image);
  image.reader.before = () => {
    throw new Error("unplugged");
  };
  await expect(readAll(view)).rejects.toThrow("unplugged");
  const before = asked.length;
  image.reader.before = undefined;
  expect(Buffer.compare(await readAll(view), image.content)).toBe(0);
  expect(asked.length).toBeGreaterThan(before);
});

test("a watched base is told of each read and answers as before", async () => {
  const { image, view } = await openPair(smallImage(seededRandom(5), 30));
  const reads: [number, number][] = [];
  const watched = watchReads(view, (offset, length) => reads.push([offset, length]));
  expect(Buffer.compare(await readAll(watched), image.content)).toBe(0);
  expect(reads).toEqual([[0, view.sizeBytes]]);
  expect(watched.isAllocated?.(0)).toEqual(view.isAllocated(0));
});

test("a closed view is not read any more, and its owner is told once", async () => {
  const { owner, view } = await openPair(smallImage(seededRandom(6), 10));
  await Promise.all([view.close(), view.close()]);
  expect(() => view.read(0, new Uint8Array(512))).toThrow(expect.objectContaining({ code: "closed" }));
  await expect(owner.provide(0)).rejects.toMatchObject({ code: "closed" });
});
