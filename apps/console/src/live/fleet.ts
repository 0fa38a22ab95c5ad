import type { Disk, Group, Image, IngotEvent, Job, LiveMessage, Machine, Session, Status, Task } from "@ingot/api";

/** Everything the console knows, as one immutable value. What a message does not touch keeps its identity. */
export interface Fleet {
  /** By id. */
  readonly machines: ReadonlyMap<string, Machine>;
  /** The machines' ids in the order of their names, "pc-9" before "pc-10". */
  readonly order: readonly string[];
  /** By name. */
  readonly groups: ReadonlyMap<string, Group>;
  /** By name. */
  readonly images: ReadonlyMap<string, Image>;
  /** By the machine's id. */
  readonly disks: ReadonlyMap<string, Disk>;
  /** Oldest first, at most {@link MAX_EVENTS}. */
  readonly events: readonly IngotEvent[];
  readonly status: Status | undefined;
  /** By machine id: what was read and written in the last moments, oldest first. */
  readonly rates: ReadonlyMap<string, RateHistory>;
  /** The whole server's traffic in the last moments. */
  readonly serverRates: RateHistory;
  /** Open sessions by id, in the order in which they began. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** By session id: what was read and written in the last moments. */
  readonly sessionRates: ReadonlyMap<string, RateHistory>;
  /** What was read over all sessions in the last moments. */
  readonly readRates: RateHistory;
  /** What was written over all sessions in the last moments. */
  readonly writeRates: RateHistory;
  /** By id. */
  readonly jobs: ReadonlyMap<string, Job>;
  /** The tasks of the job `tasksOf`, by id. */
  readonly tasks: ReadonlyMap<string, Task>;
  /** The job whose tasks are kept: the one that somebody looks at. */
  readonly tasksOf: string | undefined;
  /** Whether the lists were loaded at least once: before that, an empty map means nothing. */
  readonly loaded: boolean;
  /** Whether `disks` holds all disks and not only those that changed lately. */
  readonly disksLoaded: boolean;
  /** Whether `sessions` holds all sessions and not only those that changed lately. */
  readonly sessionsLoaded: boolean;
  /** Whether `jobs` holds all jobs. */
  readonly jobsLoaded: boolean;
}

/** Bytes a second, one value about every second; read and written together where nothing else is said. */
interface RateHistory {
  readonly lastAtMs: number;
  readonly values: readonly number[];
}

/** What the console tells itself after it has asked the server for whole lists. */
export type Snapshot =
  | {
      readonly type: "lists";
      readonly machines: readonly Machine[];
      readonly groups: readonly Group[];
      readonly images: readonly Image[];
      readonly events: readonly IngotEvent[];
      readonly status: Status;
    }
  | { readonly type: "disks"; readonly disks: readonly Disk[] }
  | { readonly type: "allSessions"; readonly sessions: readonly Session[] }
  | { readonly type: "allJobs"; readonly jobs: readonly Job[] }
  | { readonly type: "tasksOf"; readonly jobId: string; readonly tasks: readonly Task[] };

/** Events that are kept for the log; older ones are asked for page by page. */
export const MAX_EVENTS = 1000;
/** Points of a sparkline. */
export const RATE_POINTS = 40;
const RATE_STEP_MS = 900;

const NO_RATES: RateHistory = { lastAtMs: 0, values: [] };

/** What is known before the first answer: nothing. */
export const EMPTY_FLEET: Fleet = {
  machines: new Map(),
  order: [],
  groups: new Map(),
  images: new Map(),
  disks: new Map(),
  events: [],
  status: undefined,
  rates: new Map(),
  serverRates: NO_RATES,
  sessions: new Map(),
  sessionRates: new Map(),
  readRates: NO_RATES,
  writeRates: NO_RATES,
  jobs: new Map(),
  tasks: new Map(),
  tasksOf: undefined,
  loaded: false,
  disksLoaded: false,
  sessionsLoaded: false,
  jobsLoaded: false,
};

const NAMES = new Intl.Collator("en", { numeric: true });

