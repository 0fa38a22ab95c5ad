import { describe, expect, it, onTestFinished } from "vitest";
import { parseDigest, sha256 } from "../digest.ts";
import type { Digest } from "../digest.ts";
import { ChunkError } from "../errors.ts";
import type { ChunkErrorCode } from "../errors.ts";
import type {
  ChunkReader,
  ImageImporter,
  ImagePruner,
  DontCareRange,
  ImageRange,
  ImageSource,
  ManifestLister,
  ManifestReader,
  SignatureReader,
  SignatureWriter,
  StoreStatistics,
  StoreVerifier,
} from "../store.ts";
import { signManifest } from "../signature.ts";
import { TEST_PUBLIC_KEY, TEST_SIGNER } from "./signer.ts";
import { makeImage, sourceOf, sparseSourceOf } from "./images.ts";
import type { ImagePart } from "./images.ts";

type FullStore = ChunkReader &
  ManifestReader &
  ManifestLister &
  SignatureReader &
  SignatureWriter &
  ImageImporter &
  ImagePruner &
  StoreVerifier &
  StoreStatistics;

/** A store that the suite may use up. */
export interface StoreUnderTest {
  readonly store: FullStore;
  /** Makes the stored bytes of a chunk wrong. */
  readonly damageChunk: (digest: Digest) => Promise<void>;
  /** Makes the stored bytes of a chunk go away; chunks stored with it may go too. */
  readonly loseChunk: (digest: Digest) => Promise<void>;
  readonly close: () => Promise<void>;
}

const MIB = 2 ** 20;
const UNKNOWN: Digest = parseDigest("ab".repeat(32));

const SYSTEM: ImagePart = { kind: "compressible", bytes: 2 * MIB, seed: 11 };
const PROGRAMS: ImagePart = { kind: "random", bytes: 3 * MIB, seed: 12 };
const HOLE: ImagePart = { kind: "zero", bytes: 4 * MIB };
const USER: ImagePart = { kind: "random", bytes: MIB, seed: 13 };
const OTHER: ImagePart = { kind: "random", bytes: 6 * MIB, seed: 14 };

/** The whole image, read through manifest and chunks. */
export async function readBack(store: ChunkReader & ManifestReader, id: Digest): Promise<Uint8Array> {
  const { sizeBytes, extents } = await store.readManifest(id);
  const image = new Uint8Array(sizeBytes);
  for (const extent of extents) {
    if (extent.kind === "chunk") image.set(await store.readChunk(extent.digest), extent.offset);
  }
  return image;
}

