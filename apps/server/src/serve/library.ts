import { randomBytes } from "node:crypto";
import { chmodSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import type { ServiceStatus } from "@ingot/api";
import { DirectoryStore, signManifest, type Digest } from "@ingot/chunks";
import {
  Control,
  createApiApp,
  openSqlite,
  type BootNetwork,
  type Clock,
  type ImageLibrary,
  type OpenDisk,
  type Wake,
} from "@ingot/control";
import { BootTraceStore, OsVolume, PageCacheEstimate } from "@ingot/disks";
import { parseIpv4 } from "@ingot/wire";
import { loadServerKeys, type ServerKeys } from "../agents/server-keys.ts";
import type { DataPaths } from "../data/data-directory.ts";
import { BootRecordings } from "../disks/boot-recordings.ts";
import type { DiskParts, DiskService } from "../disks/disk-service.ts";
import { Replicas } from "../disks/replicas.ts";
import { VERSION } from "../version.ts";

/** How a data directory is opened. */
export interface LibraryOptions<Disks extends DiskService> {
  readonly paths: DataPaths;
  /** Where machines reach the server; default loopback, for commands that work without one. */
  readonly network?: BootNetwork;
  /** The door for agents; boot scripts name it together with this server's fingerprint. */
  readonly agentsUrl?: string | undefined;
  /** Whether this is the server itself, whose start and stop are events. */
  readonly isServer?: boolean;
  /** Starts what opens the machines' disks. */
  readonly startDisks: (parts: DiskParts) => Promise<Disks>;
  /** Names, besides addresses and `localhost`, by which browsers may reach the API. */
  readonly hostNames?: readonly string[];
  /** Switches machines on; absent where there is no network to do that by. */
  readonly wake?: Wake | undefined;
  /** Asked for each status; default none. */
  readonly services?: () => readonly ServiceStatus[];
  /** Told of failures that no caller waits for. */
  readonly onError?: (error: unknown) => void;
}

/** What a data directory holds, opened: everything of the product but the sockets. */
export interface Library<Disks extends DiskService> {
  readonly control: Control<OpenDisk>;
  /** Where the images' bytes are. */
  readonly store: DirectoryStore;
  readonly keys: ServerKeys;
  /** What `startDisks` started. */
  readonly disks: Disks;
  /** The replicas that are open, and how far they are filled. */
  readonly replicas: Pick<Replicas, "stats">;
  /** The HTTP API. */
  readonly api: (request: Request) => Response | Promise<Response>;
  /** What was found damaged while opening; the rest works. One sentence each. */
  readonly problems: readonly string[];
  /** Makes everything durable and closes it. Sessions must have ended before. */
  close(): Promise<void>;
}

const LOOPBACK: BootNetwork = {
  server: { address: parseIpv4("127.0.0.1"), httpPort: 8471 },
  disk: { address: parseIpv4("127.0.0.1"), port: 3260 },
};

const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Opens the data directory, whose lock the caller holds. */
export async function openLibrary<Disks extends DiskService>(options: LibraryOptions<Disks>): Promise<Library<Disks>> {
  const { paths, network = LOOPBACK, services = () => [], onError = () => undefined } = options;
  await using opened = new AsyncDisposableStack();
  const store = opened.use(await DirectoryStore.open(paths.store));
  // What the kernel keeps of files is most of the memory of a machine that serves disks; a part of it is certain to be ours.
  const pageCacheBytes = totalmem() / 4;
  const pageCache = new PageCacheEstimate(pageCacheBytes);
  const traces = new BootTraceStore(await OsVolume.open(paths.traces), (message) => onError(new Error(message)));
  const keys = await loadServerKeys(paths.keys);
  // What was put into the library before there was a key is vouched for like what comes after.
  if (keys.isFirstStart) for (const id of await store.listManifests()) await sign(store, id, keys);
  const replicas = await Replicas.open(paths.replicas, {
    store,
    pageCache,
    traces,
    maxPrefetchBytes: pageCacheBytes / 2,
    onError,
  });
  const recordings = new BootRecordings({ traces, nowMs: () => performance.now(), onError });
  const disks = await options.startDisks({ overlays: paths.overlays, replicas, recordings, pageCacheBytes });
  opened.defer(() => disks.close());
  const db = openSqlite(paths.database);
  opened.defer(() => db.destroy());
  // CHAP secrets are in it. SQLite gives its other files the same mode.
  chmodSync(paths.database, 0o600);
  const control = await Control.open({
    db,
    clock: systemClock,
    random: (lengthBytes) => randomBytes(lengthBytes),
    library: imageLibrary({ store, replicas, traces, keys }),
    keeper: disks.keeper,
    network:
      options.agentsUrl === undefined
        ? network
        : { ...network, agents: { url: options.agentsUrl, pin: keys.identity.fingerprint } },
    version: VERSION,
    isServer: options.isServer === true,
    wake: options.wake,
    facts: async () => ({
      services: services(),
      store: { ...(await storeFacts(store)), freeBytes: await freeBytes(paths.root) },
    }),
    onError,
  });
  opened.defer(() => control.close());
  const api = createApiApp(control, { hostNames: options.hostNames });
  const closing = opened.move();
  return {
    control,
    store,
    keys,
    disks,
    replicas,
    api: (request) => api.fetch(request),
    problems: store.problems.map(({ code, path, reason }) => `${path}: ${code}: ${reason}`),
    close: () => closing.disposeAsync(),
  };
}

/** Puts the server's signature beside a manifest. */
async function sign(store: DirectoryStore, id: Digest, { signing }: ServerKeys): Promise<void> {
  await store.writeSignature(id, signManifest(id, signing));
}

interface LibraryParts {
  readonly store: DirectoryStore;
  readonly replicas: Replicas;
  readonly traces: BootTraceStore;
  readonly keys: ServerKeys;
}

/** The chunk store as the control plane needs it: what comes in is signed; what goes from it goes from replicas and boot traces too. */
function imageLibrary({ store, replicas, traces, keys }: LibraryParts): ImageLibrary {
  return {
    async importImage(source, options) {
      const result = await store.importImage(source, options);
      await sign(store, result.manifestId, keys);
      return result;
    },
    readManifest: (id) => store.readManifest(id),
    readSignature: (id) => store.readSignature(id),
    listManifests: () => store.listManifests(),
    verify: (options) => store.verify({ ...options, publicKey: keys.signing.publicKey }),
    async prune(live) {
      const kept = new Set<Digest>(live);
      await traces.prune(kept);
      await replicas.prune(kept);
      return store.prune(kept);
    },
  };
}

async function storeFacts(store: DirectoryStore): Promise<{ chunkCount: number; packBytes: number }> {
  const { chunkCount, packBytes } = await store.stats();
  return { chunkCount, packBytes };
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
