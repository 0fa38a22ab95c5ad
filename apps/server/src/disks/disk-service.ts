import type { DiskKeeper, OpenDisk } from "@ingot/control";
import { PageCacheEstimate } from "@ingot/disks";
import type { BootRecordings } from "./boot-recordings.ts";
import { OverlayKeeper } from "./overlay-keeper.ts";
import type { Replicas } from "./replicas.ts";

/** What the machines' disks are made of. */
export interface DiskParts {
  /** Directory of overlays, one below it per machine. */
  readonly overlays: string;
  readonly replicas: Replicas;
  readonly recordings: BootRecordings;
  /** What all files together are taken to have in the page cache. */
  readonly pageCacheBytes: number;
}

/** The machines' disks, on whichever thread they are opened. */
export interface DiskService {
  readonly keeper: DiskKeeper<OpenDisk>;
  /** Makes everything durable and closes it. */
  close(): Promise<void>;
}

/** Disks on this thread, for commands that look at them without a server. */
export async function startLocalDisks({
  overlays,
  replicas,
  pageCacheBytes,
}: Omit<DiskParts, "recordings">): Promise<DiskService> {
  const keeper = await OverlayKeeper.start({
    overlays,
    pageCache: new PageCacheEstimate(pageCacheBytes),
    async acquireBase(manifestId) {
      const { replica, release } = await replicas.acquire(manifestId);
      return { base: replica, release };
    },
  });
  return { keeper, close: () => keeper.close() };
}