/** What every chunk store must do; each implementation runs it. */
export function describeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  const openOne = async (): Promise<StoreUnderTest> => {
    const opened = await open();
    onTestFinished(() => opened.close());
    return opened;
  };

  describe(`${name}: importing and reading`, () => {
    it("gives back the image that was imported, and counts it", async () => {
      const { store } = await openOne();
      const image = makeImage([SYSTEM, HOLE, PROGRAMS]);
      const result = await store.importImage(sourceOf(image));
      expectSame(await readBack(store, result.manifestId), image);
      const { extents } = await store.readManifest(result.manifestId);
      const chunks = extents.filter(({ kind }) => kind === "chunk");
      expect(result).toMatchObject({
        sizeBytes: image.length,
        chunkCount: chunks.length,
        newChunkCount: chunks.length,
        dataBytes: 5 * MIB,
        zeroBytes: 4 * MIB,
      });
      expect(result.newPackBytes).toBeGreaterThan(0);
      expect(await store.listManifests()).toEqual([result.manifestId]);
    });

    it("gives one manifest for holes, zeros and any slicing", async () => {
      const { store } = await openOne();
      const image = makeImage([HOLE, SYSTEM, { kind: "zero", bytes: 4096 * 5 }, USER, HOLE]);
      const whole = await store.importImage(sourceOf(image, image.length));
      const sparse = await store.importImage(sparseSourceOf(image));
      const odd = await store.importImage(sourceOf(image, 512 * 977));
      expect(sparse.manifestId).toBe(whole.manifestId);
      expect(odd.manifestId).toBe(whole.manifestId);
      expect([sparse.newChunkCount, sparse.newPackBytes]).toEqual([0, 0]);
    });

    it("stores nothing for an image of zeros", async () => {
      const { store } = await openOne();
      const { manifestId } = await store.importImage({ sizeBytes: 2 ** 42, data: ranges([]) });
      expect((await store.readManifest(manifestId)).extents).toEqual([{ kind: "zero", offset: 0, length: 2 ** 42 }]);
      expect((await store.stats()).packBytes).toBe(0);
    });

    it("records what the partition table says", async () => {
      const { store } = await openOne();
      const image = makeImage([{ kind: "zero", bytes: 4 * MIB }]);
      // One active partition of type 0x83, sectors 2048 to 4095.
      image.set([0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0], 446);
      image.set([0x55, 0xaa], 510);
      const { manifestId } = await store.importImage(sparseSourceOf(image));
      expect((await store.readManifest(manifestId)).partitions).toEqual({
        scheme: "mbr",
        diskId: "00000000",
        partitions: [{ number: 1, type: "83", firstLba: 2048, sectorCount: 2048, attributes: 0x80n, name: "" }],
      });
    });

    it("keeps a chunk once, inside an image and across images", async () => {
      const { store } = await openOne();
      const once = await store.importImage(sourceOf(makeImage([PROGRAMS])));
      const twice = await store.importImage(sourceOf(makeImage([PROGRAMS, HOLE, PROGRAMS, HOLE, USER])));
      expect(twice.chunkCount).toBeGreaterThan(2 * once.chunkCount);
      expect(twice.newChunkCount).toBeLessThanOrEqual(twice.chunkCount - 2 * once.chunkCount);
      const stats = await store.imageStats(twice.manifestId);
      expect(stats).toMatchObject({ dataBytes: 7 * MIB, uniqueBytes: 4 * MIB, sharedBytes: 3 * MIB });
      expect(stats.storedBytes).toBeGreaterThan(0);
    });

    it("reports progress up to the end", async () => {
      const { store } = await openOne();
      const done: number[] = [];
      const image = makeImage([SYSTEM, HOLE]);
      await store.importImage(sourceOf(image), { onProgress: ({ doneBytes }) => done.push(doneBytes) });
      expect(done.toSorted((a, b) => a - b)).toEqual(done);
      expect(done.at(-1)).toBe(image.length);
    });

    it("takes several imports at once", async () => {
      const { store } = await openOne();
      const same = makeImage([PROGRAMS, HOLE, SYSTEM]);
      const other = makeImage([OTHER, HOLE, SYSTEM]);
      const results = await Promise.all([same, other, same].map((image) => store.importImage(sourceOf(image))));
      expect(results[0]?.manifestId).toBe(results[2]?.manifestId);
      for (const [i, image] of [same, other, same].entries()) {
        expectSame(await readBack(store, results[i]?.manifestId ?? UNKNOWN), image);
      }
      expect((await store.verify()).ok).toBe(true);
    });

    it("says what it does not have", async () => {
      const { store } = await openOne();
      await expectCode(store.readChunk(UNKNOWN), "missing");
      await expectCode(store.readManifest(UNKNOWN), "missing");
      await expectCode(store.removeManifest(UNKNOWN), "missing");
      await expectCode(store.imageStats(UNKNOWN), "missing");
      await expectCode(store.readChunk(UNKNOWN, AbortSignal.abort()), "aborted");
    });
  });

  describe(`${name}: what goes wrong`, () => {
    const bytes = makeImage([{ kind: "random", bytes: 4096 }]);
    it.each<[string, ImageSource, ChunkErrorCode]>([
      ["an empty image", { sizeBytes: 0, data: ranges([]) }, "invalid-source"],
      ["a size that is no multiple of 512", { sizeBytes: 1000, data: ranges([]) }, "invalid-source"],
      ["a size beyond all limits", { sizeBytes: 2 ** 51, data: ranges([]) }, "too-large"],
      ["data before the start", { sizeBytes: 4096, data: ranges([{ offset: -512, bytes }]) }, "invalid-source"],
      ["data beyond the end", { sizeBytes: 4096, data: ranges([{ offset: 512, bytes }]) }, "invalid-source"],
      [
        "data out of order",
        {
          sizeBytes: 16384,
          data: ranges([
            { offset: 4096, bytes },
            { offset: 0, bytes },
          ]),
        },
        "invalid-source",
      ],
    ])("refuses %s", async (_, source, code) => {
      const { store } = await openOne();
      await expectCode(store.importImage(source), code);
      expect(await store.listManifests()).toEqual([]);
    });

    it("passes on what the source throws, and is as before", async () => {
      const { store } = await openOne();
      await store.importImage(sourceOf(makeImage([SYSTEM])));
      const before = await store.stats();
      const failure = new Error("the disk was pulled out");
      const source = failing(makeImage([OTHER]), failure);
      await expect(store.importImage(source)).rejects.toBe(failure);
      expect(await store.stats()).toEqual(before);
    });

    it("stops when aborted, even while the source hangs, and is as before", async () => {
      const { store } = await openOne();
      await store.importImage(sourceOf(makeImage([SYSTEM])));
      const before = await store.stats();
      const controller = new AbortController();
      const hanging = store.importImage(
        hangingAfter(makeImage([OTHER]), () => controller.abort()),
        {
          signal: controller.signal,
        },
      );
      await expectCode(hanging, "aborted");
      await expectCode(store.importImage(sourceOf(bytes), { signal: AbortSignal.abort() }), "aborted");
      expect(await store.stats()).toEqual(before);
    });

    it("never gives wrong bytes, names what is damaged, and is healed by importing again", async () => {
      const { store, ...disk } = await openOne();
      const image = makeImage([SYSTEM, PROGRAMS]);
      const { manifestId } = await store.importImage(sourceOf(image));
      const other = await store.importImage(sourceOf(makeImage([OTHER])));
      const digest = await firstChunk(store, manifestId);
      await disk.damageChunk(digest);
      await expect(store.readChunk(digest)).rejects.toMatchObject({ code: "damaged", chunk: digest });
      expectSame(await readBack(store, other.manifestId), makeImage([OTHER]));
      const report = await store.verify();
      expect(report.ok).toBe(false);
      expect(report.affectedManifests).toEqual([{ id: manifestId, chunks: [digest] }]);
      expect((await store.importImage(sourceOf(image))).manifestId).toBe(manifestId);
      expectSame(await readBack(store, manifestId), image);
      expect((await store.verify()).affectedManifests).toEqual([]);
    });

    it("reports lost chunks as missing, and goes on", async () => {
      const { store, ...disk } = await openOne();
      const { manifestId } = await store.importImage(sourceOf(makeImage([SYSTEM])));
      const digest = await firstChunk(store, manifestId);
      await disk.loseChunk(digest);
      await expect(store.readChunk(digest)).rejects.toMatchObject({ code: "missing", chunk: digest });
      const report = await store.verify();
      expect(report.affectedManifests[0]?.chunks).toContain(digest);
      await expectCode(store.verify({ signal: AbortSignal.abort() }), "aborted");
    });
  });

  describe(`${name}: signatures`, () => {
    it("gives back a signature, the newer of two, and says when there is none", async () => {
      const { store } = await openOne();
      const { manifestId } = await store.importImage(sourceOf(makeImage([USER])));
      expect(await store.readSignature(manifestId)).toBeUndefined();
      await store.writeSignature(manifestId, new Uint8Array(64).fill(1));
      await store.writeSignature(manifestId, new Uint8Array(64).fill(2));
      expect(await store.readSignature(manifestId)).toEqual(new Uint8Array(64).fill(2));
      expect(await store.listManifests()).toEqual([manifestId]);
    });

    it("takes none for a manifest that is not there, and none that cannot be one", async () => {
      const { store } = await openOne();
      const { manifestId } = await store.importImage(sourceOf(makeImage([USER])));
      await expectCode(store.writeSignature(UNKNOWN, new Uint8Array(64)), "missing");
      await expectCode(store.writeSignature(manifestId, new Uint8Array(63)), "invalid-source");
      expect(await store.readSignature(UNKNOWN)).toBeUndefined();
      expect(await store.readSignature(manifestId)).toBeUndefined();
    });

    it("loses it with its manifest, by removal and by pruning", async () => {
      const { store } = await openOne();
      const removed = await store.importImage(sourceOf(makeImage([USER])));
      const pruned = await store.importImage(sourceOf(makeImage([SYSTEM])));
      for (const { manifestId } of [removed, pruned]) await store.writeSignature(manifestId, new Uint8Array(64));
      await store.removeManifest(removed.manifestId);
      await store.prune([pruned.manifestId]);
      expect(await store.readSignature(pruned.manifestId)).toEqual(new Uint8Array(64));
      await store.prune([]);
      for (const { manifestId } of [removed, pruned]) expect(await store.readSignature(manifestId)).toBeUndefined();
    });

    it("finds the wrong ones when it is told the key, and those alone", async () => {
      const { store } = await openOne();
      const { manifestId: rightId } = await store.importImage(sourceOf(makeImage([USER])));
      const { manifestId: wrongId } = await store.importImage(sourceOf(makeImage([SYSTEM])));
      await store.importImage(sourceOf(makeImage([OTHER])));
      const signature = signManifest(rightId, TEST_SIGNER);
      await store.writeSignature(rightId, signature);
      await store.writeSignature(wrongId, signature);
      const { ok, damagedFiles } = await store.verify({ publicKey: TEST_PUBLIC_KEY });
      expect(ok).toBe(false);
      expect(damagedFiles.map(({ path }) => path)).toEqual([`manifests/${wrongId}.sig`]);
      expect((await store.verify()).ok).toBe(true);
    });
  });

  describe(`${name}: pruning`, () => {
    it("takes what no live manifest needs, and nothing else", async () => {
      const { store } = await openOne();
      const kept = makeImage([PROGRAMS, HOLE, SYSTEM]);
      const keptId = (await store.importImage(sourceOf(kept))).manifestId;
      const alone = await store.stats();
      const goneId = (await store.importImage(sourceOf(makeImage([OTHER, HOLE, SYSTEM])))).manifestId;
      await store.prune([keptId, goneId]);
      const { removedManifests, freedBytes } = await store.prune([keptId]);
      expect(removedManifests).toEqual([goneId]);
      expect(freedBytes).toBeGreaterThan(5 * MIB);
      expect(await store.listManifests()).toEqual([keptId]);
      expect((await store.stats()).packBytes).toBeLessThanOrEqual(alone.packBytes + MIB);
      expectSame(await readBack(store, keptId), kept);
      expect((await store.verify()).ok).toBe(true);
      await store.removeManifest(keptId);
      await store.prune([]);
      expect(await store.stats()).toEqual({ manifestCount: 0, chunkCount: 0, packCount: 0, packBytes: 0 });
    });

    it("keeps an image that was imported while the list of live ones was made", async () => {
      const { store } = await openOne();
      const image = makeImage([SYSTEM]);
      const { manifestId } = await store.importImage(sourceOf(image));
      await store.prune([]);
      expectSame(await readBack(store, manifestId), image);
    });

    it("refuses a live manifest that it does not have, before anything is removed", async () => {
      const { store } = await openOne();
      const { manifestId } = await store.importImage(sourceOf(makeImage([SYSTEM])));
      await store.prune([manifestId]);
      await expectCode(store.prune([UNKNOWN]), "missing");
      expect(await store.listManifests()).toEqual([manifestId]);
    });

    it("leaves imports under way what they rely on", async () => {
      const { store } = await openOne();
      const { manifestId: oldId } = await store.importImage(sourceOf(makeImage([PROGRAMS, SYSTEM])));
      await store.prune([oldId]);
      const image = makeImage([PROGRAMS, HOLE, OTHER, SYSTEM]);
      const imported = await store.importImage(interrupted(image, 9 * MIB, () => store.prune([])));
      await store.prune([imported.manifestId]);
      expectSame(await readBack(store, imported.manifestId), image);
      expect((await store.verify()).ok).toBe(true);
    });
  });
}

