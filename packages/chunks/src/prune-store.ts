import { ChunkIndex } from "./chunk-index.ts";
import type { ChunkLocation } from "./chunk-index.ts";
import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";
import type { PackTable } from "./index-segment.ts";
import { listPacks } from "./open-store.ts";
import { PackWriter } from "./pack-writer.ts";
import { readStoredManifest } from "./read-manifest.ts";
import { readAllTables, replaceSegments } from "./segments.ts";
import { isAbsent, manifestPath, packPath, signaturePath, storeError } from "./store-core.ts";
import type { StoreCore } from "./store-core.ts";
import type { PruneResult } from "./store.ts";

/** A pack is written anew when less than this part of its file is needed. */
const REPACK_BELOW = 0.5;

/** `DirectoryStore.removeManifest`. */
export async function removeManifest(core: StoreCore, id: Digest): Promise<void> {
  core.throwIfClosed();
  await core.commitLock.run(async () => {
    if (!core.manifests.has(id)) {
      throw new ChunkError("missing", `manifest ${id}: not in this store`, { manifest: id });
    }
    await removeManifests(core, [id]);
  });
}

/** `DirectoryStore.prune`: manifests first, then the index, packs last. */
export async function pruneStore(core: StoreCore, live: Iterable<Digest>): Promise<PruneResult> {
  core.throwIfClosed();
  const wanted = new Set(live);
  try {
    return await core.commitLock.run(async () => await prune(core, wanted));
  } catch (error) {
    throw storeError(error, "pruning the chunk store");
  }
}

async function prune(core: StoreCore, wanted: ReadonlySet<Digest>): Promise<PruneResult> {
  const kept = new Set([...wanted, ...core.freshManifests]);
  const liveRecords = await findLiveRecords(core, kept);
  const removedManifests = [...core.manifests].filter((id) => !kept.has(id)).sort();
  await removeManifests(core, removedManifests);
  for (const id of wanted) core.freshManifests.delete(id);

  const { dropped, moving } = choosePacks(core, liveRecords);
  core.dropping = dropped;
  const writer = new PackWriter(core);
  try {
    const moved = await moveChunks(core, writer, moving, dropped);
    const freedBytes = await dropPacks(core, dropped, moved);
    const orphans = await removeOrphans(core);
    return {
      removedManifests,
      removedPackCount: dropped.size + orphans.count,
      freedBytes: freedBytes + orphans.bytes - writer.bytes,
    };
  } finally {
    core.dropping = new Set();
    await writer.release();
  }
}

async function removeManifests(core: StoreCore, ids: readonly Digest[]): Promise<void> {
  for (const id of ids) {
    for (const path of [manifestPath(id), signaturePath(id)]) {
      try {
        await core.files.remove(path);
      } catch (error) {
        if (!isAbsent(error)) throw storeError(error, `removing ${path}`, path);
      }
    }
    core.manifests.delete(id);
    core.freshManifests.delete(id);
  }
  if (ids.length > 0) await core.files.syncDirectory("manifests");
}

/** One byte per record of the index: 1 when a kept manifest names the chunk. A manifest that cannot be read ends the prune. */
async function findLiveRecords(core: StoreCore, kept: Iterable<Digest>): Promise<Uint8Array> {
  const live = new Uint8Array(core.index.size);
  for (const id of kept) {
    for (const extent of (await readStoredManifest(core, id)).extents) {
      if (extent.kind !== "chunk") continue;
      const record = core.index.recordOf(extent.digest);
      if (record >= 0) live[record] = 1;
    }
  }
  return live;
}

/**
 * Packs to drop, and what has to be moved out of them. In one go, without waiting: from here on imports do not rely
 * on the dropped packs, and those that some import does rely on are not among them.
 */
