import { ChunkIndex } from "./chunk-index.ts";
import type { CodecPool } from "./pool-worker.ts";
import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";
import type { PackTable } from "./index-segment.ts";
import { Lock } from "./lock.ts";
import type { StoreFiles } from "./store-files.ts";

/** Where a pack stands, below the store's directory. */
export function packPath(pack: Digest): string {
  return `packs/${pack.slice(0, 2)}/${pack}.pack`;
}

/** Where a manifest stands. */
export function manifestPath(id: Digest): string {
  return `manifests/${id}.manifest`;
}

/** Where the signature of a manifest stands. */
export function signaturePath(id: Digest): string {
  return `manifests/${id}.sig`;
}

/** Where an index segment stands. */
export function segmentPath(name: Digest): string {
  return `index/${name}.index`;
}

/** A failure of the file system as `ChunkError`: `no-space` or `io`. A `ChunkError` stays what it is. */
export function storeError(error: unknown, what: string, path?: string): unknown {
  if (error instanceof ChunkError || !(error instanceof Error) || !("code" in error)) return error;
  const details = path === undefined ? { cause: error } : { cause: error, path };
  if (error.code === "ENOSPC" || error.code === "EDQUOT") {
    return new ChunkError("no-space", `${what}: no space left on the store's disk`, details);
  }
  return new ChunkError("io", `${what}: ${error.message}`, details);
}

/** Whether a failure of the file system says that the file is not there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/**
 * The state that the operations of a `DirectoryStore` share: reading, importing, verifying, pruning.
 * Three rules keep them apart: the index, its segments and the manifests change only under `commitLock`;
 * a pack file appears or goes only under `packLock`; what an import relies on is pinned.
 */
export class StoreCore {
  readonly files: StoreFiles;
  readonly pool: CodecPool;
  /** Replaced as a whole when packs are dropped. */
  index: ChunkIndex = new ChunkIndex();
  /** Index segments on disk. */
  readonly segments: Set<Digest> = new Set();
  nextSequence = 1;
  readonly manifests: Set<Digest> = new Set();
  /** Manifests imported since the store was opened that no `prune` has seen as live yet. */
  readonly freshManifests: Set<Digest> = new Set();
  readonly commitLock: Lock = new Lock();
  readonly packLock: Lock = new Lock();
  /** For each import under way, the packs that hold chunks it found. */
  readonly pins: Set<Set<Digest>> = new Set();
  /** Packs found damaged: imports do not rely on them. */
  readonly damaged: Set<Digest> = new Set();
  /** Packs that a prune is about to drop: imports do not rely on them. */
  dropping: ReadonlySet<Digest> = new Set();
  /** Unfinished operations that wrote a pack, by pack. */
  readonly #owners = new Map<Digest, number>();
  readonly #packDirectories = new Set<string>();
  #temporaries = 0;
  readonly #closing = new AbortController();

  constructor(files: StoreFiles, pool: CodecPool) {
    this.files = files;
    this.pool = pool;
  }

  /** Fires when the store is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Makes everything that has not finished fail with `closed`. */
  beginClosing(): void {
    this.#closing.abort();
  }

  throwIfClosed(): void {
    if (this.closing.aborted) throw new ChunkError("closed", "the chunk store is closed");
  }

  /** Whether an import may rely on the store for that chunk; pins its pack if so. */
  pinIfKnown(digest: Digest, pins: Set<Digest>): boolean {
    const location = this.index.find(digest);
    if (location === undefined || this.damaged.has(location.pack) || this.dropping.has(location.pack)) return false;
    pins.add(location.pack);
    return true;
  }

  /** Writes a file under a temporary name, synced, then gives it its own. The directory is not synced yet. */
  async writeFile(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = await this.#writeTemporary(bytes, path);
    try {
      await this.files.rename(temporary, path);
    } catch (error) {
      await this.removeQuietly(temporary);
      throw storeError(error, `writing ${path}`, path);
    }
  }

  /** As `writeFile`, for a pack. From now on the caller is an owner of the pack, until `disownPacks`. */
  async writePack(pack: Digest, bytes: Uint8Array): Promise<void> {
    const path = packPath(pack);
    const temporary = await this.#writeTemporary(bytes, path);
    await this.packLock.run(async () => {
      try {
        await this.#makePackDirectory(pack);
        await this.files.rename(temporary, path);
      } catch (error) {
        await this.removeQuietly(temporary);
        throw storeError(error, `writing ${path}`, path);
      }
      this.#owners.set(pack, (this.#owners.get(pack) ?? 0) + 1);
      // A damaged file of that name was just replaced by the right one.
      this.damaged.delete(pack);
    });
  }

  /** Ends the ownership of packs; those that nobody needs now are removed. */
  async disownPacks(packs: Iterable<Digest>): Promise<void> {
    await this.packLock.run(async () => {
      for (const pack of packs) {
        const owners = this.#owners.get(pack) ?? 0;
        if (owners > 1) this.#owners.set(pack, owners - 1);
        else this.#owners.delete(pack);
        await this.#removePackIfUnused(pack);
      }
    });
  }

  /** Whether an operation under way wrote that pack. */
  isOwned(pack: Digest): boolean {
    return this.#owners.has(pack);
  }

  /** Removes a pack that the index has dropped; `false` when an import under way wrote the same one again. */
  async removeDroppedPack(pack: Digest): Promise<boolean> {
    return await this.packLock.run(async () => await this.#removePackIfUnused(pack));
  }

  /** Makes the names of new packs durable. */
  async syncPackDirectories(packs: Iterable<Digest>): Promise<void> {
    const directories = new Set<string>();
    for (const pack of packs) directories.add(packPath(pack).slice(0, "packs/ab".length));
    for (const directory of directories) await this.files.syncDirectory(directory);
    if (directories.size > 0) await this.files.syncDirectory("packs");
  }

  /** Makes packs known. */
  addToIndex(tables: readonly PackTable[]): void {
    for (const table of tables) this.index.addPack(table);
  }

  /** Removes a left-over; one that stays is harmless and taken by the next open or prune, so its error is not the one to report. */
  async removeQuietly(path: string): Promise<boolean> {
    const [removed] = await Promise.allSettled([this.files.remove(path)]);
    return removed.status === "fulfilled";
  }

  async #removePackIfUnused(pack: Digest): Promise<boolean> {
    if (this.index.hasPack(pack) || this.#owners.has(pack)) return false;
    return await this.removeQuietly(packPath(pack));
  }

  async #writeTemporary(bytes: Uint8Array, path: string): Promise<string> {
    const temporary = `tmp/${++this.#temporaries}`;
    try {
      await this.files.create(temporary, bytes);
    } catch (error) {
      await this.removeQuietly(temporary);
      throw storeError(error, `writing ${path}`, path);
    }
    return temporary;
  }

  async #makePackDirectory(pack: Digest): Promise<void> {
    const directory = packPath(pack).slice(0, "packs/ab".length);
    if (this.#packDirectories.has(directory)) return;
    await this.files.makeDirectory(directory);
    this.#packDirectories.add(directory);
  }
}
