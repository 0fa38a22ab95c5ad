import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChunkExtent, encodeManifest, type Manifest, manifestIdOf, sha256 } from "@ingot/chunks";
import { type BootTrace, PageCacheEstimate } from "@ingot/disks";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Replicas } from "./replicas.ts";

const CHUNK_BYTES = 65_536;
const content = [1, 2, 3, 4, 5].map((value) => new Uint8Array(CHUNK_BYTES).fill(value));
const extents = content.map((bytes, i): ChunkExtent => ({
  kind: "chunk",
  offset: i * CHUNK_BYTES,
  length: CHUNK_BYTES,
  digest: sha256(bytes),
}));
const manifest: Manifest = {
  formatVersion: 1,
  sizeBytes: content.length * CHUNK_BYTES,
  sectorBytes: 512,
  partitions: undefined,
  extents,
};
const manifestId = manifestIdOf(encodeManifest(manifest));

let directory: string;
/** Chunks that the store was asked for, by their number. */
let fetched: number[];
let trace: BootTrace | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ingot-replicas-"));
  fetched = [];
  trace = { manifestId, chunkCount: 5, bootCount: 1, chunks: [3, 0, 4] };
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function openReplicas(maxPrefetchBytes = 1 << 20): Promise<Replicas> {
  return Replicas.open(directory, {
    store: {
      readManifest: async () => manifest,
      async readChunk(digest) {
        const chunk = extents.findIndex((extent) => extent.digest === digest);
        fetched.push(chunk);
        return content[chunk] ?? new Uint8Array();
      },
    },
    pageCache: new PageCacheEstimate(1 << 30),
    traces: { read: async () => trace },
    maxPrefetchBytes,
    onError: (error) => expect.unreachable(String(error)),
  });
}

test("what the boot trace names, and nothing else, is fetched in its order when a replica is opened", async () => {
  const replicas = await openReplicas();
  const { replica, release } = await replicas.acquire(manifestId);
  await vi.waitFor(() => expect(replica.stats().heldChunks).toBe(3));
  expect(fetched).toEqual([3, 0, 4]);
  await release();
});

test("a trace of another number of chunks is not followed, and none beyond the limit", async () => {
  const whole = trace;
  trace = whole && { ...whole, chunkCount: 6 };
  const replicas = await openReplicas(2 * CHUNK_BYTES);
  const strange = await replicas.acquire(manifestId);
  await strange.replica.read(CHUNK_BYTES, new Uint8Array(512));
  await strange.release();
  expect(fetched).toEqual([1]);

  trace = whole;
  const limited = await replicas.acquire(manifestId);
  await vi.waitFor(() => expect(limited.replica.stats().heldChunks).toBe(3));
  await limited.release();
  expect(fetched).toEqual([1, 3, 0]);
});

test("a replica may be let go while its trace is followed", async () => {
  const replicas = await openReplicas();
  for (let round = 0; round < 5; round++) {
    const { release } = await replicas.acquire(manifestId);
    await release();
  }
  await replicas.prune(new Set());
});