/** Compared by digest: a comparison byte by byte takes seconds. */
function expectSame(got: Uint8Array, expected: Uint8Array): void {
  expect(got.length).toBe(expected.length);
  expect(sha256(got)).toBe(sha256(expected));
}

async function expectCode(promise: Promise<unknown>, code: ChunkErrorCode): Promise<void> {
  await expect(promise).rejects.toBeInstanceOf(ChunkError);
  await expect(promise).rejects.toMatchObject({ code });
}

async function firstChunk(store: ManifestReader, id: Digest): Promise<Digest> {
  for (const extent of (await store.readManifest(id)).extents) if (extent.kind === "chunk") return extent.digest;
  throw new Error("the image has no chunk");
}

async function* ranges(list: readonly ImageRange[]): AsyncGenerator<ImageRange, void> {
  yield* list;
}

function failing(image: Uint8Array, failure: Error): ImageSource {
  async function* data(): AsyncGenerator<ImageRange | DontCareRange, void> {
    yield* sourceOf(image).data;
    throw failure;
  }
  return { sizeBytes: image.length * 2, data: data() };
}

function hangingAfter(image: Uint8Array, onHang: () => void): ImageSource {
  async function* data(): AsyncGenerator<ImageRange | DontCareRange, void> {
    yield* sourceOf(image).data;
    setImmediate(onHang);
    await new Promise<never>(() => undefined);
  }
  return { sizeBytes: image.length * 2, data: data() };
}

/** Runs something between two ranges. */
function interrupted(image: Uint8Array, at: number, interruption: () => Promise<unknown>): ImageSource {
  async function* data(): AsyncGenerator<ImageRange | DontCareRange, void> {
    for await (const range of sourceOf(image).data) {
      if (range.offset === at) await interruption();
      yield range;
    }
  }
  return { sizeBytes: image.length, data: data() };
}
