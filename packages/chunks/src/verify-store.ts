import { DecodeError } from "@ingot/wire";
import type { PackCheck } from "./codec-tasks.ts";
import type { Digest } from "./digest.ts";
import { ChunkError, throwIfAborted } from "./errors.ts";
import { readStoredManifest } from "./read-manifest.ts";
import { readAllTables, readSegment, replaceSegments } from "./segments.ts";
import { isAbsent, manifestPath, packPath, segmentPath, signaturePath, storeError } from "./store-core.ts";
import type { StoreCore } from "./store-core.ts";
import { readStoredSignature, signatureFault } from "./stored-signature.ts";
import type { AffectedManifest, DamagedFile, DamagedPack, VerifyOptions, VerifyReport } from "./store.ts";

/** Packs read ahead of the hashing threads. */
const PACKS_AT_ONCE = 3;

/** `DirectoryStore.verify`. Runs beside everything else: it looks at the packs that the index had when it began. */
export async function verifyStore(core: StoreCore, options: VerifyOptions): Promise<VerifyReport> {
  core.throwIfClosed();
  try {
    const packs = await verifyPacks(core, options);
    const damagedFiles = await core.commitLock.run(async () => await verifySegments(core));
    const affectedManifests: AffectedManifest[] = [];
    const badChunks = new Set(packs.damagedPacks.flatMap(({ chunks }) => chunks));
    for (const id of [...core.manifests].sort()) {
      throwIfAborted(options.signal, "verifying");
      const found = await verifyManifest(core, id, badChunks);
      if (found !== undefined && "id" in found) affectedManifests.push(found);
      else if (found !== undefined) damagedFiles.push(found);
      const reason = await signatureFault(id, () => readStoredSignature(core, id), options.publicKey);
      if (reason !== undefined) damagedFiles.push({ path: signaturePath(id), reason });
    }
    const ok = packs.damagedPacks.length + damagedFiles.length + affectedManifests.length === 0;
    return { ok, ...packs, damagedFiles, affectedManifests };
  } catch (error) {
    throw storeError(error, "verifying the chunk store");
  }
}

async function verifyPacks(
  core: StoreCore,
  { onProgress, signal }: VerifyOptions,
): Promise<Pick<VerifyReport, "packCount" | "checkedBytes" | "damagedPacks">> {
  const packs = core.index.packs.slice();
  const damagedPacks: DamagedPack[] = [];
  let checkedBytes = 0;
  let donePacks = 0;
  const remaining = packs.values();
  const checkOneByOne = async (): Promise<void> => {
    for (const { pack } of remaining) {
      throwIfAborted(signal, "verifying");
      const { check, bytes } = await checkPack(core, pack);
      checkedBytes += bytes;
      // A prune may have dropped it meanwhile.
      if (check.damage !== undefined && core.index.hasPack(pack)) {
        core.damaged.add(pack);
        damagedPacks.push({ pack, path: packPath(pack), reason: check.damage, chunks: lostChunks(core, pack, check) });
      }
      onProgress?.({ donePacks: ++donePacks, packCount: packs.length });
    }
  };
  await Promise.all(Array.from({ length: PACKS_AT_ONCE }, checkOneByOne));
  damagedPacks.sort((a, b) => (a.pack < b.pack ? -1 : 1));
  return { packCount: packs.length, checkedBytes, damagedPacks };
}

async function checkPack(core: StoreCore, pack: Digest): Promise<{ check: PackCheck; bytes: number }> {
  try {
    const bytes = await core.files.read(packPath(pack));
    const length = bytes.length;
    return { check: await core.pool.run({ kind: "checkPack", bytes, pack }), bytes: length };
  } catch (error) {
    if (error instanceof ChunkError || !(error instanceof Error)) throw error;
    // A sector that the disk cannot read any more is damage like any other.
    const damage = isAbsent(error) ? "the file is not there" : `cannot be read: ${error.message}`;
    return { check: { damage, badChunks: [], tableReadable: false }, bytes: 0 };
  }
}

/** Chunks that the index looks for in this pack and that it does not give. */
function lostChunks(core: StoreCore, pack: Digest, check: PackCheck): Digest[] {
  const lost: Digest[] = [];
  const bad = new Set(check.badChunks);
  for (const digest of core.index.chunksOf(pack)) {
    if (!check.tableReadable || bad.has(digest)) lost.push(digest);
  }
  return lost;
}

/** Damaged segments are named and written anew from what the other segments and the packs say. Under `commitLock`. */
async function verifySegments(core: StoreCore): Promise<DamagedFile[]> {
  const damaged: DamagedFile[] = [];
  for (const name of core.segments) {
    const path = segmentPath(name);
    try {
      const segment = await readSegment(core.files, name);
      if ("damage" in segment) damaged.push({ path, reason: `${segment.damage}; rebuilt from the packs` });
    } catch (error) {
      if (!isAbsent(error)) throw error;
      damaged.push({ path, reason: "the file is not there; rebuilt from the packs" });
    }
  }
  if (damaged.length > 0) await replaceSegments(core, await readAllTables(core));
  return damaged;
}

async function verifyManifest(
  core: StoreCore,
  id: Digest,
  badChunks: ReadonlySet<Digest>,
): Promise<AffectedManifest | DamagedFile | undefined> {
  try {
    const { extents } = await readStoredManifest(core, id);
    const lost = new Set<Digest>();
    for (const extent of extents) {
      if (extent.kind !== "chunk") continue;
      if (badChunks.has(extent.digest) || core.index.recordOf(extent.digest) < 0) lost.add(extent.digest);
    }
    return lost.size === 0 ? undefined : { id, chunks: [...lost] };
  } catch (error) {
    // Removed while we were looking.
    if (!core.manifests.has(id)) return undefined;
    if (error instanceof ChunkError && (error.code === "damaged" || error.code === "missing")) {
      return {
        path: manifestPath(id),
        reason: error.cause instanceof DecodeError ? error.cause.message : error.message,
      };
    }
    throw error;
  }
}
