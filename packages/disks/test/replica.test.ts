import { ChunkError } from "@ingot/chunks";
import { type CrashOperation, CrashVolume } from "@ingot/testkit/crash";
import { seededRandom } from "@ingot/testkit/link";
import { crc32c } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";

import type { ReadableDevice } from "../src/block-device.ts";
import { Replica } from "../src/replica.ts";
import { ReplicaPool } from "../src/replica-pool.ts";
import type { Volume } from "../src/volume.ts";
import { smallImage, type SmallImage } from "./small-image.ts";

function openReplica(volume: Volume, image: SmallImage): Promise<Replica> {
  const { manifest, manifestId, reader } = image;
  return Replica.open({ volume, manifest, manifestId, reader });
}

async function readAll(disk: ReadableDevice): Promise<Uint8Array> {
  const bytes = new Uint8Array(disk.sizeBytes).fill(0xdd);
  await disk.read(0, bytes);
  return bytes;
}

async function damage(volume: CrashVolume, name: string, offset: number): Promise<void> {
  const file = await volume.open(name, "existing");
  const byte = new Uint8Array(1);
  await file.read(offset, byte);
  await file.write(offset, Uint8Array.of((byte[0] ?? 0) ^ 0x55));
  await file.sync();
}

test("any concurrent reads see the image, and fetch each chunk once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, delays) => {
      const random = seededRandom(seed);
      const image = smallImage(random, 40);
      const replica = await openReplica(new CrashVolume({ seed, delays }), image);
      const reads = Array.from({ length: 40 }, async () => {
        const offset = Math.floor((random() * replica.sizeBytes) / 512) * 512;
        const length = Math.min(replica.sizeBytes - offset, 512 * Math.ceil(random() * 60));
        const bytes = new Uint8Array(length).fill(0xdd);
        await replica.read(offset, bytes);
        expect(Buffer.compare(bytes, image.content.subarray(offset, offset + length))).toBe(0);
      });
      await Promise.all(reads);
      expect(await replica.fill()).toEqual([]);
      expect(image.reader.calls.length).toBe(replica.stats().chunkCount);
      expect(Buffer.compare(await readAll(replica), image.content)).toBe(0);
      await replica.close();
    }),
    { numRuns: 60 },
  );
});

test("a filled replica needs its chunk reader no more, also when opened again", async () => {
  const image = smallImage(seededRandom(1), 60);
  const volume = new CrashVolume();
  const replica = await openReplica(volume, image);
  const seen: number[] = [];
  await replica.fill({ concurrency: 3, onProgress: ({ heldChunks }) => seen.push(heldChunks) });
  expect(seen.at(-1)).toBe(replica.stats().chunkCount);
  expect(replica.stats().heldBytes).toBe(replica.stats().dataBytes);
  await replica.close();
  image.reader.chunks.clear();
  const again = await openReplica(volume, image);
  expect(Buffer.compare(await readAll(again), image.content)).toBe(0);
  expect(await again.verify()).toEqual([]);
});

test("a chunk that the reader lacks fails only the reads that need it, and is asked for again", async () => {
  const image = smallImage(seededRandom(2), 30);
  const replica = await openReplica(new CrashVolume(), image);
  const [lost] = image.manifest.extents.filter((extent) => extent.kind === "chunk").slice(3);
  if (lost?.kind !== "chunk") throw new Error("no such extent");
  const bytes = image.reader.chunks.get(lost.digest) ?? new Uint8Array();
  image.reader.chunks.delete(lost.digest);
  await expect(readAll(replica)).rejects.toMatchObject({ code: "missing", chunk: lost.digest });
  const unavailable = await replica.fill();
  expect(unavailable).toEqual([{ offset: lost.offset, digest: lost.digest, error: expect.any(ChunkError) as unknown }]);
  image.reader.chunks.set(lost.digest, bytes);
  expect(Buffer.compare(await readAll(replica), image.content)).toBe(0);
});

test("any other error of the reader ends the filling, and what was fetched is kept", async () => {
  const image = smallImage(seededRandom(3), 60);
  const volume = new CrashVolume();
  const replica = await openReplica(volume, image);
  image.reader.before = () => {
    if (image.reader.calls.length > 20) throw new Error("unplugged");
  };
  await expect(replica.fill({ concurrency: 2 })).rejects.toThrow("unplugged");
  expect(image.reader.calls.length).toBeLessThan(24);
  const after = await openReplica(volume.crash(1), image);
  expect(after.stats().heldChunks).toBe(20);
});

