import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DirectoryStore } from "./directory-store.ts";
import { sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { packPath } from "./store-core.ts";
import { describeStore, makeImage, readBack, sourceOf } from "./testing/index.ts";

const MIB = 2 ** 20;

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-chunks-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** Flips a bit near the start of a pack's first payload, or anywhere else. */
async function flipBit(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  await writeFile(path, bytes);
}

function packOf(store: DirectoryStore, digest: Digest): Digest {
  const pack = store.packOf(digest);
  if (pack === undefined) throw new Error(`chunk ${digest} is in no pack`);
  return pack;
}

describeStore("DirectoryStore", async () => {
  const directory = await temporaryDirectory();
  const store = await DirectoryStore.open(directory, { cacheBytes: 0, threads: 1 });
  return {
    store,
    damageChunk: (digest) => flipBit(join(directory, packPath(packOf(store, digest))), 100),
    loseChunk: (digest) => rm(join(directory, packPath(packOf(store, digest)))),
    close: () => store.close(),
  };
});

describe("DirectoryStore on disk", () => {
  const image = makeImage([
    { kind: "compressible", bytes: 5 * MIB },
    { kind: "zero", bytes: MIB },
    { kind: "random", bytes: 5 * MIB },
  ]);

  async function storeWithImage(): Promise<{ directory: string; id: Digest }> {
    const directory = await temporaryDirectory();
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    const { manifestId } = await store.importImage(sourceOf(image));
    return { directory, id: manifestId };
  }

  it("is the same after it was closed and opened", async () => {
    const { directory, id } = await storeWithImage();
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    expect(store.problems).toEqual([]);
    expect(sha256(await readBack(store, id))).toBe(sha256(image));
    expect((await store.importImage(sourceOf(image))).newChunkCount).toBe(0);
  });

  it("names every file by the SHA-256 of its bytes, and leaves nothing in tmp", async () => {
    const { directory } = await storeWithImage();
    const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      expect(file.name.split(".")[0]).toBe(sha256(await readFile(join(file.parentPath, file.name))));
    }
  });

  it("removes a signature whose manifest is gone", async () => {
    const { directory, id } = await storeWithImage();
    const lone = `${"ab".repeat(32)}.sig`;
    for (const name of [lone, `${id}.sig`]) await writeFile(join(directory, "manifests", name), new Uint8Array(64));
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    expect((await readdir(join(directory, "manifests"))).toSorted()).toEqual([`${id}.manifest`, `${id}.sig`]);
    expect(await store.listManifests()).toEqual([id]);
  });

  it("reports a signature of another length", async () => {
    const { directory, id } = await storeWithImage();
    await writeFile(join(directory, "manifests", `${id}.sig`), new Uint8Array(65));
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    await expect(store.readSignature(id)).rejects.toMatchObject({ code: "damaged", manifest: id });
    const { ok, damagedFiles } = await store.verify();
    expect([ok, damagedFiles.map(({ path }) => path)]).toEqual([false, [`manifests/${id}.sig`]]);
  });

  it("removes what a crash left in tmp", async () => {
    const { directory } = await storeWithImage();
    await writeFile(join(directory, "tmp/7"), "half a pack");
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    expect(await readdir(join(directory, "tmp"))).toEqual([]);
    expect(store.problems).toEqual([]);
  });

  it("names a damaged index segment, and rebuilds it from the packs", async () => {
    const { directory, id } = await storeWithImage();
    const [segment = ""] = await readdir(join(directory, "index"));
    await flipBit(join(directory, "index", segment), 90);
    {
      await using store = await DirectoryStore.open(directory, { threads: 1 });
      expect(store.problems).toMatchObject([{ code: "index-damaged", path: `index/${segment}` }]);
      expect(sha256(await readBack(store, id))).toBe(sha256(image));
    }
    await using again = await DirectoryStore.open(directory, { threads: 1 });
    expect(again.problems).toEqual([]);
    expect((await again.verify()).ok).toBe(true);
  });

  it("rebuilds a lost index, and one that is damaged while the store is open", async () => {
    const { directory, id } = await storeWithImage();
    await rm(join(directory, "index"), { recursive: true });
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    expect(sha256(await readBack(store, id))).toBe(sha256(image));
    const [segment = ""] = await readdir(join(directory, "index"));
    await flipBit(join(directory, "index", segment), 30);
    expect((await store.verify()).damagedFiles).toMatchObject([{ path: `index/${segment}` }]);
    expect((await store.verify()).ok).toBe(true);
  });

  it("opens with a missing pack, and says which", async () => {
    const { directory, id } = await storeWithImage();
    let path: string;
    let lost: Digest[];
    {
      await using store = await DirectoryStore.open(directory, { threads: 1 });
      const digests = (await store.readManifest(id)).extents.flatMap((e) => (e.kind === "chunk" ? [e.digest] : []));
      const pack = packOf(store, digests[0] ?? sha256(image));
      path = packPath(pack);
      lost = digests.filter((digest) => store.packOf(digest) === pack);
    }
    await rm(join(directory, path));
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    expect(store.problems).toMatchObject([{ code: "pack-missing", path }]);
    expect((await store.verify()).affectedManifests).toEqual([{ id, chunks: lost }]);
    const healed = await store.importImage(sourceOf(image));
    expect(healed.newChunkCount).toBe(lost.length);
    expect((await store.verify()).ok).toBe(true);
  });

  it("leaves a pack alone whose table is damaged, and works without it", async () => {
    const { directory, id } = await storeWithImage();
    const { path, pack } = await firstPack(directory, id);
    const size = (await readFile(join(directory, path))).length;
    await flipBit(join(directory, path), size - 30);
    await rm(join(directory, "index"), { recursive: true });
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    expect(store.problems).toMatchObject([{ code: "pack-damaged", path }]);
    const healed = await store.importImage(sourceOf(image));
    expect(healed.newChunkCount).toBeGreaterThan(0);
    expect(store.packOf(await firstChunk(store, id))).toBe(pack);
    expect(sha256(await readBack(store, id))).toBe(sha256(image));
  });

  it("tells a damaged pack's bad chunks from its good ones", async () => {
    const { directory, id } = await storeWithImage();
    await using store = await DirectoryStore.open(directory, { cacheBytes: 0, threads: 1 });
    const digest = await firstChunk(store, id);
    const pack = packOf(store, digest);
    await flipBit(join(directory, packPath(pack)), 40);
    const report = await store.verify();
    expect(report.damagedPacks).toMatchObject([{ pack, path: packPath(pack), chunks: [digest] }]);
    await expect(store.readChunk(digest)).rejects.toMatchObject({ code: "damaged", pack });
  });

  it("refuses an index of a later version instead of rebuilding it", async () => {
    const { directory } = await storeWithImage();
    const [segment = ""] = await readdir(join(directory, "index"));
    const bytes = await readFile(join(directory, "index", segment));
    bytes[11] = 2;
    await rm(join(directory, "index", segment));
    await writeFile(join(directory, "index", `${sha256(bytes)}.index`), bytes);
    await expect(DirectoryStore.open(directory, { threads: 1 })).rejects.toMatchObject({ code: "unsupported" });
  });

  it("names a damaged manifest, and refuses to prune for it", async () => {
    const { directory, id } = await storeWithImage();
    await flipBit(join(directory, `manifests/${id}.manifest`), 50);
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    await expect(store.readManifest(id)).rejects.toMatchObject({ code: "damaged", manifest: id });
    expect((await store.verify()).damagedFiles).toMatchObject([{ path: `manifests/${id}.manifest` }]);
    await expect(store.prune([id])).rejects.toMatchObject({ code: "damaged" });
    expect((await store.stats()).chunkCount).toBeGreaterThan(0);
  });

  it("rewrites many index segments into one", async () => {
    const directory = await temporaryDirectory();
    await using store = await DirectoryStore.open(directory, { threads: 1 });
    const ids: Digest[] = [];
    for (let seed = 0; seed < 20; seed++) {
      const small = makeImage([{ kind: "random", bytes: 8192, seed }]);
      ids.push((await store.importImage(sourceOf(small))).manifestId);
    }
    expect((await readdir(join(directory, "index"))).length).toBeLessThan(10);
    await store.close();
    await using again = await DirectoryStore.open(directory, { threads: 1 });
    expect(again.problems).toEqual([]);
    for (const id of ids) expect((await readBack(again, id)).length).toBe(8192);
  });

  it("moves the live chunks out of a pack that is mostly dead", async () => {
    const directory = await temporaryDirectory();
    const big = makeImage([{ kind: "random", bytes: 3 * MIB }]);
    await using store = await DirectoryStore.open(directory, { cacheBytes: 0, threads: 1 });
    const bigId = (await store.importImage(sourceOf(big))).manifestId;
    const chunk = await store.readChunk(await firstChunk(store, bigId));
    const smallId = (await store.importImage(sourceOf(chunk))).manifestId;
    const before = packOf(store, await firstChunk(store, bigId));
    await store.prune([smallId, bigId]);
    const { removedPackCount, freedBytes } = await store.prune([smallId]);
    expect(removedPackCount).toBe(1);
    expect(freedBytes).toBeGreaterThan(MIB);
    expect(packOf(store, await firstChunk(store, smallId))).not.toBe(before);
    expect(sha256(await readBack(store, smallId))).toBe(sha256(chunk));
  });

  it("fails with `closed` when it was closed, and ends an import under way", async () => {
    const directory = await temporaryDirectory();
    const store = await DirectoryStore.open(directory, { threads: 1 });
    const { promise: started, resolve } = Promise.withResolvers<void>();
    const importing = store.importImage(sourceOf(image, MIB), { onProgress: () => resolve() });
    await started;
    const closed = store.close();
    await expect(importing).rejects.toMatchObject({ code: "closed" });
    await closed;
    await store.close();
    await expect(store.importImage(sourceOf(image))).rejects.toMatchObject({ code: "closed" });
    await expect(store.readChunk(sha256(image))).rejects.toMatchObject({ code: "closed" });
    await using again = await DirectoryStore.open(directory, { threads: 1 });
    expect(await again.stats()).toEqual({ manifestCount: 0, chunkCount: 0, packCount: 0, packBytes: 0 });
  });
});

async function firstChunk(store: DirectoryStore, id: Digest): Promise<Digest> {
  const extent = (await store.readManifest(id)).extents.find(({ kind }) => kind === "chunk");
  if (extent?.kind !== "chunk") throw new Error("the image has no chunk");
  return extent.digest;
}

async function firstPack(directory: string, id: Digest): Promise<{ pack: Digest; path: string }> {
  await using store = await DirectoryStore.open(directory, { threads: 1 });
  const pack = packOf(store, await firstChunk(store, id));
  return { pack, path: packPath(pack) };
}
