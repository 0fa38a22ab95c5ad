import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ChunkReader, type Digest, encodeManifest, isDigest, type ManifestReader } from "@ingot/chunks";
import { OsVolume, type PageCacheEstimate, Replica, ReplicaPool } from "@ingot/disks";

/**
 * The replicas of a data directory: one for each version that somebody uses. A replica is filled by what machines read, not ahead
 * of them: the chunk store is on the same machine, so filling would only take the space twice.
 */
export class Replicas {
  /** One below it per version. */
  readonly directory: string;
  readonly #store: ChunkReader & ManifestReader;
  readonly #pool: ReplicaPool<Replica>;

  private constructor(directory: string, store: ChunkReader & ManifestReader, volume: OsVolume) {
    this.directory = directory;
    this.#store = store;
    this.#pool = new ReplicaPool(async (manifestId) => {
      const manifest = await store.readManifest(manifestId as Digest);
      return Replica.open({ volume: await volume.subdirectory(manifestId), manifest, manifestId, reader: store });
    });
  }

  /** Opens the directory; nothing below it is opened yet. */
  static async open(
    directory: string,
    store: ChunkReader & ManifestReader,
    pageCache: PageCacheEstimate,
  ): Promise<Replicas> {
    return new Replicas(directory, store, await OsVolume.open(directory, { pageCache }));
  }

  /** See `ReplicaPool.acquire`. */
  acquire(manifestId: string): Promise<{ replica: Replica; release: () => Promise<void> }> {
    return this.#pool.acquire(manifestId);
  }

  /** A version's manifest, encoded. */
  async readManifest(manifestId: string): Promise<Uint8Array> {
    return encodeManifest(await this.#store.readManifest(manifestId as Digest));
  }

  /** Removes the replicas of manifests that are not in `live`; those in use stay until they are let go. */
  async prune(live: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.directory)) {
      if (!isDigest(name) || live.has(name) || this.#pool.isInUse(name)) continue;
      await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }
}
