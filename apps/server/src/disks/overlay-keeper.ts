import { readdir, rm, stat } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { isDigest, type ChunkReader, type Digest, type ManifestReader } from "@ingot/chunks";
import type { DiskKeeper } from "@ingot/control";
import { OsVolume, Overlay, PageCacheEstimate, removeOverlay, Replica, ReplicaPool } from "@ingot/disks";

interface OpenOverlay {
  readonly overlay: Overlay;
  readonly manifestId: string;
  readonly releaseReplica: () => Promise<void>;
}

/** What {@link OverlayKeeper} works with. */
export interface OverlayKeeperDeps {
  /** Directory of replicas, one below it per manifest. */
  readonly replicas: string;
  /** Directory of overlays, one below it per machine. */
  readonly overlays: string;
  readonly store: ChunkReader & ManifestReader;
}

/**
 * The machines' overlays as files: opened over the shared replica of their version when a machine logs in, closed when its
 * last session is gone. A replica is filled by what machines read, not ahead of them: the chunk store is on the same
 * machine, so filling would only take the space twice.
 */
export class OverlayKeeper implements DiskKeeper<Overlay> {
  readonly #deps: OverlayKeeperDeps;
  readonly #root: OsVolume;
  readonly #replicas: ReplicaPool;
  readonly #open = new Map<string, OpenOverlay>();
  /** What overlays took when they were closed, so that a list of disks does not walk directories. */
  readonly #closedBytes = new Map<string, number>();

  private constructor(deps: OverlayKeeperDeps, overlays: OsVolume, replicas: OsVolume) {
    this.#deps = deps;
    this.#root = overlays;
    this.#replicas = new ReplicaPool(async (manifestId) => {
      const manifest = await deps.store.readManifest(manifestId as Digest);
      const volume = await replicas.subdirectory(manifestId);
      return Replica.open({ volume, manifest, manifestId, reader: deps.store });
    });
  }

  /** Opens the directories; nothing below them is opened yet. */
  static async start(deps: OverlayKeeperDeps): Promise<OverlayKeeper> {
    const pageCache = new PageCacheEstimate(totalmem() / 4);
    const volumes = await Promise.all([deps.overlays, deps.replicas].map((path) => OsVolume.open(path, { pageCache })));
    const [overlays, replicas] = volumes as [OsVolume, OsVolume];
    return new OverlayKeeper(deps, overlays, replicas);
  }

  async open(machineId: string, manifestId: string): Promise<Overlay> {
    const open = this.#open.get(machineId);
    if (open !== undefined) return open.overlay;
    const { replica, release } = await this.#replicas.acquire(manifestId);
    try {
      const volume = await this.#root.subdirectory(machineId);
      const overlay = await Overlay.open({ volume, base: replica, baseId: manifestId });
      this.#open.set(machineId, { overlay, manifestId, releaseReplica: release });
      return overlay;
    } catch (error) {
      await release();
      throw error;
    }
  }

  async release(machineId: string): Promise<void> {
    const open = this.#open.get(machineId);
    if (open === undefined) return;
    this.#open.delete(machineId);
    this.#closedBytes.set(machineId, open.overlay.allocatedBytes);
    try {
      await open.overlay.close();
    } finally {
      await open.releaseReplica();
    }
  }

  async discard(machineId: string): Promise<void> {
    this.#closedBytes.set(machineId, 0);
    await removeOverlay(await this.#root.subdirectory(machineId));
    await rm(join(this.#deps.overlays, machineId), { recursive: true, force: true });
  }

  async overlayBytes(machineId: string): Promise<number> {
    const open = this.#open.get(machineId);
    if (open !== undefined) return open.overlay.allocatedBytes;
    const known = this.#closedBytes.get(machineId);
    if (known !== undefined) return known;
    const measured = await bytesOnDisk(join(this.#deps.overlays, machineId));
    this.#closedBytes.set(machineId, measured);
    return measured;
  }

  /** Removes the replicas of manifests that are not in `live`; those in use stay until they are let go. */
  async pruneReplicas(live: ReadonlySet<string>): Promise<void> {
    const inUse = new Set([...this.#open.values()].map(({ manifestId }) => manifestId));
    for (const name of await readdir(this.#deps.replicas)) {
      if (!isDigest(name) || live.has(name) || inUse.has(name)) continue;
      await rm(join(this.#deps.replicas, name), { recursive: true, force: true });
    }
  }

  /** Makes everything durable and closes it. */
  async close(): Promise<void> {
    const results = await Promise.allSettled([...this.#open.keys()].map((machineId) => this.release(machineId)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

/** What a directory's files take up; 0 when it is missing. Holes cost nothing. */
async function bytesOnDisk(directory: string): Promise<number> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).blocks * 512));
  return sizes.reduce((sum, size) => sum + size, 0);
}
