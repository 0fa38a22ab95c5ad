import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DiskKeeper } from "@ingot/control";
import {
  type ChunkPlaces,
  DiskError,
  measureOverlay,
  OsVolume,
  Overlay,
  type PageCacheEstimate,
  type ReadableDevice,
  removeOverlay,
  watchReads,
} from "@ingot/disks";

interface OpenOverlay {
  readonly overlay: Overlay;
  readonly releaseBase: () => Promise<void>;
}

/** What {@link OverlayKeeper} works with. */
export interface OverlayKeeperDeps {
  /** Directory of overlays, one below it per machine. */
  readonly overlays: string;
  /** Opens what a version's overlays lie over, until it is released. */
  acquireBase(manifestId: string): Promise<{
    readonly base: ReadableDevice & { readonly places: ChunkPlaces };
    readonly release: () => Promise<void>;
  }>;
  readonly pageCache: PageCacheEstimate;
  /**
   * Asked when an overlay is opened: who wants to be told of each read that reaches its base, before it is answered. What is
   * returned MUST be cheap and MUST NOT throw.
   */
  onBaseRead?(
    machineId: string,
    manifestId: string,
    places: ChunkPlaces,
  ): ((offset: number, length: number) => void) | undefined;
}

/**
 * The machines' overlays as files: opened over the shared replica of their version when a machine logs in, closed when its
 * last session is gone.
 */
export class OverlayKeeper implements DiskKeeper<Overlay> {
  readonly #deps: OverlayKeeperDeps;
  readonly #root: OsVolume;
  readonly #open = new Map<string, OpenOverlay>();
  /** Overlays that are being opened. */
  readonly #opening = new Map<string, Promise<Overlay>>();
  /** Overlays that still flush. Nobody may touch their files before that has ended. */
  readonly #closing = new Map<string, Promise<void>>();
  /** What overlays held when they were closed, so that a list of disks does not read their maps. */
  readonly #closedBytes = new Map<string, number>();

  private constructor(deps: OverlayKeeperDeps, overlays: OsVolume) {
    this.#deps = deps;
    this.#root = overlays;
  }

  /** Opens the directory; nothing below it is opened yet. */
  static async start(deps: OverlayKeeperDeps): Promise<OverlayKeeper> {
    return new OverlayKeeper(deps, await OsVolume.open(deps.overlays, { pageCache: deps.pageCache }));
  }

  /** The overlay of a machine that has it open. */
  opened(machineId: string): Overlay | undefined {
    return this.#open.get(machineId)?.overlay;
  }

  open(machineId: string, manifestId: string): Promise<Overlay> {
    const begun = this.#opening.get(machineId);
    if (begun !== undefined) return begun;
    const opening = this.#openNow(machineId, manifestId).finally(() => this.#opening.delete(machineId));
    this.#opening.set(machineId, opening);
    return opening;
  }

  async #openNow(machineId: string, manifestId: string): Promise<Overlay> {
    await this.#closed(machineId);
    const open = this.#open.get(machineId);
    if (open !== undefined) return open.overlay;
    const { base, release } = await this.#deps.acquireBase(manifestId);
    try {
      const volume = await this.#root.subdirectory(machineId);
      const onBaseRead = this.#deps.onBaseRead?.(machineId, manifestId, base.places);
      const watched = onBaseRead === undefined ? base : watchReads(base, onBaseRead);
      const overlay = await Overlay.open({ volume, base: watched, baseId: manifestId });
      this.#open.set(machineId, { overlay, releaseBase: release });
      return overlay;
    } catch (error) {
      await release();
      throw error;
    }
  }

  async release(machineId: string): Promise<void> {
    const open = this.#open.get(machineId);
    if (open === undefined) return this.#closing.get(machineId);
    this.#open.delete(machineId);
    const closing = this.#closeNow(machineId, open).finally(() => this.#closing.delete(machineId));
    this.#closing.set(machineId, closing);
    return closing;
  }

  async #closeNow(machineId: string, { overlay, releaseBase }: OpenOverlay): Promise<void> {
    this.#closedBytes.delete(machineId);
    try {
      await overlay.close();
      this.#closedBytes.set(machineId, overlay.allocatedBytes);
    } finally {
      await releaseBase();
    }
  }

  /** Resolves when nothing of a machine's overlay is being closed; whether that went well is for the one who closed it. */
  async #closed(machineId: string): Promise<void> {
    for (let closing; (closing = this.#closing.get(machineId)) !== undefined;) await closing.catch(() => undefined);
  }

  async discard(machineId: string): Promise<void> {
    await this.#closed(machineId);
    await removeOverlay(await this.#root.subdirectory(machineId));
    await rm(join(this.#deps.overlays, machineId), { recursive: true, force: true });
    this.#closedBytes.set(machineId, 0);
  }

  /** Bytes of changed blocks, whether the overlay is open or not; of one whose map is damaged nobody knows, and the answer is 0. */
  async overlayBytes(machineId: string): Promise<number> {
    // One that is being closed has its number in a moment.
    await this.#closed(machineId);
    const known = this.#knownBytes(machineId);
    if (known !== undefined) return known;
    const measured = await this.#measure(machineId);
    // Opened or thrown away while its map was read: what was read is old.
    const newer = this.#knownBytes(machineId);
    if (newer === undefined) this.#closedBytes.set(machineId, measured);
    return newer ?? measured;
  }

  #knownBytes(machineId: string): number | undefined {
    return this.#open.get(machineId)?.overlay.allocatedBytes ?? this.#closedBytes.get(machineId);
  }

  async #measure(machineId: string): Promise<number> {
    // Opening the directory would make it.
    if (!existsSync(join(this.#deps.overlays, machineId))) return 0;
    try {
      return await measureOverlay(await this.#root.subdirectory(machineId));
    } catch (error) {
      if (error instanceof DiskError) return 0;
      throw error;
    }
  }

  /** Makes everything durable and closes it, also what is being opened or closed now. Rejects with the first failure, all being closed. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    const machineIds = [...this.#open.keys(), ...this.#closing.keys()];
    const results = await Promise.allSettled(machineIds.map((machineId) => this.release(machineId)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}
