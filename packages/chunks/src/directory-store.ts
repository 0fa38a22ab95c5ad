import { ChunkCache } from "./chunk-cache.ts";
import type { ChunkLocation } from "./chunk-index.ts";
import type { Digest } from "./digest.ts";
import { ChunkError, throwIfAborted } from "./errors.ts";
import { importImage } from "./import-image.ts";
import type { Manifest } from "./manifest.ts";
import { NodeFiles } from "./node-file.ts";
import { openStore } from "./open-store.ts";
import type { StoreProblem } from "./open-store.ts";
import type { Codec } from "./pack.ts";
import { CodecPool } from "./pool-worker.ts";
import { pruneStore, removeManifest } from "./prune-store.ts";
import { readStoredManifest } from "./read-manifest.ts";
import { StoreCore, isAbsent, packPath, storeError } from "./store-core.ts";
import type { StoreFiles } from "./store-files.ts";
import type * as Store from "./store.ts";
import { readStoredSignature, writeStoredSignature } from "./stored-signature.ts";
import { imageStatsOf } from "./store-statistics.ts";
import { verifyStore } from "./verify-store.ts";

/** How a directory store uses the machine. */
export interface DirectoryStoreOptions {
  /** Threads that hash, compress and verify. Default 2. */
  readonly threads?: number;
  /** Threads shared with other stores instead, not ended by `close`. */
  readonly pool?: CodecPool;
  /** Plain chunks kept in memory, in bytes. Default 64 MiB. */
  readonly cacheBytes?: number;
  /** The file system, for tests. Default: `node:fs` below the directory. */
  readonly files?: StoreFiles;
}

/** Stored bytes of a chunk in a pack file. */
export interface StoredChunk {
  readonly path: string;
  readonly offset: number;
  readonly storedLength: number;
  readonly codec: Codec;
}

const DEFAULT_THREADS = 2;
const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;

/**
 * A chunk store in a directory (`docs/formats/index.md`). One process at a time uses a directory: the caller holds a lock.
 * A crash at any moment leaves the old or the new state; damage is found when it is read, and stops nothing else.
 */
export class DirectoryStore implements Store.ImageStore, AsyncDisposable {
  /** What was wrong when the store was opened. */
  readonly problems: readonly StoreProblem[];
  readonly #directory: string;
  readonly #core: StoreCore;
  readonly #cache: ChunkCache;
  readonly #reading = new Map<Digest, Promise<Uint8Array>>();
  readonly #ownsPool: boolean;
  readonly #operations = new Set<Promise<unknown>>();

  private constructor(
    directory: string,
    core: StoreCore,
    problems: readonly StoreProblem[],
    options: DirectoryStoreOptions,
  ) {
    this.#directory = directory;
    this.#core = core;
    this.problems = problems;
    this.#cache = new ChunkCache(options.cacheBytes ?? DEFAULT_CACHE_BYTES);
    this.#ownsPool = options.pool === undefined;
  }

  /**
   * Opens the store in `directory`, creating it when there is none (its parent exists), and clears away what a crash left.
   * Throws `ChunkError`: `io`, `no-space`, `unsupported`.
   */
  static async open(directory: string, options: DirectoryStoreOptions = {}): Promise<DirectoryStore> {
    const files = options.files ?? new NodeFiles(directory);
    const pool = options.pool ?? new CodecPool(options.threads ?? DEFAULT_THREADS);
    const core = new StoreCore(files, pool);
    const problems = await openStore(core);
    return new DirectoryStore(directory, core, problems, options);
  }

