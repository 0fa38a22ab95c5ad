import type { Digest } from "./digest.ts";
import { throwIfAborted } from "./errors.ts";
import { readImage } from "./import-run.ts";
import type { PackTable } from "./index-segment.ts";
import { MAX_SEGMENTS } from "./limits.ts";
import { encodeManifest, manifestIdOf } from "./manifest.ts";
import { PackSink } from "./pack-sink.ts";
import { PackWriter } from "./pack-writer.ts";
import { readAllTables, removeSegments, replaceSegments, writeSegments } from "./segments.ts";
import { manifestPath, storeError } from "./store-core.ts";
import type { StoreCore } from "./store-core.ts";
import type { ImageSource, ImportOptions, ImportResult } from "./store.ts";

/** `DirectoryStore.importImage`: packs, then index, then manifest, each durable before the next. */
export async function importImage(core: StoreCore, source: ImageSource, options: ImportOptions): Promise<ImportResult> {
  core.throwIfClosed();
  const pins = new Set<Digest>();
  core.pins.add(pins);
  const writer = new PackWriter(core);
  const sink = new PackSink(core, writer, pins);
  try {
    const signals = options.signal === undefined ? [core.closing] : [core.closing, options.signal];
    const { manifest, result } = await readImage(source, sink, { ...options, signal: AbortSignal.any(signals) });
    const tables = await writer.finish();
    const encoded = encodeManifest(manifest);
    const manifestId = manifestIdOf(encoded);
    await core.commitLock.run(async () => {
      core.throwIfClosed();
      throwIfAborted(options.signal, "the import");
      await commit(core, tables, manifestId, encoded);
    });
    return { manifestId, ...result, newPackBytes: writer.bytes };
  } catch (error) {
    core.throwIfClosed();
    throw storeError(error, "importing an image");
  } finally {
    await sink.settle();
    await writer.release();
    core.pins.delete(pins);
  }
}

/** The packs are durable. A failure leaves index and manifests as they were. */
async function commit(
  core: StoreCore,
  tables: readonly PackTable[],
  manifestId: Digest,
  encoded: Uint8Array,
): Promise<void> {
  const segments = await writeSegments(core, tables);
  const path = manifestPath(manifestId);
  const wasThere = core.manifests.has(manifestId);
  try {
    await core.writeFile(path, encoded);
    await core.files.syncDirectory("manifests");
  } catch (error) {
    if (!wasThere) await core.removeQuietly(path);
    await removeSegments(core, segments);
    throw error;
  }
  core.addToIndex(tables);
  core.manifests.add(manifestId);
  core.freshManifests.add(manifestId);
  if (core.segments.size > MAX_SEGMENTS) await replaceSegments(core, await readAllTables(core));
}
