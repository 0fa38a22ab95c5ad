import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { CrashVolume } from "@ingot/testkit/crash";
import { seededRandom } from "@ingot/testkit/link";
import { expect, onTestFinished, test } from "vitest";

import { type BootTrace, extendBootTrace } from "../src/boot-trace.ts";
import { BootTraceRecorder } from "../src/boot-trace-recorder.ts";
import { OsVolume } from "../src/os-volume-file.ts";
import { Replica } from "../src/replica.ts";
import { ReplicaReader } from "../src/replica-reader.ts";
import { ReplicaView } from "../src/replica-view.ts";
import type { Volume } from "../src/volume.ts";
import { watchReads } from "../src/watched-base.ts";
import { smallImage, type SmallImage } from "./small-image.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A link that carries one chunk in one tick, and time that passes when the machine lets it. */
class SlowLink {
  readonly #waiting: (() => void)[] = [];

  constructor(image: SmallImage) {
    image.reader.before = () => new Promise((resolve) => this.#waiting.push(resolve));
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  async tick(): Promise<void> {
    this.#waiting.shift()?.();
    await turn();
  }
}

interface Read {
  readonly offset: number;
  readonly length: number;
}

/** Reads of a boot: the first sector, then half of the image's chunks in the order of a file system that has grown for years. */
function makeBoot(image: SmallImage, seed: number): Read[] {
  const random = seededRandom(seed);
  const chunks = image.manifest.extents.filter(({ kind }) => kind === "chunk");
  const used = chunks.filter(() => random() < 0.5).toSorted(() => random() - 0.5);
  return [{ offset: 0, length: 512 }, ...used.map(({ offset }) => ({ offset, length: 512 }))];
}

/** What a second machine of the same kind does: almost the same, with a few reads earlier, later, or of something else. */
function varied(boot: readonly Read[], image: SmallImage, seed: number): Read[] {
  const random = seededRandom(seed);
  const reads = boot.filter(() => random() > 0.05);
  for (let i = 1; i + 3 < reads.length; i += 7) reads.splice(i + 3, 0, ...reads.splice(i, 1));
  for (let i = 0; i < boot.length / 20; i++) {
    const offset = Math.floor((random() * image.manifest.sizeBytes) / 512) * 512;
    reads.splice(1 + Math.floor(random() * reads.length), 0, { offset, length: 512 });
  }
  return reads;
}

/** Boots from the replica, thinking two ticks after each read; returns the reads that had to wait, and the ticks they waited. */
async function replay(
  boot: readonly Read[],
  replica: Replica,
  link: SlowLink,
): Promise<{ misses: number; ticks: number }> {
  let misses = 0;
  let ticks = 0;
  for (const { offset, length } of boot) {
    let isDone = false;
    const reading = Promise.resolve(replica.read(offset, new Uint8Array(length))).then(() => {
      isDone = true;
    });
    await turn();
    if (!isDone) misses += 1;
    for (; !isDone; ticks++) await link.tick();
    await reading;
    await link.tick();
    await link.tick();
  }
  return { misses, ticks };
}

function openReplica(volume: Volume, { manifest, manifestId, reader }: SmallImage): Promise<Replica> {
  return Replica.open({ volume, manifest, manifestId, reader });
}

function recordBoot(image: SmallImage, boot: readonly Read[]): number[] {
  const recorder = new BootTraceRecorder(new ReplicaReader(image.manifest), 0);
  for (const { offset, length } of boot) recorder.noteRead(offset, length);
  return recorder.chunks;
}

async function temporaryVolume(): Promise<OsVolume> {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), "ingot-prefetch-"));
  onTestFinished(() => fs.rm(directory, { recursive: true }));
  return OsVolume.open(directory);
}

test("over a slow link, a boot with a trace finds there what the one without had to wait for", async () => {
  const image = smallImage(seededRandom(5), 400);
  const first = makeBoot(image, 6);
  const boot = varied(first, image, 7);

  const link = new SlowLink(image);
  const without = await replay(boot, await openReplica(new CrashVolume(), image), link);

  const replica = await openReplica(new CrashVolume(), image);
  const prefetching = replica.prefetch(recordBoot(image, first));
  const withTrace = await replay(boot, replica, link);
  const report = await prefetching;

  expect(without.misses).toBeGreaterThan(boot.length * 0.6);
  // What is left: the first reads, and those of chunks that the first machine never read.
  expect(withTrace.misses).toBeLessThan(boot.length * 0.15);
  expect(withTrace.ticks).toBeLessThan(without.ticks / 4);
  expect(report.failedChunks).toBe(0);
  await replica.close();
});