test("filling stops when it is told to", async () => {
  const image = smallImage(seededRandom(4), 60);
  const replica = await openReplica(new CrashVolume(), image);
  const abort = new AbortController();
  const filling = replica.fill({
    signal: abort.signal,
    onProgress: ({ heldChunks }) => {
      if (heldChunks >= 10) abort.abort();
    },
  });
  await expect(filling).rejects.toMatchObject({ name: "AbortError" });
  expect(replica.stats().heldChunks).toBeLessThan(16);
});

test("verify finds damaged chunks, they are fetched again, and the bit is cleared durably before that", async () => {
  const image = smallImage(seededRandom(5), 60);
  const volume = new CrashVolume();
  const replica = await openReplica(volume, image);
  await replica.fill();
  const damaged = image.manifest.extents.filter((extent) => extent.kind === "chunk").slice(5, 9);
  for (const { offset } of damaged) await damage(volume, "backing", offset + 700);
  expect(await replica.verify()).toEqual(damaged);
  expect((await openReplica(volume.crash(2), image)).stats().heldChunks).toBe(replica.stats().chunkCount - 4);
});

test("a chunk found damaged is served from its reader and repaired", async () => {
  const image = smallImage(seededRandom(6), 60);
  const volume = new CrashVolume({ delays: true });
  const replica = await openReplica(volume, image);
  await replica.fill();
  const chunks = image.manifest.extents.filter((extent) => extent.kind === "chunk");
  for (const { offset } of chunks) await damage(volume, "backing", offset);
  let isDone = false;
  const verifying = replica.verify().finally(() => {
    isDone = true;
  });
  // Reads while the verification is at work may see the damage until it is found, never anything else.
  while (!isDone) {
    await readAll(replica);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await verifying).length).toBe(chunks.length);
  expect(await replica.fill()).toEqual([]);
  expect(Buffer.compare(await readAll(replica), image.content)).toBe(0);
  expect(await replica.verify()).toEqual([]);
});

test("where the have-map is damaged the backing is believed if its hashes are right", async () => {
  const image = smallImage(seededRandom(7), 6200, 1);
  const filled = new CrashVolume();
  const replica = await openReplica(filled, image);
  await replica.fill({ concurrency: 64 });
  await replica.close();
  const chunks = image.manifest.extents.filter((extent) => extent.kind === "chunk");
  expect(chunks.length).toBeGreaterThan(4032);
  // Header, first and second map sector.
  for (const offset of [3, 512 + 2, 1024 + 9]) {
    const volume = filled.crash(0);
    await damage(volume, "have", offset);
    await damage(volume, "backing", chunks[0]?.offset ?? 0);
    await damage(volume, "backing", chunks.at(-1)?.offset ?? 0);
    const again = await openReplica(volume, image);
    expect(again.stats().heldChunks).toBeLessThan(chunks.length);
    await again.fill();
    // What the have-map still vouched for is found by verifying.
    await again.verify();
    await again.fill();
    expect(again.stats().fetchedChunks).toBe(2);
    expect(Buffer.compare(await readAll(again), image.content)).toBe(0);
    await again.close();
    expect((await openReplica(volume, image)).stats().heldChunks).toBe(chunks.length);
  }
});

test("a missing backing makes the have-map worthless, a cut one is looked through", async () => {
  const image = smallImage(seededRandom(8), 40);
  const volume = new CrashVolume();
  const replica = await openReplica(volume, image);
  await replica.fill();
  await replica.close();
  const backing = await volume.open("backing", "existing");
  const last = image.manifest.extents.findLast((extent) => extent.kind === "chunk");
  await backing.truncate((last?.offset ?? 0) + 512);
  const cut = await openReplica(volume, image);
  await cut.fill();
  expect(cut.stats().fetchedChunks).toBe(1);
  await cut.close();
  await volume.remove("backing");
  const empty = await openReplica(volume, image);
  expect(empty.stats().heldChunks).toBe(0);
  await empty.fill();
  expect(empty.stats().fetchedChunks).toBe(empty.stats().chunkCount);
});