function choosePacks(core: StoreCore, live: Uint8Array): { dropped: Set<Digest>; moving: ChunkLocation[] } {
  const { index } = core;
  const pinned = new Set([...core.pins].flatMap((pins) => [...pins]));
  const liveBytes = new Float64Array(index.packs.length);
  for (let record = 0; record < live.length; record++) {
    if (live[record] !== 1) continue;
    const { packNumber, storedLength } = index.locationAt(record);
    liveBytes[packNumber] = (liveBytes[packNumber] ?? 0) + storedLength;
  }
  const dropped = new Set<Digest>();
  const sparse = new Set<Digest>();
  for (const [packNumber, { pack, fileBytes }] of index.packs.entries()) {
    const bytes = liveBytes[packNumber] ?? 0;
    if (pinned.has(pack) || bytes >= fileBytes * REPACK_BELOW) continue;
    // A damaged pack with live chunks stays where it is: moving would lose what a repair could still use.
    if (bytes > 0 && core.damaged.has(pack)) continue;
    dropped.add(pack);
    if (bytes > 0) sparse.add(pack);
  }
  const moving: ChunkLocation[] = [];
  for (let record = 0; record < live.length && sparse.size > 0; record++) {
    if (live[record] !== 1) continue;
    const location = index.locationAt(record);
    if (sparse.has(location.pack)) moving.push(location);
  }
  moving.sort((a, b) => a.packNumber - b.packNumber || a.offset - b.offset);
  return { dropped, moving };
}

/** Copies verified chunks into new packs. A pack that turns out damaged is kept: it leaves `dropped`. */
async function moveChunks(
  core: StoreCore,
  writer: PackWriter,
  moving: readonly ChunkLocation[],
  dropped: Set<Digest>,
): Promise<readonly PackTable[]> {
  for (const { digest, pack, codec, offset, storedLength, plainLength } of moving) {
    if (!dropped.has(pack)) continue;
    const payload = await readPayload(core, packPath(pack), offset, storedLength);
    const opened = await core.pool.run({ kind: "open", bytes: new Uint8Array(payload), codec, plainLength, digest });
    if ("damage" in opened) {
      core.damaged.add(pack);
      dropped.delete(pack);
    } else {
      await writer.add(digest, codec, payload, plainLength);
    }
  }
  return await writer.finish();
}

/** A pack file that has vanished gives no bytes, which is damage like any other. */
async function readPayload(
  core: StoreCore,
  path: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await core.files.readRange(path, offset, length);
  } catch (error) {
    if (isAbsent(error)) return new Uint8Array();
    throw storeError(error, `reading ${path}`, path);
  }
}

/** Takes the packs out of the index, durably, then removes their files. Returns the bytes of these. */
async function dropPacks(core: StoreCore, dropped: ReadonlySet<Digest>, moved: readonly PackTable[]): Promise<number> {
  if (dropped.size === 0 && moved.length === 0) return 0;
  const tables = (await readAllTables(core)).filter(({ pack }) => !dropped.has(pack));
  tables.push(...moved);
  await replaceSegments(core, tables);
  const sizes = new Map(core.index.packs.map(({ pack, fileBytes }) => [pack, fileBytes]));
  const index = new ChunkIndex();
  for (const table of tables) index.addPack(table);
  core.index = index;
  let freedBytes = 0;
  for (const pack of dropped) {
    core.damaged.delete(pack);
    if (await core.removeDroppedPack(pack)) freedBytes += sizes.get(pack) ?? 0;
  }
  return freedBytes;
}

/** Packs that no index names and no import owns: left by a crash, or by a removal that failed. */
async function removeOrphans(core: StoreCore): Promise<{ count: number; bytes: number }> {
  let count = 0;
  let bytes = 0;
  for (const pack of await listPacks(core)) {
    if (core.index.hasPack(pack) || core.isOwned(pack)) continue;
    const size = await core.files.size(packPath(pack));
    if (!(await core.removeDroppedPack(pack))) continue;
    count++;
    bytes += size;
  }
  return { count, bytes };
}
