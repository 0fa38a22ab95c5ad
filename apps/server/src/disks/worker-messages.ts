import type { SessionReport } from "@ingot/control";
import type {
  ChapRequirement,
  DiscoveredTarget,
  HandedConnection,
  IscsiEvent,
  LoginParties,
  Portal,
  RefusalReason,
  SessionCounters,
  TargetCounters,
} from "@ingot/iscsi";
import type { BootRecording } from "./boot-recordings.ts";

/*
 * Everything that passes between the main thread and the threads that serve iSCSI. Connections, reports and events are told;
 * tasks are asked for and answered (see `ThreadLink`).
 */

/** What a thread is started with. */
export interface WorkerSettings {
  /** Which of the threads it is, from 1 on; a thread that takes the place of an ended one has its number. */
  readonly number: number;
  /** How many threads had this number before. */
  readonly generation: number;
  readonly overlays: string;
  readonly replicas: string;
  /** What it may take to be in the page cache, see `PageCacheEstimate`. */
  readonly pageCacheBytes: number;
}

/** What the main thread asks a worker to do. */
export type WorkerTasks = {
  /** Opens a machine's overlay over the version, making an empty one where there is none. */
  readonly openDisk: {
    readonly asks: {
      readonly machineId: string;
      readonly manifestId: string;
      /** Where the boot is to be recorded: chunks that it has read already. */
      readonly recorded: readonly number[] | undefined;
    };
    readonly answers: { readonly sizeBytes: number };
  };
  /** Makes everything written durable and closes. */
  readonly releaseDisk: { readonly asks: { readonly machineId: string }; readonly answers: void };
  /** The machine says that it is up. */
  readonly booted: { readonly asks: { readonly machineId: string }; readonly answers: void };
  /** Throws a machine's changes away. */
  readonly discardDisk: { readonly asks: { readonly machineId: string }; readonly answers: void };
  readonly overlayBytes: { readonly asks: { readonly machineId: string }; readonly answers: number };
  /** Ends a login, or the session that came of it; answered when nothing of it runs any more. */
  readonly endLogin: { readonly asks: { readonly id: string }; readonly answers: void };
  /** Ends all sessions and takes no more connections. */
  readonly closeSessions: { readonly asks: Record<string, never>; readonly answers: void };
  /** Makes all overlays durable and closes them. */
  readonly closeDisks: { readonly asks: Record<string, never>; readonly answers: void };
};

/** What came of a login that the control plane was asked about. */
export type LoginAnswer =
  | { readonly kind: "opened"; readonly machineId: string }
  | { readonly kind: "refused"; readonly reason: RefusalReason };

/** What has passed over a session since its beginning. */
export type PassedBytes = Pick<SessionCounters, "readBytes" | "writtenBytes">;

/** What a worker asks the main thread to do. */
export type MainTasks = {
  /** The proof that a login needs. */
  readonly credentials: { readonly asks: LoginParties; readonly answers: ChapRequirement | undefined };
  /** Opens the disk for a login, which the worker calls `id` from here on: by way of `openDisk`, on the same worker. */
  readonly login: {
    readonly asks: { readonly id: string; readonly login: LoginParties & { readonly targetName: string } };
    readonly answers: LoginAnswer;
  };
  /** The session that came of a login is over. */
  readonly logout: {
    readonly asks: { readonly id: string; readonly passed: PassedBytes };
    readonly answers: void;
  };
  /** What a discovery session is told. */
  readonly list: { readonly asks: LoginParties; readonly answers: readonly DiscoveredTarget[] };
  /** Opens a version's replica for a view; each has to be closed. */
  readonly openReplica: {
    readonly asks: { readonly manifestId: string };
    readonly answers: { readonly manifest: Uint8Array; readonly chunkStates: SharedArrayBuffer };
  };
  readonly closeReplica: { readonly asks: { readonly manifestId: string }; readonly answers: void };
  /** The bytes of a chunk, nothing when it is held by now; see `Replica.provide`. */
  readonly provideChunk: {
    readonly asks: { readonly manifestId: string; readonly chunk: number };
    readonly answers: Uint8Array | undefined;
  };
};

/** What a worker has done; sent about once a second. */
export interface WorkerReport {
  /** All open sessions; the `id` of one on a disk is that of its login. */
  readonly sessions: readonly SessionReport[];
  /** The last figures of those that ended since the report before. */
  readonly ended: readonly SessionReport[];
}

/** What the main thread tells a worker. */
export type ToWorker =
  | { readonly kind: "connection"; readonly connection: HandedConnection }
  /** Where the server listens. */
  | { readonly kind: "portals"; readonly portals: readonly Portal[] };

/** What a worker tells the main thread. */
export type ToMain =
  | { readonly kind: "ready" }
  | { readonly kind: "report"; readonly report: WorkerReport }
  /** What came in since the thread began; soon after it came. */
  | { readonly kind: "counters"; readonly counters: TargetCounters }
  /** For the log; an error in it is a `CarriedError`. */
  | { readonly kind: "event"; readonly event: IscsiEvent }
  | { readonly kind: "bootRecorded"; readonly recording: BootRecording }
  /** A machine got an I/O error. At most one a second for each machine. */
  | { readonly kind: "diskFailed"; readonly machineId: string; readonly error: CarriedError };

/** An error on its way to another thread. */
export interface CarriedError {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly stack: string | undefined;
}

/** Takes along what a log or a sentence needs of an error; its class stays behind. */
export function carryError(error: unknown): CarriedError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), code: undefined, stack: undefined };
  const { name, message, stack } = error;
  return { name, message, code: "code" in error ? String(error.code) : undefined, stack };
}

/** An error that happened on another thread. */
export class ThreadError extends Error {
  override readonly name: string;
  /** The error's own code, if it had one; `worker-ended` where the thread ended before it answered. */
  readonly code: string | undefined;

  constructor(carried: CarriedError) {
    super(carried.message);
    this.name = carried.name;
    this.code = carried.code;
    if (carried.stack !== undefined) this.stack = carried.stack;
  }

  /** Of a carried error that has lost its type on the way. */
  static of(carried: unknown): ThreadError {
    return new ThreadError(isCarried(carried) ? carried : carryError(carried));
  }
}

function isCarried(value: unknown): value is CarriedError {
  return (
    typeof value === "object" && value !== null && "message" in value && "stack" in value && !(value instanceof Error)
  );
}
