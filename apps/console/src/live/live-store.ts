import type { LiveMessage } from "@ingot/api";
import { ApiFailure } from "../request/api-failure.ts";
import type { ApiClient } from "../request/api-client.ts";
import type { Clock } from "./clock.ts";
import { applyMessages, EMPTY_FLEET, type Fleet, type Snapshot } from "./fleet.ts";
import type { Connection } from "./event-stream.ts";
import { FrameBatch } from "./frame-batch.ts";

/** Events of the history that the console asks for when it opens. */
const FIRST_EVENTS = 500;

export interface LiveStoreDeps {
  readonly api: Pick<
    ApiClient,
    "status" | "machines" | "groups" | "images" | "disks" | "sessions" | "events" | "jobs" | "tasks"
  >;
  readonly clock: Pick<Clock, "setServerAheadMs">;
  readonly schedule: (run: () => void) => void;
  readonly time: () => number;
  /** Called when the server says another version than before: this page was built for an older one. */
  readonly onNewServer: () => void;
}

/**
 * The one place where the console's knowledge lives. Messages of the stream are put together frame by frame; after every
 * (re)connection the lists are asked for again, and what the stream says meanwhile waits for them, so that an answer that
 * was under way for long never hides a newer message.
 */
export class LiveStore {
  readonly #deps: LiveStoreDeps;
  readonly #batch: FrameBatch<LiveMessage | Snapshot>;
  readonly #listeners = new Set<() => void>();
  #fleet: Fleet = EMPTY_FLEET;
  #connection: Connection = { kind: "connecting" };
  #failure: ApiFailure | undefined;
  /** Messages that came while a list was under way. */
  readonly #waiting: LiveMessage[] = [];
  #loads = 0;
  #lastEventId = 0;
  #serverVersion: string | undefined;
  #disksWanted = false;
  #sessionsWanted = false;
  #jobsWanted = false;
  #tasksWanted: string | undefined;

  constructor(deps: LiveStoreDeps) {
    this.#deps = deps;
    this.#batch = new FrameBatch((messages) => {
      this.#fleet = applyMessages(this.#fleet, messages, deps.time());
      this.#tell();
    }, deps.schedule);
  }

  /** What is known now; the same object until something changes. */
  readonly fleet = (): Fleet => this.#fleet;
  /** Whether it is live. */
  readonly connection = (): Connection => this.#connection;
  /** Why the lists could not be loaded, until they were. */
  readonly failure = (): ApiFailure | undefined => this.#failure;

  /** Calls `listener` after every change, until the returned function is called. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Takes over the stream's state. */
  setConnection(connection: Connection): void {
    this.#connection = connection;
    this.#tell();
  }

  /** Takes one message of the stream. */
  receive(message: LiveMessage): void {
    if (message.type === "hello") {
      this.#greet(message);
      return;
    }
    if (this.#loads === 0) this.#batch.add(message);
    else this.#waiting.push(message);
  }

  /** Asks for all disks, once: they are many and carry curves, and only some pages need them. */
  wantDisks(): void {
    if (this.#disksWanted) return;
    this.#disksWanted = true;
    void this.#load(() => this.#askDisks());
  }

  /** Asks for all sessions, once. */
  wantSessions(): void {
    if (this.#sessionsWanted) return;
    this.#sessionsWanted = true;
    void this.#load(() => this.#askSessions());
  }

  /** Asks for all jobs, once. */
  wantJobs(): void {
    if (this.#jobsWanted) return;
    this.#jobsWanted = true;
    void this.#load(() => this.#askJobs());
  }

  /** Asks for the tasks of one job; those of another are forgotten. */
  wantTasks(jobId: string): void {
    if (this.#tasksWanted === jobId) return;
    this.#tasksWanted = jobId;
    void this.#load(() => this.#askTasks(jobId));
  }

  /** Asks for the lists again, after they could not be loaded. */
  reload(): void {
    const withDisks = this.#disksWanted;
    const withSessions = this.#sessionsWanted;
    const withJobs = this.#jobsWanted;
    const tasksOf = this.#tasksWanted;
    void this.#load(async () => [
      await this.#askLists(),
      ...(withDisks ? await this.#askDisks() : []),
      ...(withSessions ? await this.#askSessions() : []),
      ...(withJobs ? await this.#askJobs() : []),
      ...(tasksOf === undefined ? [] : await this.#askTasks(tasksOf)),
    ]);
  }

  #greet(hello: Extract<LiveMessage, { type: "hello" }>): void {
    if (this.#serverVersion !== undefined && this.#serverVersion !== hello.version) {
      this.#deps.onNewServer();
      return;
    }
    this.#serverVersion = hello.version;
    this.#lastEventId = hello.lastEventId;
    this.#deps.clock.setServerAheadMs(Date.parse(hello.at) - this.#deps.time());
    this.reload();
  }

  async #askLists(): Promise<Snapshot> {
    const { api } = this.#deps;
    const [machines, groups, images, events, status] = await Promise.all([
      api.machines(),
      api.groups(),
      api.images(),
      api.events({ afterId: Math.max(0, this.#lastEventId - FIRST_EVENTS), limit: FIRST_EVENTS }),
      api.status(),
    ]);
    return { type: "lists", machines, groups, images, events, status };
  }

  async #askDisks(): Promise<Snapshot[]> {
    return [{ type: "disks", disks: await this.#deps.api.disks() }];
  }

  async #askSessions(): Promise<Snapshot[]> {
    return [{ type: "allSessions", sessions: await this.#deps.api.sessions() }];
  }

  async #askJobs(): Promise<Snapshot[]> {
    return [{ type: "allJobs", jobs: await this.#deps.api.jobs() }];
  }

  async #askTasks(jobId: string): Promise<Snapshot[]> {
    return [{ type: "tasksOf", jobId, tasks: await this.#deps.api.tasks(jobId) }];
  }

  async #load(ask: () => Promise<Snapshot[]>): Promise<void> {
    this.#loads += 1;
    try {
      for (const snapshot of await ask()) this.#batch.add(snapshot);
      this.#failure = undefined;
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.#failure = error;
    } finally {
      this.#loads -= 1;
      if (this.#loads === 0) {
        for (const message of this.#waiting.splice(0)) this.#batch.add(message);
      }
      this.#tell();
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
