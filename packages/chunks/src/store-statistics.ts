import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";
import type { ImageStats, ManifestLister, ManifestReader } from "./store.ts";

/** What one image takes, and shares with the other images of the store. Other manifests that cannot be read share nothing. */
export async function imageStatsOf(
  store: ManifestReader & ManifestLister,
  id: Digest,
  storedLength: (digest: Digest) => number,
): Promise<ImageStats> {
  const lengths = new Map<Digest, number>();
  let dataBytes = 0;
  for (const extent of (await store.readManifest(id)).extents) {
    if (extent.kind !== "chunk") continue;
    dataBytes += extent.length;
    lengths.set(extent.digest, extent.length);
  }
  const shared = new Set<Digest>();
  for (const other of await store.listManifests()) {
    if (other === id) continue;
    for (const digest of await digestsOf(store, other)) if (lengths.has(digest)) shared.add(digest);
  }
  let uniqueBytes = 0;
  let storedBytes = 0;
  let sharedBytes = 0;
  for (const [digest, length] of lengths) {
    uniqueBytes += length;
    storedBytes += storedLength(digest);
    if (shared.has(digest)) sharedBytes += length;
  }
  return { dataBytes, uniqueBytes, storedBytes, sharedBytes };
}

async function digestsOf(store: ManifestReader, id: Digest): Promise<readonly Digest[]> {
  try {
    const { extents } = await store.readManifest(id);
    return extents.flatMap((extent) => (extent.kind === "chunk" ? [extent.digest] : []));
  } catch (error) {
    if (error instanceof ChunkError && (error.code === "missing" || error.code === "damaged")) return [];
    throw error;
  }
}
