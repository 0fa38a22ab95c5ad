/** A thread that serves iSCSI: the sessions of some of the machines, and their overlays. Started by `WorkerThread`. */
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { decodeManifest } from "@ingot/chunks";
import { OsVolume, PageCacheEstimate, ReplicaPool, ReplicaView } from "@ingot/disks";
import { type IscsiEvent, type Portal, TargetHost } from "@ingot/iscsi";
import { OverlayKeeper } from "./overlay-keeper.ts";
import { openReservationFile } from "./reservation-file.ts";
import { type LinkMessage, ThreadLink } from "./thread-link.ts";
import { WorkerDirectory } from "./worker-directory.ts";
import {
  carryError,
  type MainTasks,
  type ToMain,
  type ToWorker,
  type WorkerSettings,
  type WorkerTasks,
} from "./worker-messages.ts";
import { WorkerRecorders } from "./worker-recorders.ts";
import { WorkerSessions } from "./worker-sessions.ts";

/** Often enough for a console that shows rates. */
const REPORT_MS = 1000;

/** However many logins fail, their number is told no more often. */
const COUNTERS_MS = 20;

/** A broken disk fails thousands of reads. */
const DISK_FAILURE_MS = 1000;

const port = parentPort;
if (port === null) throw new Error("iscsi-worker: started on the main thread");

const settings = workerData as WorkerSettings;
const tell = (message: ToMain): void => port.postMessage(message);

let lastId = 0;
const nextId = (): string => `${settings.number}.${settings.generation}.${++lastId}`;

const failedMs = new Map<string, number>();
function onDiskFailure(machineId: string, error: unknown): void {
  const nowMs = performance.now();
  if (nowMs - (failedMs.get(machineId) ?? -Infinity) < DISK_FAILURE_MS) return;
  failedMs.set(machineId, nowMs);
  tell({ kind: "diskFailed", machineId, error: carryError(error) });
}

const main = new ThreadLink<WorkerTasks, MainTasks>((message, transfer) => port.postMessage(message, transfer), {
  async openDisk({ machineId, manifestId, recorded }) {
    recorders.want(machineId, recorded);
    const { sizeBytes } = await keeper.open(machineId, manifestId);
    return { sizeBytes };
  },
  async releaseDisk({ machineId }) {
    await keeper.release(machineId);
    recorders.closed(machineId);
  },
  async booted({ machineId }) {
    recorders.booted(machineId);
  },
  discardDisk: ({ machineId }) => keeper.discard(machineId),
  overlayBytes: ({ machineId }) => keeper.overlayBytes(machineId),
  endLogin: ({ id }) => directory.end(id),
  async closeSessions() {
    await host.close();
    report();
  },
  closeDisks: () => keeper.close(),
});

const pageCache = new PageCacheEstimate(settings.pageCacheBytes);

const views = new ReplicaPool(async (manifestId) => {
  const { manifest, chunkStates } = await main.ask("openReplica", { manifestId });
  const onClose = (): Promise<void> => main.ask("closeReplica", { manifestId });
  try {
    return await ReplicaView.open({
      volume: await OsVolume.open(join(settings.replicas, manifestId), { pageCache }),
      manifest: decodeManifest(manifest),
      chunkStates,
      provide: (chunk) => main.ask("provideChunk", { manifestId, chunk }),
      onClose,
    });
  } catch (error) {
    await onClose();
    throw error;
  }
});

const recorders = new WorkerRecorders({
  nowMs: () => performance.now(),
  onRecording: (recording) => tell({ kind: "bootRecorded", recording }),
});

const keeper = await OverlayKeeper.start({
  overlays: settings.overlays,
  pageCache,
  async acquireBase(manifestId) {
    const { replica, release } = await views.acquire(manifestId);
    return { base: replica, release };
  },
  onBaseRead: (machineId, manifestId, places) => recorders.begin(machineId, manifestId, places),
});

const directory = new WorkerDirectory({
  main,
  nextId,
  overlayOf: (machineId) => keeper.opened(machineId),
  // With the overlay it goes away.
  reservationsOf: (machineId) => openReservationFile(join(settings.overlays, machineId, "reservations")),
  onDiskFailure,
});

const sessions = new WorkerSessions(settings.number, nextId, (session) => directory.loginOf(session));

function onEvent(event: IscsiEvent): void {
  sessions.note(event);
  tell({ kind: "event", event: "error" in event ? { ...event, error: carryError(event.error) } : event });
  countersTimer ??= setTimeout(tellCounters, COUNTERS_MS);
}

let countersTimer: NodeJS.Timeout | undefined;
function tellCounters(): void {
  clearTimeout(countersTimer);
  countersTimer = undefined;
  tell({ kind: "counters", counters: host.counters });
}

let portals: readonly Portal[] = [];
const host = new TargetHost({ directory, onEvent, reachableAt: () => portals });

function report(): void {
  recorders.tick();
  tell({ kind: "report", report: sessions.take(host.sessions()) });
  tellCounters();
}

// What was posted before this line waits.
port.on("message", (message: ToWorker | LinkMessage<WorkerTasks>) => {
  if (message.kind === "connection") host.take(message.connection);
  else if (message.kind === "portals") portals = message.portals;
  else main.receive(message);
});
setInterval(report, REPORT_MS);
tell({ kind: "ready" });
