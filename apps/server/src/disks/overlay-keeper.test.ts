import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeManifest, manifestIdOf, type Manifest } from "@ingot/chunks";
import { PageCacheEstimate } from "@ingot/disks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OverlayKeeper } from "./overlay-keeper.ts";
import { Replicas } from "./replicas.ts";

const SIZE_BYTES = 1 << 20;
const MACHINE = "4f2a";

/** An image of zeros: nothing ever asks for a chunk. */
const manifest: Manifest = {
  formatVersion: 1,
  sizeBytes: SIZE_BYTES,
  sectorBytes: 512,
  partitions: undefined,
  extents: [{ kind: "zero", offset: 0, length: SIZE_BYTES }],
};
const manifestId = manifestIdOf(encodeManifest(manifest));

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ingot-keeper-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function startKeeper(): Promise<OverlayKeeper> {
  const pageCache = new PageCacheEstimate(1 << 30);
  const store = {
    readManifest: async () => manifest,
    readChunk: () => Promise.reject(new Error("an image of zeros has no chunks")),
  };
  const replicas = await Replicas.open(join(directory, "replicas"), {
    store,
    pageCache,
    traces: { read: async () => undefined },
    maxPrefetchBytes: 0,
    onError: (error) => expect.unreachable(String(error)),
  });
  return OverlayKeeper.start({
    overlays: join(directory, "overlays"),
    pageCache,
    async acquireBase(id) {
      const { replica, release } = await replicas.acquire(id);
      return { base: replica, release };
    },
  });
}

test("an overlay that is being let go is opened again only when its changes are stored", async () => {
  const keeper = await startKeeper();
  const first = await keeper.open(MACHINE, manifestId);
  await first.write(4096, new Uint8Array(4096).fill(7));
  void keeper.release(MACHINE);
  const again = await keeper.open(MACHINE, manifestId);
  const content = new Uint8Array(4096);
  await again.read(4096, content);
  expect(content.every((byte) => byte === 7)).toBe(true);
  await keeper.close();
});

test("an overlay that is being let go is thrown away only afterwards", async () => {
  const keeper = await startKeeper();
  const first = await keeper.open(MACHINE, manifestId);
  await first.write(0, new Uint8Array(4096).fill(7));
  const released = keeper.release(MACHINE);
  await keeper.discard(MACHINE);
  await released;
  expect(await keeper.overlayBytes(MACHINE)).toBe(0);
  const again = await keeper.open(MACHINE, manifestId);
  expect(again.allocatedBytes).toBe(0);
  await keeper.close();
});

test("closing waits for what is being opened and let go, and the number of changed bytes outlives it all", async () => {
  const keeper = await startKeeper();
  const overlay = await keeper.open(MACHINE, manifestId);
  await overlay.write(0, new Uint8Array(40_960).fill(7));
  expect(await keeper.overlayBytes(MACHINE)).toBe(40_960);
  void keeper.release(MACHINE);
  const other = keeper.open("other", manifestId);
  await keeper.close();
  await expect((await other).flush()).rejects.toMatchObject({ code: "closed" });
  expect(await keeper.overlayBytes(MACHINE)).toBe(40_960);
  const restarted = await startKeeper();
  expect(await restarted.overlayBytes(MACHINE)).toBe(40_960);
  expect(await restarted.overlayBytes("nobody")).toBe(0);
  await restarted.close();
});

test("a damaged overlay does not keep others from being listed", async () => {
  const keeper = await startKeeper();
  await mkdir(join(directory, "overlays", MACHINE));
  await writeFile(join(directory, "overlays", MACHINE, "map"), new Uint8Array(1024));
  expect(await keeper.overlayBytes(MACHINE)).toBe(0);
  await expect(keeper.open(MACHINE, manifestId)).rejects.toMatchObject({ code: "damaged-map" });
  await keeper.close();
});
