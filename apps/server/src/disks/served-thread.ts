import {
  ControlError,
  type ControlErrorCode,
  type DiskLogin,
  type LoggedIn,
  type OpenDisk,
  type SessionHandle,
} from "@ingot/control";
import type { Replica } from "@ingot/disks";
import type { IscsiEvent, RefusalReason, TargetCounters } from "@ingot/iscsi";
import type { BootRecordings } from "./boot-recordings.ts";
import type { Replicas } from "./replicas.ts";
import type { TaskHandlers } from "./thread-link.ts";
import {
  type LoginAnswer,
  type MainTasks,
  type PassedBytes,
  ThreadError,
  type ToMain,
  type WorkerReport,
  type WorkerSettings,
} from "./worker-messages.ts";
import { WorkerThread } from "./worker-thread.ts";

/** What the control plane does for iSCSI. */
interface DiskLogins {
  credentialsOf(target: string): Promise<{ readonly chap?: { user: string; secret: string } | undefined }>;
  login(login: DiskLogin): Promise<LoggedIn<OpenDisk>>;
  list(query: {
    readonly limit: number;
    readonly after?: string | undefined;
  }): Promise<readonly { readonly target: string; readonly machineName: string }[]>;
}

/** Who decides on logins, and who is told what happens. */
export interface IscsiOwner {
  readonly disks: DiskLogins;
  /** What happens on connections, for the log. */
  onEvent(event: IscsiEvent): void;
  /** A login failed for a reason that is ours. */
  onError(error: unknown): void;
  /** A machine got an I/O error. */
  onDiskFailure(machineId: string, error: unknown): void;
}

/** What {@link ServedThread} works with. */
export interface ServedThreadDeps {
  readonly replicas: Replicas;
  readonly recordings: BootRecordings;
  /** Nobody, until the control plane is there: no connections come before. */
  owner(): IscsiOwner | undefined;
  /** Whether the thread is the one for a target: a login whose first request did not name its target may have come to another. */
  isFor(targetName: string): boolean;
  onReport(report: WorkerReport): void;
  /** The thread has ended. What it had open is let go meanwhile, by way of the thread that has its place then. */
  onEnd(error: Error): void;
}

interface OpenLogin {
  readonly session: SessionHandle;
  readBytes: number;
  writtenBytes: number;
}

/** Targets that one discovery answers; an initiator that wants more asks for the one it knows. */
const MAX_DISCOVERED_TARGETS = 1000;

/** One run of a thread that serves iSCSI, and what it has of the main thread: sessions of the control plane, and replicas. */
export class ServedThread {
  readonly thread: WorkerThread;
  readonly #deps: ServedThreadDeps;
  readonly #logins = new Map<string, OpenLogin>();
  readonly #replicas = new Map<string, { readonly replica: Replica; readonly release: () => Promise<void> }>();
  #report: WorkerReport | undefined;
  #counters: TargetCounters | undefined;
  #over = false;

  constructor(settings: WorkerSettings, deps: ServedThreadDeps) {
    this.#deps = deps;
    this.thread = new WorkerThread(settings, {
      tasks: this.#tasks(),
      onMessage: (message) => this.#take(message),
      onEnd: (error) => this.#end(error),
    });
  }

  /** What it said last. */
  get report(): WorkerReport | undefined {
    return this.#report;
  }

  /** What came in to it, as it said last. */
  get counters(): TargetCounters | undefined {
    return this.#counters;
  }

  #tasks(): TaskHandlers<MainTasks> {
    return {
      credentials: async ({ targetName }) => {
        if (targetName === undefined) return undefined;
        try {
          const { chap } = await this.#owner().disks.credentialsOf(targetName);
          return chap === undefined ? undefined : { name: chap.user, secret: chap.secret };
        } catch (error) {
          // The name is looked up again after this; that refusal then says that there is no such target.
          if (error instanceof ControlError && error.code === "notFound") return undefined;
          throw error;
        }
      },
      login: ({ id, login }) => this.#login(id, login),
      logout: async ({ id, passed }) => {
        const open = this.#logins.get(id);
        if (open === undefined) return;
        count(open, passed);
        this.#logins.delete(id);
        await open.session.close();
      },
      list: async () => {
        const disks = await this.#owner().disks.list({ limit: MAX_DISCOVERED_TARGETS });
        return disks.map(({ target }) => ({ targetName: target }));
      },
      openReplica: async ({ manifestId }) => {
        const [opened, manifest] = await Promise.all([
          this.#deps.replicas.acquire(manifestId),
          this.#deps.replicas.readManifest(manifestId),
        ]);
        if (this.#over) await opened.release();
        else this.#replicas.set(manifestId, opened);
        return { manifest, chunkStates: opened.replica.chunkStates };
      },
      closeReplica: async ({ manifestId }) => {
        const opened = this.#replicas.get(manifestId);
        this.#replicas.delete(manifestId);
        await opened?.release();
      },
      provideChunk: async ({ manifestId, chunk }) => {
        const opened = this.#replicas.get(manifestId);
        if (opened === undefined)
          throw new Error(`replica ${manifestId}: worker ${this.thread.settings.number} has it not open`);
        const bytes = await opened.replica.provide(chunk);
        // The replica still writes them to its backing; the copy goes away with the answer.
        return bytes === undefined ? undefined : new Uint8Array(bytes);
      },
    };
  }

