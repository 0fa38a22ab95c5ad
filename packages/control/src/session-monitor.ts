import type { Session } from "@ingot/api";
import type { Clock } from "./clock.ts";
import { MAX_SESSION_UPDATES } from "./limits.ts";
import type { LiveHub } from "./live-hub.ts";
import { addTotals, type CommandTotals, SessionMeter, type TrafficTotals, zeroTotals } from "./session-meter.ts";
import type { SessionReport } from "./session-report.ts";
import { factsOf, figuresOf, isSame, readMachineWords, type SessionFigures } from "./session-view.ts";
import type { Database } from "./tables.ts";

/** How often changed sessions go out to the streams, at most. */
export const SESSION_UPDATES_MS: number = 2000;

/**
 * Where several threads report one after the other, each time all sessions are told, and most of them are those of before. The
 * same report again says something only when no new one has come for this long: that nothing moves.
 */
const STALE_MS = 1500;

/** Which sessions are wanted, in the order in which they began. */
export interface SessionQuery {
  readonly limit: number;
  /** Only those after this place, which is the `place` of a {@link ListedSession}. */
  readonly after?: number | undefined;
  readonly machineId?: string | undefined;
}

/** A session with its place in the list. */
export interface ListedSession {
  readonly place: number;
  readonly session: Session;
}

/** What one machine did since the start. */
export interface MachineTotals {
  readonly machineName: string;
  /** Open now. */
  readonly sessions: number;
  readonly totals: Readonly<CommandTotals>;
}

interface Watched {
  readonly place: number;
  readonly meter: SessionMeter;
  report: SessionReport;
  takenMs: number;
  /** What the streams were told last, to see whether there is news. */
  told: SessionFigures | undefined;
}

/**
 * The sessions that the disk service reports, with rates and latencies. The service calls `report` about once a second; all
 * times are made of these reports, so nothing is counted twice where commands are served.
 */
export class SessionMonitor {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #hub: LiveHub;
  readonly #onError: (error: unknown) => void;
  /** By id, in the order in which they were first reported. */
  readonly #watched = new Map<string, Watched>();
  readonly #totals: TrafficTotals = { ...zeroTotals(), readLatency: [], writeLatency: [] };
  readonly #totalsOf = new Map<string, CommandTotals>();
  /** Sessions with news, oldest news first. */
  readonly #dirty = new Set<string>();
  #ended: string[] = [];
  #places = 0;
  #sentMs = -Infinity;
  #sending: Promise<void> | undefined;

  constructor(deps: {
    readonly db: Database;
    readonly clock: Clock;
    readonly hub: LiveHub;
    readonly onError: (error: unknown) => void;
  }) {
    this.#db = deps.db;
    this.#clock = deps.clock;
    this.#hub = deps.hub;
    this.#onError = deps.onError;
  }

  /**
   * Takes what the disk service knows now: all sessions that are open, and the last figures of those that ended since the call
   * before (which may as well be missing: then what they did since then is not counted). A report that is repeated MUST be the
   * same object. Never waits.
   */
  report(open: readonly SessionReport[], ended: readonly SessionReport[] = []): void {
    const nowMs = this.#clock.now();
    for (const report of ended) this.#take(report, nowMs);
    for (const report of open) this.#take(report, nowMs);
    const ids = new Set(open.map(({ id }) => id));
    for (const id of this.#watched.keys()) {
      if (ids.has(id)) continue;
      this.#watched.delete(id);
      this.#dirty.delete(id);
      this.#ended.push(id);
    }
    this.#publish(nowMs);
  }

  /** How many sessions are open. */
  get count(): number {
    return this.#watched.size;
  }

  /** What is waiting in all sessions now. */
  get waiting(): { readonly openCommands: number; readonly queuedBytes: number } {
    let openCommands = 0;
    let queuedBytes = 0;
    for (const { report } of this.#watched.values()) {
      openCommands += report.openCommands;
      queuedBytes += report.queuedOutputBytes;
    }
    return { openCommands, queuedBytes };
  }

  /** How many sessions each worker has. */
  get countByWorker(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const { report } of this.#watched.values()) counts.set(report.worker, (counts.get(report.worker) ?? 0) + 1);
    return counts;
  }

  /** What was done since the start over all sessions, those that are over included. */
  get totals(): Readonly<TrafficTotals> {
    return this.#totals;
  }

