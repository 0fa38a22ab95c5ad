import { crc32c } from "@ingot/wire";
import { parseBootTarget, type DiskKeeper, type OpenDisk, type SessionReport } from "@ingot/control";
import { type HandedConnection, type Portal, TargetAcceptor, type TargetCounters } from "@ingot/iscsi";
import { ServerError } from "../errors.ts";
import type { DiskParts, DiskService } from "./disk-service.ts";
import { isEnded, type IscsiOwner, ServedThread } from "./served-thread.ts";
import { WorkerKeeper } from "./worker-keeper.ts";
import type { WorkerThread } from "./worker-thread.ts";

/** How the threads are started. */
export interface IscsiWorkersOptions extends DiskParts {
  /** How many threads, at least one. */
  readonly count: number;
}

/** What is served, where, and who is told. */
export interface IscsiService extends IscsiOwner {
  readonly portals: readonly Portal[];
  /** Called about once a second for each thread: all open sessions of all threads, and those of this one that ended meanwhile. */
  onReport(open: readonly SessionReport[], ended: readonly SessionReport[]): void;
  /** A thread has ended by itself; its sessions are over, and another one has its place. */
  onWorkerEnd(error: Error): void;
  /** Threads end as soon as they are started: the service cannot go on. */
  onFatal(error: ServerError): void;
}

/** Ends of threads within the time below that are taken as bad luck. */
const MAX_ENDS = 5;
const ENDS_WITHIN_MS = 60_000;

const ZERO: TargetCounters = {
  connections: 0,
  droppedConnections: 0,
  logins: 0,
  refusedLogins: 0,
  malformed: 0,
  failed: 0,
};

/**
 * iSCSI on threads of its own. All sessions of a machine are on one thread, with the machine's overlay; the main thread accepts
 * connections, reads whom they are for and hands them over, and keeps what is there once: control plane, replicas, chunk store.
 */
export class IscsiWorkers implements DiskService {
  /** The machines' overlays, each opened on its thread. */
  readonly keeper: DiskKeeper<OpenDisk>;
  readonly #options: IscsiWorkersOptions;
  readonly #served: ServedThread[] = [];
  /** Counters of threads that have ended. */
  #past: TargetCounters = ZERO;
  #service: IscsiService | undefined;
  #acceptor: TargetAcceptor | undefined;
  /** For connections that are for no machine: each goes to the next thread. */
  #turn = 0;
  #ends: number[] = [];
  #isClosing = false;
  /** Everything is stored: threads end because they are told to. */
  #isOver = false;