test("a replica of another manifest or of a newer version is refused", async () => {
  const image = smallImage(seededRandom(9), 10);
  const volume = new CrashVolume();
  await (await openReplica(volume, image)).close();
  await expect(openReplica(volume, smallImage(seededRandom(10), 10))).rejects.toMatchObject({ code: "wrong-manifest" });
  const have = await volume.open("have", "existing");
  const header = new Uint8Array(60);
  await have.read(0, header);
  header[11] = 2;
  new DataView(header.buffer).setUint32(56, crc32c(header.subarray(0, 56)));
  await have.write(0, header);
  await expect(openReplica(volume, image)).rejects.toMatchObject({ code: "unsupported-version" });
});

test("when the disk is full reads go on from memory, filling says so, and nothing is remembered wrongly", async () => {
  const image = smallImage(seededRandom(11), 30);
  let isFull = false;
  const volume = new CrashVolume({
    onOperation: ({ kind, name }: CrashOperation) => {
      if (isFull && kind === "write" && name === "backing") throw Object.assign(new Error("full"), { code: "ENOSPC" });
    },
  });
  const replica = await openReplica(volume, image);
  isFull = true;
  expect(Buffer.compare(await readAll(replica), image.content)).toBe(0);
  expect(replica.stats()).toMatchObject({ heldChunks: 0, lastWriteError: { code: "ENOSPC" } });
  await expect(replica.fill()).rejects.toMatchObject({ code: "ENOSPC" });
  isFull = false;
  expect(await replica.fill()).toEqual([]);
  expect(Buffer.compare(await readAll(replica), image.content)).toBe(0);
});

test("a sequential reader is read ahead of, a random one is not", async () => {
  const image = smallImage(seededRandom(12), 200);
  const chunks = image.manifest.extents.filter((extent) => extent.kind === "chunk");
  const sector = new Uint8Array(512);
  const sequential = await openReplica(new CrashVolume(), image);
  for (const { offset } of chunks.slice(0, 21)) await sequential.read(offset, sector);
  expect(sequential.stats().fetchedChunks).toBeGreaterThan(21);
  expect(sequential.stats().fetchedChunks).toBeLessThanOrEqual(21 + 8);
  const random = await openReplica(new CrashVolume(), image);
  for (let chunk = 0; chunk < chunks.length; chunk += 7) await random.read(chunks[chunk]?.offset ?? 0, sector);
  expect(random.stats().fetchedChunks).toBe(Math.ceil(chunks.length / 7));
});

test("closing ends the fetches that are under way", async () => {
  const image = smallImage(seededRandom(13), 10);
  const replica = await openReplica(new CrashVolume(), image);
  image.reader.before = (_digest, signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason as Error));
    });
  const reading = readAll(replica);
  await Promise.all([expect(reading).rejects.toMatchObject({ code: "closed" }), replica.close()]);
  expect(() => replica.read(0, new Uint8Array(512))).toThrow(expect.objectContaining({ code: "closed" }));
});

test("a pool opens each replica once and closes it after its last user", async () => {
  const image = smallImage(seededRandom(14), 10);
  const volume = new CrashVolume();
  let opened = 0;
  const pool = new ReplicaPool(async () => {
    opened += 1;
    return openReplica(volume, image);
  });
  const [a, b] = await Promise.all([pool.acquire(image.manifestId), pool.acquire(image.manifestId)]);
  expect(a.replica).toBe(b.replica);
  await a.release();
  await a.release();
  expect(Buffer.compare(await readAll(b.replica), image.content)).toBe(0);
  const closing = b.release();
  const again = await pool.acquire(image.manifestId);
  await closing;
  expect(again.replica).not.toBe(b.replica);
  expect(opened).toBe(2);
  await again.release();
  expect(pool.openCount).toBe(0);
});

test("a pool forgets a replica that did not open", async () => {
  let failing = true;
  const image = smallImage(seededRandom(15), 10);
  const pool = new ReplicaPool(async () => {
    if (failing) throw new Error("not now");
    return openReplica(new CrashVolume(), image);
  });
  await expect(pool.acquire(image.manifestId)).rejects.toThrow("not now");
  failing = false;
  await (await pool.acquire(image.manifestId)).release();
});