/** Compares names as people sort them: "pc-9" before "pc-10". */
export function compareNames(a: string, b: string): number {
  return NAMES.compare(a, b);
}

/** The fleet after `messages`, which are in the order in which they came. `nowMs` dates the points of the sparklines. */
export function applyMessages(fleet: Fleet, messages: readonly (LiveMessage | Snapshot)[], nowMs: number): Fleet {
  const next = new Draft(fleet);
  for (const message of messages) next.apply(message, nowMs);
  return next.finish(nowMs);
}

/** One frame's changes: each map is copied at its first change, however many messages there are. */
class Draft {
  readonly #before: Fleet;
  #fleet: { -readonly [Key in keyof Fleet]: Fleet[Key] };
  #namesChanged = false;

  constructor(fleet: Fleet) {
    this.#before = fleet;
    this.#fleet = { ...fleet };
  }

  apply(message: LiveMessage | Snapshot, nowMs: number): void {
    switch (message.type) {
      case "hello":
        return;
      case "machine":
        this.#putMachine(message.machine, nowMs);
        return;
      case "group":
        this.#edit("groups").set(message.group.name, message.group);
        return;
      case "image":
        this.#edit("images").set(message.image.name, message.image);
        return;
      case "disk":
        this.#edit("disks").set(message.disk.machine, message.disk);
        return;
      case "event":
        this.#addEvents([message.event]);
        return;
      case "status":
        this.#putStatus(message.status, nowMs);
        return;
      case "removed":
        this.#remove(message.what, message.id);
        return;
      case "sessions":
        for (const id of message.ended) this.#endSession(id);
        for (const session of message.sessions) this.#putSession(session, nowMs);
        return;
      case "lists":
        this.#replace("machines", message.machines, (machine) => machine.id);
        this.#replace("groups", message.groups, (group) => group.name);
        this.#replace("images", message.images, (image) => image.name);
        this.#addEvents(message.events);
        this.#putStatus(message.status, nowMs);
        this.#namesChanged = true;
        this.#fleet.loaded = true;
        return;
      case "disks":
        this.#replace("disks", message.disks, (disk) => disk.machine);
        this.#fleet.disksLoaded = true;
        return;
      case "job":
        this.#edit("jobs").set(message.job.id, message.job);
        return;
      case "task":
        if (message.task.jobId === this.#fleet.tasksOf) this.#edit("tasks").set(message.task.id, message.task);
        return;
      case "allJobs":
        this.#replace("jobs", message.jobs, (job) => job.id);
        this.#fleet.jobsLoaded = true;
        return;
      case "tasksOf":
        this.#replace("tasks", message.tasks, (task) => task.id);
        this.#fleet.tasksOf = message.jobId;
        return;
      case "allSessions":
        this.#replaceSessions(message.sessions, nowMs);
        return;
    }
  }

  finish(nowMs: number): Fleet {
    if (this.#fleet.sessions !== this.#before.sessions) this.#sumSessions(nowMs);
    if (this.#namesChanged) {
      const machines = [...this.#fleet.machines.values()];
      machines.sort((a, b) => compareNames(a.name, b.name));
      this.#fleet.order = machines.map((machine) => machine.id);
    }
    return this.#fleet;
  }

  #putMachine(machine: Machine, nowMs: number): void {
    if (this.#fleet.machines.get(machine.id)?.name !== machine.name) this.#namesChanged = true;
    this.#edit("machines").set(machine.id, machine);
    const { readBytesPerSecond, writtenBytesPerSecond } = machine.traffic;
    const rate = readBytesPerSecond + writtenBytesPerSecond;
    const history = this.#fleet.rates.get(machine.id);
    // A machine that never moved a byte needs no history: 5,000 that are off cost nothing.
    if (rate === 0 && history === undefined) return;
    this.#edit("rates").set(machine.id, withRate(history ?? NO_RATES, rate, nowMs));
  }

  #putSession(session: Session, nowMs: number): void {
    this.#edit("sessions").set(session.id, session);
    const rate = session.read.bytesPerSecond + session.write.bytesPerSecond;
    const history = this.#fleet.sessionRates.get(session.id);
    if (rate === 0 && history === undefined) return;
    this.#edit("sessionRates").set(session.id, withRate(history ?? NO_RATES, rate, nowMs));
  }

  #endSession(id: string): void {
    this.#edit("sessions").delete(id);
    this.#edit("sessionRates").delete(id);
  }

  #replaceSessions(sessions: readonly Session[], nowMs: number): void {
    const known = new Set(sessions.map(({ id }) => id));
    for (const id of this.#fleet.sessions.keys()) if (!known.has(id)) this.#endSession(id);
    for (const session of sessions) this.#putSession(session, nowMs);
    this.#fleet.sessionsLoaded = true;
  }

  /** Sums the rates up, and forgets the curves of sessions that have stood still for as long as a curve is. */
  #sumSessions(nowMs: number): void {
    let read = 0;
    let write = 0;
    for (const [id, session] of this.#fleet.sessions) {
      const history = this.#fleet.sessionRates.get(id);
      const isOver = history?.values.at(-1) === 0 && nowMs - history.lastAtMs > RATE_POINTS * RATE_STEP_MS;
      if (isOver) this.#edit("sessionRates").delete(id);
      read += session.read.bytesPerSecond;
      write += session.write.bytesPerSecond;
    }
    this.#fleet.readRates = withRate(this.#fleet.readRates, read, nowMs);
    this.#fleet.writeRates = withRate(this.#fleet.writeRates, write, nowMs);
  }

