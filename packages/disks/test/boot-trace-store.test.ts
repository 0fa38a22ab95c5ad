import { CrashVolume, PowerCutError } from "@ingot/testkit/crash";
import { expect, test } from "vitest";

import { BootTraceStore, type TracedImage } from "../src/boot-trace-store.ts";
import { MAX_TRACE_BYTES } from "../src/limits.ts";

const IMAGE: TracedImage = { manifestId: "a1".repeat(32), chunkCount: 100 };
const OTHER: TracedImage = { manifestId: "b2".repeat(32), chunkCount: 100 };

function neverDamaged(message: string): void {
  throw new Error(message);
}

async function rewrite(volume: CrashVolume, name: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const old = await volume.open(name, "existing");
  const bytes = new Uint8Array((await old.measure()).sizeBytes);
  await old.read(0, bytes);
  await old.close();
  const file = await volume.open(name, "create");
  await file.write(0, change(bytes));
  await file.close();
}

test("the first recording is the trace, later ones extend it, and a new store reads it", async () => {
  const volume = new CrashVolume();
  const store = new BootTraceStore(volume, neverDamaged);
  expect(await store.read(IMAGE.manifestId)).toBeUndefined();
  await store.add(IMAGE, [3, 1, 4]);
  await Promise.all([store.add(IMAGE, [3, 9]), store.add(IMAGE, [1, 5]), store.add(OTHER, [7])]);
  const trace = { ...IMAGE, bootCount: 3, chunks: [3, 9, 1, 5, 4] };
  expect(await store.read(IMAGE.manifestId)).toEqual(trace);
  expect(await new BootTraceStore(volume, neverDamaged).read(IMAGE.manifestId)).toEqual(trace);
});

test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
  ["with a flipped bit", (bytes) => bytes.with(60, (bytes[60] ?? 0) ^ 1)],
  ["cut short", (bytes) => bytes.subarray(0, 30)],
  ["empty", () => new Uint8Array()],
  ["much too long", () => new Uint8Array(MAX_TRACE_BYTES + 1)],
])("a trace %s is ignored and told of, and the next recording takes its place", async (_, change) => {
  const volume = new CrashVolume();
  await new BootTraceStore(volume, neverDamaged).add(IMAGE, [3, 1, 4]);
  await rewrite(volume, IMAGE.manifestId, change);
  const damages: string[] = [];
  const store = new BootTraceStore(volume, (message) => damages.push(message));
  expect(await store.read(IMAGE.manifestId)).toBeUndefined();
  expect(damages).toEqual([expect.stringContaining(IMAGE.manifestId)]);
  await store.add(IMAGE, [8]);
  expect(await store.read(IMAGE.manifestId)).toMatchObject({ bootCount: 1, chunks: [8] });
});

test("a trace under another image's name, or of another number of chunks, is not believed", async () => {
  const volume = new CrashVolume();
  const damages: string[] = [];
  const store = new BootTraceStore(volume, (message) => damages.push(message));
  await store.add(IMAGE, [3, 1, 4]);
  expect((await store.add({ ...IMAGE, chunkCount: 50 }, [5])).chunks).toEqual([5]);
  await volume.rename(IMAGE.manifestId, OTHER.manifestId);
  expect(await store.read(OTHER.manifestId)).toBeUndefined();
  expect(damages.length).toBe(1);
});

test("traces go with their manifests, and what a crash left with them", async () => {
  const volume = new CrashVolume();
  const store = new BootTraceStore(volume, neverDamaged);
  await store.add(IMAGE, [1]);
  await store.add(OTHER, [2]);
  await (await volume.open(`${IMAGE.manifestId}.new`, "create")).close();
  await store.prune(new Set([OTHER.manifestId]));
  expect(await volume.list()).toEqual([OTHER.manifestId]);
  expect(await volume.crash(1).list()).toEqual([OTHER.manifestId]);
});

test("a power cut at any operation leaves the old trace or the new one", async () => {
  const chunksOf = async (volume: CrashVolume): Promise<readonly number[] | undefined> =>
    (await new BootTraceStore(volume, neverDamaged).read(IMAGE.manifestId))?.chunks;
  for (let operation = 0, isDone = false; !isDone; operation++) {
    let volume = new CrashVolume({ seed: operation });
    await new BootTraceStore(volume, neverDamaged).add(IMAGE, [1, 2]);
    volume.cutPowerAfter(operation);
    try {
      await new BootTraceStore(volume, neverDamaged).add(IMAGE, [2, 3]);
      isDone = true;
    } catch (error) {
      if (!(error instanceof PowerCutError)) throw error;
    }
    for (let seed = 0; seed < 10; seed++) {
      volume = volume.crash(seed);
      const expected = isDone
        ? [[1, 2, 3]]
        : [
            [1, 2],
            [1, 2, 3],
          ];
      expect(expected).toContainEqual(await chunksOf(volume));
    }
  }
});