test("a trace of several boots serves each of them", async () => {
  const image = smallImage(seededRandom(8), 400);
  const boots = [1, 2, 3].map((seed) => varied(makeBoot(image, 9), image, seed));
  const [first = [], ...others] = boots.map((boot) => recordBoot(image, boot));
  let trace: BootTrace = { manifestId: image.manifestId, chunkCount: 1000, bootCount: 1, chunks: first };
  for (const recorded of others) trace = extendBootTrace(trace, recorded);
  for (const boot of boots) {
    const link = new SlowLink(image);
    const replica = await openReplica(new CrashVolume(), image);
    const prefetching = replica.prefetch(trace.chunks);
    const { misses } = await replay(boot, replica, link);
    expect(misses).toBeLessThan(boot.length * 0.1);
    while (!link.isIdle) await link.tick();
    await prefetching;
    await replica.close();
  }
});

test("nothing outside the trace is fetched, and nothing ahead of readers meanwhile", async () => {
  const image = smallImage(seededRandom(10), 200);
  const link = new SlowLink(image);
  const replica = await openReplica(new CrashVolume(), image);
  const trace = Array.from({ length: 20 }, (_, i) => i * 3);
  const prefetching = replica.prefetch(trace);
  // A sequential reader of something else.
  const { chunks } = new ReplicaReader(image.manifest);
  for (const chunk of [100, 101, 102]) {
    let isDone = false;
    const reading = Promise.resolve(replica.read(chunks[chunk]?.offset ?? 0, new Uint8Array(512))).then(() => {
      isDone = true;
    });
    while (!isDone) await link.tick();
    await reading;
  }
  while (!link.isIdle) await link.tick();
  await prefetching;
  const wanted = [...trace, 100, 101, 102].map((chunk) => chunks[chunk]?.digest);
  for (const digest of image.reader.calls) expect(wanted).toContain(digest);
  await replica.close();
});

test("closing ends a prefetch that is under way", async () => {
  const image = smallImage(seededRandom(11), 200);
  image.reader.before = (_, signal) =>
    new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  const replica = await openReplica(new CrashVolume(), image);
  const prefetching = replica.prefetch(Array.from({ length: 50 }, (_, i) => i));
  await replica.close();
  expect((await prefetching).fetchedChunks).toBe(0);
  await expect(replica.prefetch([1])).rejects.toMatchObject({ code: "closed" });
});

test("what was prefetched is read at once, by the owner and by a view on another thread", async () => {
  const image = smallImage(seededRandom(12), 100);
  const volume = await temporaryVolume();
  const filled = await openReplica(volume, image);
  await filled.fill();
  await filled.close();

  const replica = await openReplica(volume, image);
  const { chunks } = new ReplicaReader(image.manifest);
  const trace = Array.from({ length: 30 }, (_, i) => 2 * i + 1);
  const { warmedChunks } = await replica.prefetch(trace);
  expect(warmedChunks).toBe(30);
  const view = await ReplicaView.open({
    // A volume of its own, with an estimate of its own, as another thread has it.
    volume: await OsVolume.open(volume.directory),
    manifest: image.manifest,
    chunkStates: replica.chunkStates,
    provide: (chunk) => replica.provide(chunk),
  });
  for (const disk of [replica, view]) {
    const bytes = new Uint8Array(512);
    for (const chunk of trace) {
      const offset = chunks[chunk]?.offset ?? 0;
      expect(disk.read(offset, bytes)).toBeUndefined();
      expect(Buffer.compare(bytes, image.content.subarray(offset, offset + 512))).toBe(0);
    }
  }
  await view.close();
  await replica.close();
});

test("a recording by way of the base's reads is the order of first reads", async () => {
  const image = smallImage(seededRandom(13), 100);
  const replica = await openReplica(new CrashVolume(), image);
  const recorder = new BootTraceRecorder(new ReplicaReader(image.manifest), 0);
  const base = watchReads(replica, (offset, length) => recorder.noteRead(offset, length));
  const boot = makeBoot(image, 14);
  for (const { offset, length } of boot) await base.read(offset, new Uint8Array(length));
  expect(recorder.chunks).toEqual(recordBoot(image, boot));
  await replica.close();
});
