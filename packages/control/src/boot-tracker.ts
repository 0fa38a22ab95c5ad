import type { BootTimeline, MachineState, MachineTraffic } from "@ingot/api";
import type { Selectable } from "kysely";
import type { Clock } from "./clock.ts";
import type { EventLog } from "./event-log.ts";
import type { LiveFacts } from "./machine-view.ts";
import type { Database, MachinesTable } from "./tables.ts";
import { type BootFact, type BootState, initialBootState, reduceBoot } from "./timeline.ts";

const noTraffic: MachineTraffic = { sessions: 0, readBytesPerSecond: 0, writtenBytesPerSecond: 0 };

interface Entry {
  boot: BootState;
  traffic: MachineTraffic;
  /** The stored form is older than `boot`. */
  unsaved: boolean;
}

/**
 * The present boot of every machine. Facts change it at once in memory; what changed is written to the database in groups,
 * so that a thousand machines that power on together cost a few transactions.
 */
export class BootTracker {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #onChange: (id: string) => void;
  readonly #onError: (error: unknown) => void;
  readonly #entries = new Map<string, Entry>();
  /** Machines whose state can change by waiting. */
  readonly #active = new Set<string>();
  readonly #saving = new Set<Promise<void>>();

  constructor(deps: {
    readonly db: Database;
    readonly clock: Clock;
    readonly events: EventLog;
    /** Called after each change that a reader could see. */
    readonly onChange: (id: string) => void;
    readonly onError: (error: unknown) => void;
  }) {
    this.#db = deps.db;
    this.#clock = deps.clock;
    this.#events = deps.events;
    this.#onChange = deps.onChange;
    this.#onError = deps.onError;
  }

  /** Takes a machine's stored boot in, when the server starts or a machine is new. Its sessions, if any, will log in again. */
  load(row: Selectable<MachinesTable>): void {
    const base = initialBootState(row.state as MachineState, this.#clock.now());
    const timeline = row.boot === null ? undefined : (JSON.parse(row.boot) as BootTimeline);
    this.#put(row.id, { boot: { ...base, timeline }, traffic: noTraffic, unsaved: false });
  }

  /** Forgets a machine. */
  remove(id: string): void {
    this.#entries.delete(id);
    this.#active.delete(id);
  }

  /** What is known of a machine now. */
  read(id: string): LiveFacts {
    const entry = this.#entries.get(id);
    return { state: entry?.boot.state ?? "off", boot: entry?.boot.timeline, traffic: entry?.traffic ?? noTraffic };
  }

  /** How many machines are in which state. */
  countByState(): Record<MachineState, number> {
    const counts: Record<MachineState, number> = { new: 0, off: 0, booting: 0, running: 0, up: 0, failed: 0 };
    for (const entry of this.#entries.values()) counts[entry.boot.state] += 1;
    return counts;
  }

  /** Applies a fact; `atMs` where it was seen earlier. Facts of machines that are not there are ignored. */
  record(id: string, fact: BootFact, atMs: number = this.#clock.now()): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const { state, event } = reduceBoot(entry.boot, fact, Math.max(atMs, startOf(entry.boot)));
    const before = entry.boot;
    entry.boot = state;
    // Bytes alone are not worth a write: a stage or the next save brings them along.
    if (state.timeline?.stages !== before.timeline?.stages || state.state !== before.state) entry.unsaved = true;
    if (state.timeline !== before.timeline || state.state !== before.state) this.#onChange(id);
    this.#put(id, entry);
    if (event !== undefined) {
      this.#events.record({ kind: event.kind, machine: id, message: event.message }).catch(this.#onError);
    }
  }

  /** Sets the traffic that is shown for a machine. */
  setTraffic(id: string, traffic: MachineTraffic): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const before = entry.traffic;
    if (
      before.sessions === traffic.sessions &&
      before.readBytesPerSecond === traffic.readBytesPerSecond &&
      before.writtenBytesPerSecond === traffic.writtenBytesPerSecond
    ) {
      return;
    }
    entry.traffic = traffic;
    this.#onChange(id);
  }

  /** Lets time pass for the machines whose state depends on it, and starts writing what changed. */
  tick(): void {
    for (const id of this.#active) this.record(id, { kind: "tick" });
    const saving: Promise<void> = this.save()
      .catch(this.#onError)
      .finally(() => this.#saving.delete(saving));
    this.#saving.add(saving);
  }

  /** Writes what changed, in one transaction. */
  async save(): Promise<void> {
    const unsaved = [...this.#entries].filter(([, entry]) => entry.unsaved);
    if (unsaved.length === 0) return;
    const rows = unsaved.map(([id, entry]) => {
      entry.unsaved = false;
      const boot = entry.boot.timeline === undefined ? null : JSON.stringify(entry.boot.timeline);
      return { id, state: entry.boot.state, boot };
    });
    try {
      await this.#db.transaction().execute(async (trx) => {
        for (const { id, state, boot } of rows) {
          await trx.updateTable("machines").set({ state, boot }).where("id", "=", id).execute();
        }
      });
    } catch (error) {
      for (const [, entry] of unsaved) entry.unsaved = true;
      throw error;
    }
  }

  /** Writes everything, byte counts included. */
  async close(): Promise<void> {
    await Promise.all(this.#saving);
    for (const id of this.#active) {
      const entry = this.#entries.get(id);
      if (entry !== undefined) entry.unsaved = true;
    }
    await this.save();
  }

  #put(id: string, entry: Entry): void {
    this.#entries.set(id, entry);
    const { state } = entry.boot;
    if (state === "booting" || state === "running" || state === "up") this.#active.add(id);
    else this.#active.delete(id);
  }
}

function startOf(boot: BootState): number {
  const last = boot.timeline?.stages.at(-1)?.at;
  return last === undefined ? 0 : Date.parse(last);
}
