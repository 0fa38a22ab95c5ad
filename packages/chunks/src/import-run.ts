import { Chunker } from "./chunker.ts";
import type { Cut } from "./chunker.ts";
import type { Digest } from "./digest.ts";
import { ChunkError, throwIfAborted } from "./errors.ts";
import type { Extent } from "./extent.ts";
import { MAX_CHUNK_BYTES, MAX_EXTENTS, PARTITION_TABLE_WINDOW_BYTES, SECTOR_BYTES } from "./limits.ts";
import type { Manifest } from "./manifest.ts";
import { parsePartitionTable } from "./partitions.ts";
import type { ImageSource, ImportOptions, ImportResult } from "./store.ts";

/** Where an import puts its chunks. */
export interface ChunkSink {
  /** Takes the next data chunk of the image; resolves when the sink can take another one. */
  add(extent: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Resolves with the digests by number of extent when all chunks are stored. */
  finish(): Promise<ReadonlyMap<number, Digest>>;
  readonly newChunkCount: number;
  readonly newPackBytes: number;
}

/** What was read of an image: everything but where its chunks are kept. */
export interface ImportedImage {
  readonly manifest: Manifest;
  readonly result: Omit<ImportResult, "manifestId">;
}

/**
 * Streams an image through the chunker into a sink and makes its manifest. What every store's import has in common.
 * Throws `ChunkError` `invalid-source`, `too-large`, `aborted`; errors of the source and the sink pass through.
 */
export async function readImage(source: ImageSource, sink: ChunkSink, options: ImportOptions): Promise<ImportedImage> {
  const { sizeBytes } = source;
  const { onProgress, signal } = options;
  const chunker = new Chunker(sizeBytes);
  const head = new Uint8Array(Math.min(sizeBytes, PARTITION_TABLE_WINDOW_BYTES));
  const extents: ExtentDraft[] = [];
  const take = async (cuts: readonly Cut[]): Promise<void> => {
    for (const cut of cuts) {
      const length = cut.kind === "chunk" ? cut.bytes.length : cut.length;
      const before = extents.at(-1);
      if (cut.kind === "dontCare" && before?.kind === "dontCare") before.length += length;
      else extents.push({ kind: cut.kind, offset: cut.offset, length });
      if (extents.length > MAX_EXTENTS) {
        throw new ChunkError("too-large", `image: more than ${MAX_EXTENTS} extents`);
      }
      if (cut.kind === "chunk") await sink.add(extents.length - 1, cut.bytes);
    }
    throwIfAborted(signal, "the import");
  };
  const report = (doneBytes: number): void => {
    onProgress?.({ doneBytes, sizeBytes, newChunkCount: sink.newChunkCount, newPackBytes: sink.newPackBytes });
  };
  throwIfAborted(signal, "the import");
  for await (const range of abortable(source.data, signal)) {
    if ("dontCareLength" in range) {
      await take(chunker.skipDontCare(range.offset, range.dontCareLength));
      report(range.offset + range.dontCareLength);
      continue;
    }
    const { offset, bytes } = range;
    for (let at = 0; at < bytes.length; at += MAX_CHUNK_BYTES) {
      const slice = bytes.subarray(at, at + MAX_CHUNK_BYTES);
      await take(chunker.push(offset + at, slice));
      report(offset + at + slice.length);
    }
    if (offset < head.length) head.set(bytes.subarray(0, head.length - offset), offset);
  }
  await take(chunker.finish());
  const digests = await sink.finish();
  throwIfAborted(signal, "the import");
  report(sizeBytes);
  const manifest: Manifest = {
    formatVersion: 1,
    sizeBytes,
    sectorBytes: SECTOR_BYTES,
    partitions: parsePartitionTable(head),
    extents: extents.map((draft, i) => finishExtent(draft, digests.get(i))),
  };
  const bytesOf = (wanted: Extent["kind"]): number =>
    extents.reduce((sum, { kind, length }) => sum + (kind === wanted ? length : 0), 0);
  const { newChunkCount, newPackBytes } = sink;
  return {
    manifest,
    result: {
      sizeBytes,
      chunkCount: digests.size,
      newChunkCount,
      newPackBytes,
      dataBytes: bytesOf("chunk"),
      zeroBytes: bytesOf("zero"),
      dontCareBytes: bytesOf("dontCare"),
    },
  };
}

interface ExtentDraft {
  readonly kind: Extent["kind"];
  readonly offset: number;
  length: number;
}

function finishExtent({ kind, offset, length }: ExtentDraft, digest: Digest | undefined): Extent {
  if (kind !== "chunk") return { kind, offset, length };
  if (digest === undefined) throw new Error(`the sink has no digest for the chunk at ${offset}`);
  return { kind, offset, length, digest };
}

/** The items of `data`, until the signal fires: also while `data` itself is waiting and does not know of the signal. */
async function* abortable<T>(data: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void> {
  if (signal === undefined) {
    yield* data;
    return;
  }
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new ChunkError("aborted", "the import was aborted", { cause: signal.reason }));
  signal.addEventListener("abort", onAbort, { once: true });
  // Nobody may be waiting when it fires; the next wait or `throwIfAborted` sees it.
  aborted.catch(() => undefined);
  const iterator = data[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const item = await Promise.race([iterator.next(), aborted]);
      ended = item.done === true;
      if (item.done === true) return;
      yield item.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // A source that hangs would hang its own `return` too: it is told, not waited for, once the signal fired.
    const returned = ended ? undefined : iterator.return?.();
    if (signal.aborted) returned?.catch(() => undefined);
    else await returned;
  }
}