  async #login(id: string, login: MainTasks["login"]["asks"]["login"]): Promise<LoginAnswer> {
    if (!this.#deps.isFor(login.targetName)) return { kind: "refused", reason: "unavailable" };
    const owner = this.#owner();
    try {
      const { machineId, session } = await owner.disks.login({
        target: login.targetName,
        initiator: login.initiatorName,
        isid: login.isid,
        peer: login.peerAddress,
        drop: () => this.#drop(id),
      });
      if (!this.#over) this.#logins.set(id, { session, readBytes: 0, writtenBytes: 0 });
      else await session.close();
      return { kind: "opened", machineId };
    } catch (error) {
      if (!(error instanceof ControlError)) owner.onError(error);
      return { kind: "refused", reason: refusalOf(error) };
    }
  }

  /** A thread that has ended drops its sessions with it. */
  async #drop(id: string): Promise<void> {
    await this.thread.link.ask("endLogin", { id }).catch((error: unknown) => {
      if (!isEnded(error)) this.#owner().onError(error);
    });
  }

  #take(message: Exclude<ToMain, { kind: "ready" }>): void {
    switch (message.kind) {
      case "event": {
        const { event } = message;
        const isFault = event.kind === "error" || event.kind === "listenerError";
        this.#owner().onEvent(isFault ? { ...event, error: ThreadError.of(event.error) } : event);
        return;
      }
      case "diskFailed":
        this.#owner().onDiskFailure(message.machineId, new ThreadError(message.error));
        return;
      case "bootRecorded":
        void this.#deps.recordings.finish(message.recording);
        return;
      case "counters":
        this.#counters = message.counters;
        return;
      case "report": {
        const { report } = message;
        for (const session of [...report.sessions, ...report.ended]) {
          const login = this.#logins.get(session.id);
          if (login !== undefined) count(login, session);
        }
        this.#report = report;
        this.#deps.onReport(report);
      }
    }
  }

  #end(error: Error): void {
    this.#over = true;
    this.#deps.onEnd(error);
    const logins = [...this.#logins.values()];
    const replicas = [...this.#replicas.values()];
    this.#logins.clear();
    this.#replicas.clear();
    const letGo = [...logins.map(({ session }) => session.close()), ...replicas.map(({ release }) => release())];
    for (const each of letGo) each.catch((failure: unknown) => this.#deps.owner()?.onError(failure));
  }

  #owner(): IscsiOwner {
    const owner = this.#deps.owner();
    if (owner === undefined) throw new Error("iSCSI: a thread serves before there is anything to serve");
    return owner;
  }
}

/** Whether an error says that the thread that was asked has ended. */
export function isEnded(error: unknown): boolean {
  return error instanceof ThreadError && error.code === "worker-ended";
}

/** Passes what came since the last figures on to the control plane. */
function count(login: OpenLogin, { readBytes, writtenBytes }: PassedBytes): void {
  if (readBytes > login.readBytes) login.session.countRead(readBytes - login.readBytes);
  if (writtenBytes > login.writtenBytes) login.session.countWritten(writtenBytes - login.writtenBytes);
  login.readBytes = readBytes;
  login.writtenBytes = writtenBytes;
}

/** What the login is refused with; for the codes that are no answer to a login, something of ours broke. */
const REFUSALS: ReadonlyMap<string, RefusalReason> = new Map<ControlErrorCode, RefusalReason>([
  ["notFound", "notFound"],
  ["staleBoot", "notFound"],
  ["unknownBoot", "notFound"],
  ["noDisk", "notFound"],
  ["busy", "unavailable"],
]);

function refusalOf(error: unknown): RefusalReason {
  if (isEnded(error)) return "unavailable";
  return (error instanceof ControlError ? REFUSALS.get(error.code) : undefined) ?? "failed";
}