  /** See `ChunkReader`. Concurrent reads of one chunk are one. */
  async readChunk(digest: Digest, signal?: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal, `reading chunk ${digest}`);
    const cached = this.#cache.get(digest);
    if (cached !== undefined) return cached;
    let reading = this.#reading.get(digest);
    if (reading === undefined) {
      reading = this.#track(this.#readChunk(digest)).finally(() => this.#reading.delete(digest));
      this.#reading.set(digest, reading);
    }
    return await (signal === undefined ? reading : orAborted(reading, signal, `reading chunk ${digest}`));
  }

  /** See `ManifestReader`. */
  async readManifest(id: Digest): Promise<Manifest> {
    this.#core.throwIfClosed();
    return await readStoredManifest(this.#core, id);
  }

  /** See `SignatureReader`. */
  async readSignature(id: Digest): Promise<Uint8Array | undefined> {
    return await this.#track(readStoredSignature(this.#core, id));
  }

  /** See `SignatureWriter`. */
  async writeSignature(id: Digest, signature: Uint8Array): Promise<void> {
    await this.#track(writeStoredSignature(this.#core, id, signature));
  }

  /** See `ManifestLister`. */
  async listManifests(): Promise<readonly Digest[]> {
    this.#core.throwIfClosed();
    return [...this.#core.manifests].sort();
  }

  /** See `ImageImporter`. */
  async importImage(source: Store.ImageSource, options: Store.ImportOptions = {}): Promise<Store.ImportResult> {
    return await this.#track(importImage(this.#core, source, options));
  }

  /** See `ImagePruner`. */
  async removeManifest(id: Digest): Promise<void> {
    await this.#track(removeManifest(this.#core, id));
  }

  /** See `ImagePruner`. Packs of which less than half is needed are written anew. */
  async prune(live: Iterable<Digest>): Promise<Store.PruneResult> {
    return await this.#track(pruneStore(this.#core, live));
  }

  /** See `StoreVerifier`. What is found damaged is not relied on by imports any more: importing the image again heals it. */
  async verify(options: Store.VerifyOptions = {}): Promise<Store.VerifyReport> {
    return await this.#track(verifyStore(this.#core, options));
  }

  /** See `StoreStatistics`. */
  async stats(): Promise<Store.StoreStats> {
    const { index, manifests } = this.#core;
    const packBytes = index.packs.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
    return { manifestCount: manifests.size, chunkCount: index.size, packCount: index.packs.length, packBytes };
  }

  /** See `StoreStatistics`. Reads every manifest of the store. */
  async imageStats(id: Digest): Promise<Store.ImageStats> {
    const storedLength = (digest: Digest): number => this.#core.index.find(digest)?.storedLength ?? 0;
    return await imageStatsOf(this, id, storedLength);
  }

  /**
   * Where a chunk's stored bytes stand now, for readers that verify themselves; `undefined` when the store does not have it. A prune may move
   * it: who finds the file gone asks again.
   */
  locate(digest: Digest): StoredChunk | undefined {
    const location = this.#core.index.find(digest);
    if (location === undefined) return undefined;
    const { pack, offset, storedLength, codec } = location;
    return { path: `${this.#directory}/${packPath(pack)}`, offset, storedLength, codec };
  }

  /** The pack that holds a chunk, or `undefined`. */
  packOf(digest: Digest): Digest | undefined {
    return this.#core.index.find(digest)?.pack;
  }

  /** Ends threads and closes files. Operations under way fail with `closed`, and have cleaned up when this resolves. Idempotent. */
  async close(): Promise<void> {
    this.#core.beginClosing();
    if (this.#ownsPool) await this.#core.pool.close();
    await Promise.allSettled(this.#operations);
    await this.#core.files.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #track<T>(operation: Promise<T>): Promise<T> {
    this.#operations.add(operation);
    const forget = (): void => void this.#operations.delete(operation);
    operation.then(forget, forget);
    return operation;
  }

  async #readChunk(digest: Digest): Promise<Uint8Array> {
    const core = this.#core;
    core.throwIfClosed();
    const location = core.index.find(digest);
    if (location === undefined) {
      throw new ChunkError("missing", `chunk ${digest}: not in this store`, { chunk: digest });
    }
    const { codec, plainLength, pack } = location;
    const bytes = await this.#readStored(location);
    const opened = await core.pool.run({ kind: "open", bytes, codec, plainLength, digest }, true);
    if ("damage" in opened) {
      core.damaged.add(pack);
      const path = packPath(pack);
      throw new ChunkError("damaged", `chunk ${digest} in ${path}: ${opened.damage}`, { chunk: digest, pack, path });
    }
    this.#cache.add(digest, opened.plain);
    return opened.plain;
  }

  /** The stored bytes, from where the index says; once more if a prune moved the chunk meanwhile. */
  async #readStored(first: ChunkLocation): Promise<Uint8Array<ArrayBuffer>> {
    let location: ChunkLocation | undefined = first;
    for (;;) {
      const { digest, pack, offset, storedLength } = location;
      const path = packPath(pack);
      try {
        return await this.#core.files.readRange(path, offset, storedLength);
      } catch (cause) {
        if (!isAbsent(cause)) throw storeError(cause, `reading chunk ${digest} in ${path}`, path);
        location = this.#core.index.find(digest);
        if (location === undefined || location.pack === pack) {
          this.#core.damaged.add(pack);
          throw new ChunkError("missing", `chunk ${digest}: ${path} is gone`, { chunk: digest, pack, path, cause });
        }
      }
    }
  }
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new ChunkError("aborted", `${what} was aborted`, { cause: signal.reason }));
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
