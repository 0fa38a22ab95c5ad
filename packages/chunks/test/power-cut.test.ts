import { afterAll, describe, expect, inject, it } from "vitest";
import { DirectoryStore } from "../src/index.ts";
import { CodecPool } from "../src/pool-worker.ts";
import type { Digest } from "../src/index.ts";
import { makeImage, readBack, seededRandom, sourceOf } from "../src/testing/index.ts";
import type { ImagePart } from "../src/testing/index.ts";
import { SimulatedFiles } from "./simulated-files.ts";

const KIB = 1024;
const SHARED: ImagePart = { kind: "compressible", bytes: 300 * KIB, seed: 1 };
const FIRST = makeImage([SHARED, { kind: "random", bytes: 4500 * KIB, seed: 2 }]);
const SECOND = makeImage([{ kind: "random", bytes: 600 * KIB, seed: 3 }, SHARED]);
const THIRD = makeImage([{ kind: "random", bytes: 200 * KIB, seed: 4 }, SHARED]);

/** Of the moments, each so many-th is looked at: what a cut leaves is drawn by chance, so that those beside each other leave much the same. */
const STRIDE = inject("isThorough") ? 1 : 3;

const pool = new CodecPool(2);
afterAll(() => pool.close());

/** What the store has promised. */
interface Promised {
  /** Imported, and not asked to be removed. */
  readonly present: Set<Digest>;
  /** Removed, and said so. */
  readonly absent: Set<Digest>;
}

/** A life with everything in it: imports, a compaction of the index, prunes that drop and repack. */
async function live(files: SimulatedFiles, promised: Promised): Promise<void> {
  const store = await DirectoryStore.open("", { files, pool });
  const add = async (image: Uint8Array): Promise<Digest> => {
    const { manifestId } = await store.importImage(sourceOf(image));
    promised.absent.delete(manifestId);
    promised.present.add(manifestId);
    return manifestId;
  };
  const keep = async (...ids: Digest[]): Promise<void> => {
    const gone = [...promised.present].filter((id) => !ids.includes(id));
    for (const id of gone) promised.present.delete(id);
    await store.prune(ids);
    for (const id of gone) promised.absent.add(id);
  };
  const first = await add(FIRST);
  const second = await add(SECOND);
  await keep(first, second);
  await keep(second);
  const third = await add(THIRD);
  for (let seed = 10; seed < 27; seed++) await add(makeImage([{ kind: "random", bytes: 512, seed }]));
  await keep(...promised.present);
  await keep(second, third);
  await store.close();
}

describe("DirectoryStore after a power cut", () => {
  it("has kept every promise, before whichever change the power was cut", { timeout: 120_000 }, async () => {
    const promised: Promised = { present: new Set(), absent: new Set() };
    const files = new SimulatedFiles(seededRandom(1));
    const cuts: { disk: SimulatedFiles; promised: Promised }[] = [];
    files.onStep = () => {
      const { present, absent } = promised;
      cuts.push({ disk: files.afterPowerCut(), promised: { present: new Set(present), absent: new Set(absent) } });
    };
    await live(files, promised);
    expect(cuts.length).toBeGreaterThan(150);
    for (const [i, cut] of cuts.entries()) if (i % STRIDE === 0) await check(cut.disk, cut.promised, i);
  });

  it("is as before when the disk was full, at any file", async () => {
    const files = new SimulatedFiles(seededRandom(1));
    await using store = await DirectoryStore.open("", { files, pool });
    const { manifestId } = await store.importImage(sourceOf(SECOND));
    const before = files.paths();
    for (let freeBytes = 0; freeBytes < FIRST.length; freeBytes += 400 * KIB) {
      files.freeBytes = freeBytes;
      await expect(store.importImage(sourceOf(FIRST))).rejects.toMatchObject({ code: "no-space" });
      expect(files.paths()).toEqual(before);
    }
    // Room for the packs, but not for index or manifest.
    files.freeBytes = 2 * FIRST.length;
    const { newPackBytes } = await store.importImage(sourceOf(FIRST));
    await store.prune([manifestId]).catch(() => undefined);
    expect(newPackBytes).toBeGreaterThan(0);
    expect((await store.verify()).ok).toBe(true);
  });
});

async function check(files: SimulatedFiles, promised: Promised, cutAt: number): Promise<void> {
  await using store = await DirectoryStore.open("", { files, pool });
  expect(store.problems, `cut at ${cutAt}`).toEqual([]);
  expect(files.paths().filter((path) => path.startsWith("tmp/"))).toEqual([]);
  expect(await store.verify(), `cut at ${cutAt}`).toMatchObject({ ok: true });
  const manifests = await store.listManifests();
  for (const id of promised.present) expect(manifests, `cut at ${cutAt}`).toContain(id);
  for (const id of promised.absent) expect(manifests, `cut at ${cutAt}`).not.toContain(id);
  const { manifestId } = await store.importImage(sourceOf(THIRD));
  expect((await readBack(store, manifestId)).length).toBe(THIRD.length);
  await store.prune([manifestId]);
  const { packCount } = await store.stats();
  expect(files.paths().filter((path) => path.startsWith("packs/")).length).toBe(packCount);
}