  #putStatus(status: Status, nowMs: number): void {
    this.#fleet.status = status;
    const { readBytesPerSecond, writtenBytesPerSecond } = status.traffic;
    this.#fleet.serverRates = withRate(this.#fleet.serverRates, readBytesPerSecond + writtenBytesPerSecond, nowMs);
  }

  #addEvents(events: readonly IngotEvent[]): void {
    const lastId = this.#fleet.events.at(-1)?.id ?? -1;
    // The stream repeats what was missed and the list may hold it already: ids ascend, so what is not newer is known.
    const fresh = events.filter((event) => event.id > lastId);
    if (fresh.length > 0) this.#fleet.events = [...this.#fleet.events, ...fresh].slice(-MAX_EVENTS);
  }

  #remove(what: "machine" | "group" | "disk" | "image", id: string): void {
    if (what === "machine") {
      this.#edit("machines").delete(id);
      this.#edit("rates").delete(id);
      this.#namesChanged = true;
    }
    if (what === "machine" || what === "disk") this.#edit("disks").delete(id);
    if (what === "group") this.#edit("groups").delete(id);
    if (what === "image") this.#edit("images").delete(id);
  }

  #replace<Key extends EditableMap>(
    key: Key,
    items: readonly ItemOf<Key>[],
    idOf: (item: ItemOf<Key>) => string,
  ): void {
    const map = new Map(items.map((item) => [idOf(item), item]));
    Object.assign(this.#fleet, { [key]: map });
  }

  #edit<Key extends EditableMap>(key: Key): Map<string, ItemOf<Key>> {
    if (this.#fleet[key] === this.#before[key])
      Object.assign(this.#fleet, { [key]: new Map<string, unknown>(this.#fleet[key]) });
    return this.#fleet[key] as unknown as Map<string, ItemOf<Key>>;
  }
}

type EditableMap =
  | "machines"
  | "groups"
  | "images"
  | "disks"
  | "rates"
  | "sessions"
  | "sessionRates"
  | "jobs"
  | "tasks";
type ItemOf<Key extends EditableMap> = Fleet[Key] extends ReadonlyMap<string, infer Item> ? Item : never;

function withRate(history: RateHistory, rate: number, nowMs: number): RateHistory {
  if (nowMs - history.lastAtMs < RATE_STEP_MS && history.values.length > 0) {
    return { lastAtMs: history.lastAtMs, values: [...history.values.slice(0, -1), rate] };
  }
  return { lastAtMs: nowMs, values: [...history.values, rate].slice(-RATE_POINTS) };
}
