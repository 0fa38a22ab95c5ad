import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ChunkReader, type Digest, encodeManifest, isDigest, type ManifestReader } from "@ingot/chunks";
import {
  type BootTraceStore,
  DiskError,
  OsVolume,
  type PageCacheEstimate,
  Replica,
  ReplicaPool,
  type ReplicaStats,
} from "@ingot/disks";

/** What was brought into the page cache is taken to be there for this long; where it still is, doing it again costs little. */
const PREFETCHED_FOR_MS = 15 * 60_000;

/** What {@link Replicas} works with. */
export interface ReplicasDeps {
  /** Where missing chunks come from. */
  readonly store: ChunkReader & ManifestReader;
  readonly pageCache: PageCacheEstimate;
  /** Which chunks are brought near when a replica is opened. */
  readonly traces: Pick<BootTraceStore, "read">;
  /** The most that is brought near of one trace, in bytes. */
  readonly maxPrefetchBytes: number;
  /** Told of a trace that could not be read or followed; nobody waits for it. */
  readonly onError: (error: unknown) => void;
}

/**
 * The replicas of a data directory: one for each version that somebody uses. A replica is filled by what machines read, and ahead
 * of them by what their boot trace says, no further: the chunk store is on the same machine, so filling would only take the
 * space twice.
 */
export class Replicas {
  /** One below it per version. */
  readonly directory: string;
  readonly #deps: ReplicasDeps;
  readonly #pool: ReplicaPool<Replica>;
  /** The replica of each version that was opened last; it may have been closed since. */
  readonly #opened = new Map<string, Replica>();
  /** When each was prefetched the last time. */
  readonly #prefetchedMs = new WeakMap<Replica, number>();

  private constructor(directory: string, deps: ReplicasDeps, volume: OsVolume) {
    this.directory = directory;
    this.#deps = deps;
    const { store } = deps;
    this.#pool = new ReplicaPool(async (manifestId) => {
      const manifest = await store.readManifest(manifestId as Digest);
      const subdirectory = await volume.subdirectory(manifestId);
      const replica = await Replica.open({ volume: subdirectory, manifest, manifestId, reader: store });
      this.#opened.set(manifestId, replica);
      return replica;
    });
  }

  /** Opens the directory; nothing below it is opened yet. */
  static async open(directory: string, deps: ReplicasDeps): Promise<Replicas> {
    const { pageCache } = deps;
    return new Replicas(directory, deps, await OsVolume.open(directory, { pageCache }));
  }

  /** See `ReplicaPool.acquire`. Whoever asks for a replica will boot from it: what boots read is brought near. */
  async acquire(manifestId: string): Promise<{ replica: Replica; release: () => Promise<void> }> {
    const acquired = await this.#pool.acquire(manifestId);
    this.#prefetch(acquired.replica).catch((error: unknown) => {
      // Let go before it began.
      if (!(error instanceof DiskError) || error.code !== "closed") this.#deps.onError(error);
    });
    return acquired;
  }

  /** How far those that are open are filled, and what they did. */
  stats(): (ReplicaStats & { readonly manifestId: string })[] {
    for (const manifestId of this.#opened.keys()) {
      if (!this.#pool.isInUse(manifestId)) this.#opened.delete(manifestId);
    }
    return [...this.#opened].map(([manifestId, replica]) => ({ manifestId, ...replica.stats() }));
  }

  /** A version's manifest, encoded. */
  async readManifest(manifestId: string): Promise<Uint8Array> {
    return encodeManifest(await this.#deps.store.readManifest(manifestId as Digest));
  }

  /** Removes the replicas of manifests that are not in `live`; those in use stay until they are let go. */
  async prune(live: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (!isDigest(name) || live.has(name) || this.#pool.isInUse(name)) continue;
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }

  async #prefetch(replica: Replica): Promise<void> {
    const { traces, maxPrefetchBytes } = this.#deps;
    const nowMs = performance.now();
    if (nowMs - (this.#prefetchedMs.get(replica) ?? -Infinity) < PREFETCHED_FOR_MS) return;
    this.#prefetchedMs.set(replica, nowMs);
    const trace = await traces.read(replica.manifestId);
    if (trace?.chunkCount !== replica.places.chunkCount) return;
    await replica.prefetch(trace.chunks, { maxBytes: maxPrefetchBytes });
  }
}