  /** As {@link totals}, for each machine that had a session since the start, by its name, at most `limit` of them. */
  async totalsByMachine(limit: number): Promise<readonly MachineTotals[]> {
    const words = await readMachineWords(this.#db, [...this.#totalsOf.keys()]);
    const counts = new Map<string, number>();
    for (const { report } of this.#watched.values()) {
      if (report.machineId !== undefined) counts.set(report.machineId, (counts.get(report.machineId) ?? 0) + 1);
    }
    const found: MachineTotals[] = [];
    for (const [machineId, totals] of this.#totalsOf) {
      const machineName = words.get(machineId)?.machineName;
      // It is not in the inventory any more.
      if (machineName === undefined) this.#totalsOf.delete(machineId);
      else found.push({ machineName, sessions: counts.get(machineId) ?? 0, totals });
    }
    return found.toSorted((a, b) => (a.machineName < b.machineName ? -1 : 1)).slice(0, limit);
  }

  /** One page of sessions. */
  async list(query: SessionQuery): Promise<readonly ListedSession[]> {
    const found: Watched[] = [];
    for (const watched of this.#watched.values()) {
      if (found.length >= query.limit) break;
      if (watched.place <= (query.after ?? 0)) continue;
      if (query.machineId !== undefined && watched.report.machineId !== query.machineId) continue;
      found.push(watched);
    }
    const sessions = await this.#describe(found);
    return sessions.map((session, index) => ({ place: found[index]?.place ?? 0, session }));
  }

  /** How many sessions there are of one machine, or in all. */
  countOf(machineId?: string): number {
    if (machineId === undefined) return this.#watched.size;
    let count = 0;
    for (const { report } of this.#watched.values()) if (report.machineId === machineId) count += 1;
    return count;
  }

  /** Resolves when nothing is being sent to the streams. */
  async idle(): Promise<void> {
    await this.#sending;
  }

  #take(report: SessionReport, nowMs: number): void {
    let watched = this.#watched.get(report.id);
    if (watched === undefined) {
      this.#places += 1;
      const meter = new SessionMeter(report.startedMs);
      watched = { place: this.#places, meter, report, takenMs: -Infinity, told: undefined };
      this.#watched.set(report.id, watched);
    }
    if (report === watched.report && nowMs - watched.takenMs < STALE_MS) return;
    watched.report = report;
    watched.takenMs = nowMs;
    const done = watched.meter.take(report, nowMs, this.#totals);
    addTotals(this.#totals, done);
    if (report.machineId !== undefined) {
      const totals = this.#totalsOf.get(report.machineId) ?? zeroTotals();
      this.#totalsOf.set(report.machineId, totals);
      addTotals(totals, done);
    }
  }

  /** Sends out what changed, in bounded portions, never two at a time. */
  #publish(nowMs: number): void {
    // Who opens a stream asks for the list; nobody who listens means nothing to remember.
    if (this.#hub.readerCount === 0) {
      this.#ended = [];
      return;
    }
    if (this.#sending !== undefined || nowMs - this.#sentMs < SESSION_UPDATES_MS) return;
    this.#sentMs = nowMs;
    for (const [id, watched] of this.#watched) {
      const figures = figuresOf(watched.report, watched.meter);
      if (watched.told !== undefined && isSame(figures, watched.told)) continue;
      watched.told = figures;
      this.#dirty.add(id);
    }
    const changed: Watched[] = [];
    for (const id of this.#dirty) {
      if (changed.length >= MAX_SESSION_UPDATES) break;
      this.#dirty.delete(id);
      const watched = this.#watched.get(id);
      if (watched !== undefined) changed.push(watched);
    }
    const ended = this.#ended;
    this.#ended = [];
    if (changed.length === 0 && ended.length === 0) return;
    this.#sending = this.#send(changed, ended)
      .catch(this.#onError)
      .finally(() => {
        this.#sending = undefined;
      });
  }

  async #send(changed: readonly Watched[], ended: readonly string[]): Promise<void> {
    this.#hub.publish({ type: "sessions", sessions: await this.#describe(changed), ended });
  }

  async #describe(sessions: readonly Watched[]): Promise<Session[]> {
    const ids = new Set(sessions.flatMap(({ report }) => (report.machineId === undefined ? [] : [report.machineId])));
    const words = await readMachineWords(this.#db, [...ids]);
    return sessions.map((watched) => ({
      ...factsOf(watched.report),
      ...words.get(watched.report.machineId ?? ""),
      ...figuresOf(watched.report, watched.meter),
    }));
  }
}
