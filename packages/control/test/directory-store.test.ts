import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SparseImage } from "@ingot/api";
import { DirectoryStore } from "@ingot/chunks";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ImageLibrary, OpenDisk } from "../src/index.ts";
import type { Control } from "../src/index.ts";
import { openHarness } from "./harness.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ingot-control-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Runs `work` with a control plane over a real store. */
async function withStore(work: (control: Control<OpenDisk>, store: DirectoryStore) => Promise<void>): Promise<void> {
  const store = await DirectoryStore.open(directory);
  const library: ImageLibrary = store;
  const harness = await openHarness({ library });
  try {
    await work(harness.control, store);
    expect(harness.failures).toEqual([]);
  } finally {
    await harness.control.close();
    await harness.db.destroy();
    await store.close();
  }
}

/** Bytes that do not compress and that differ from seed to seed. */
function noise(seed: number, sizeBytes: number): SparseImage {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed;
  for (let index = 0; index < sizeBytes; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return {
    sizeBytes,
    data: (async function* () {
      yield { offset: 0, bytes };
    })(),
  };
}

const megabyte = 2 ** 20;

function packPaths(): string[] {
  return readdirSync(join(directory, "packs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".pack"))
    .map((name) => join(directory, "packs", name));
}

test("a directory store is an image library: added, counted, removed and given back", async () => {
  await withStore(async (control, store) => {
    const first = await control.images.add("a", noise(1, megabyte));
    expect(first.newChunkCount).toBeGreaterThan(0);
    expect((await control.images.add("b", noise(1, megabyte))).newChunkCount).toBe(0);
    await control.images.add("b", noise(2, megabyte));
    await control.images.settled();
    expect(await control.images.totals()).toEqual({
      images: 2,
      versions: 3,
      imageBytes: 3 * megabyte,
      chunkBytes: 2 * megabyte,
    });
    await control.images.remove({ name: "b" });
    expect(await store.listManifests()).toEqual([first.version.manifestId]);
    await control.images.remove({ name: "a" });
    expect(packPaths()).toEqual([]);
  });
});

test("a damaged pack is found and named, and the undamaged image is not blamed", async () => {
  await withStore(async (control) => {
    await control.images.add("good", noise(1, megabyte));
    const before = new Set(packPaths());
    await control.images.add("bad", noise(2, megabyte));
    const [path = ""] = packPaths().filter((name) => !before.has(name));
    const bytes = readFileSync(path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect((await control.images.verify({ name: "good" })).damage).toEqual([]);
    const { damage } = await control.images.verify({ name: "bad" });
    expect(damage[0]?.message).toContain(path.slice(directory.length + 1));
  });
});