  private constructor(options: IscsiWorkersOptions) {
    this.#options = options;
    this.keeper = new WorkerKeeper((machineId) => this.#threadFor(machineId), options.recordings);
  }

  /** Starts the threads; resolves when all of them are ready. */
  static async start(options: IscsiWorkersOptions): Promise<IscsiWorkers> {
    const workers = new IscsiWorkers(options);
    for (let index = 0; index < options.count; index++) workers.#served.push(workers.#startThread(index, 0));
    try {
      await Promise.all(workers.#threads().map(({ ready }) => ready));
    } catch (error) {
      await workers.close();
      throw error;
    }
    return workers;
  }

  /** How many threads there are. */
  get count(): number {
    return this.#options.count;
  }

  /** Opens the portals. Rejects with `IscsiError` `listenFailed`. To be called once. */
  async serve(service: IscsiService): Promise<void> {
    this.#service = service;
    this.#acceptor = await TargetAcceptor.listen({
      portals: service.portals,
      place: (connection, targetName) => this.#place(connection, targetName),
      onError: (error) => service.onEvent({ kind: "listenerError", error }),
    });
    // A login that was quicker than this counts as one by the first portal.
    for (const thread of this.#threads()) thread.tellPortals(this.portals);
  }

  /** Where it listens. */
  get portals(): readonly Portal[] {
    return this.#acceptor?.portals ?? [];
  }

  /** The sessions there are, as of about a second ago. */
  sessions(): SessionReport[] {
    return this.#served.flatMap(({ report }) => report?.sessions ?? []);
  }

  /** What came in since the start, but for what a thread has not told yet: that of a few milliseconds. */
  get counters(): TargetCounters {
    const atTheDoor = this.#acceptor?.counters.droppedConnections ?? 0;
    const sum = this.#served.reduce((before, { counters }) => added(before, counters ?? ZERO), this.#past);
    return { ...sum, droppedConnections: sum.droppedConnections + atTheDoor };
  }

  /** The threads as they are now, by their numbers; for tests that end one. */
  get threads(): readonly Pick<WorkerThread, "settings" | "terminate">[] {
    return this.#threads();
  }

  /** Stops listening and ends all sessions; resolves when nothing of them runs any more. The overlays stay open for the keeper. */
  async closeSessions(): Promise<void> {
    this.#isClosing = true;
    await this.#acceptor?.close();
    // A thread that ends meanwhile has no sessions any more.
    await Promise.allSettled(this.#threads().map(({ link }) => link.ask("closeSessions", {})));
  }

  /** Makes all overlays durable, closes them and ends the threads. Rejects with the first failure, all being closed. Idempotent. */
  async close(): Promise<void> {
    await this.closeSessions();
    const closed = await Promise.allSettled(this.#threads().map(({ link }) => link.ask("closeDisks", {})));
    this.#isOver = true;
    await Promise.all(this.#threads().map((thread) => thread.terminate()));
    const failed = closed.find((result) => result.status === "rejected" && !isEnded(result.reason));
    if (failed?.status === "rejected") throw failed.reason;
  }

  #startThread(index: number, generation: number): ServedThread {
    const { count, overlays, replicas, recordings, pageCacheBytes } = this.#options;
    const settings = {
      number: index + 1,
      generation,
      overlays,
      replicas: replicas.directory,
      pageCacheBytes: pageCacheBytes / count,
    };
    return new ServedThread(settings, {
      replicas,
      recordings,
      owner: () => this.#service,
      isFor: (targetName) => this.#indexOf(targetName) === index,
      onReport: (report) => this.#service?.onReport(this.sessions(), report.ended),
      onEnd: (error) => this.#replace(index, error),
    });
  }

  /** Puts a new thread in the place of one that has ended. */
  #replace(index: number, error: Error): void {
    const ended = this.#served[index];
    if (ended === undefined || this.#isOver || this.#service === undefined) return;
    if (this.#isClosing) {
      // Nobody will come any more, but whoever reads the log has to know that it was no orderly end.
      this.#service.onWorkerEnd(error);
      return;
    }
    this.#past = added(this.#past, ended.counters ?? ZERO);
    const nowMs = performance.now();
    this.#ends = [...this.#ends.filter((endMs) => nowMs - endMs < ENDS_WITHIN_MS), nowMs];
    if (this.#ends.length > MAX_ENDS) {
      const what = `iSCSI workers have ended ${this.#ends.length} times within a minute, at last: ${error.message}`;
      this.#service.onFatal(new ServerError("iscsi-worker", what, { cause: error }));
      return;
    }
    const next = this.#startThread(index, ended.thread.settings.generation + 1);
    this.#served[index] = next;
    next.thread.tellPortals(this.portals);
    this.#service.onWorkerEnd(error);
  }

  #place(connection: HandedConnection, targetName: string | undefined): void {
    const index = targetName === undefined ? this.#turn++ % this.#options.count : this.#indexOf(targetName);
    this.#threads()[index]?.post(connection);
  }

  /** All names of one machine lead to one thread; those that are no machine's to any one. */
  #indexOf(targetName: string): number {
    return this.#indexFor(parseBootTarget(targetName)?.machineId ?? targetName);
  }

  #indexFor(machineId: string): number {
    return crc32c(new TextEncoder().encode(machineId)) % this.#options.count;
  }

  #threadFor(machineId: string): WorkerThread {
    const served = this.#served[this.#indexFor(machineId)];
    if (served === undefined) throw new Error(`iSCSI: no thread for machine ${machineId}`);
    return served.thread;
  }

  #threads(): WorkerThread[] {
    return this.#served.map(({ thread }) => thread);
  }
}

function added(a: TargetCounters, b: TargetCounters): TargetCounters {
  return {
    connections: a.connections + b.connections,
    droppedConnections: a.droppedConnections + b.droppedConnections,
    logins: a.logins + b.logins,
    refusedLogins: a.refusedLogins + b.refusedLogins,
    malformed: a.malformed + b.malformed,
    failed: a.failed + b.failed,
  };
}
