import type { EventKind, IngotEvent } from "@ingot/api";
import type { Selectable } from "kysely";
import { type Clock, timeText } from "./clock.ts";
import { EVENTS_BETWEEN_PRUNES, MAX_KEPT_EVENTS } from "./limits.ts";
import type { LiveHub } from "./live-hub.ts";
import type { Database, EventsTable } from "./tables.ts";

/** What happened, before it has a number and a time. */
export type NewEvent = Omit<IngotEvent, "id" | "at">;

/** Which events are wanted, oldest first. */
export interface EventQuery {
  readonly limit: number;
  /** Only ids above this. */
  readonly after?: number | undefined;
  readonly machine?: string | undefined;
}

/** The history: written here, read by page, and sent to the live streams. */
export class EventLog {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #hub: LiveHub;
  readonly #onMachineEvent: (id: string) => void;
  readonly #pending = new Set<Promise<unknown>>();
  #sincePrune = 0;

  constructor(deps: {
    readonly db: Database;
    readonly clock: Clock;
    readonly hub: LiveHub;
    /** Called when a machine's last event changed. */
    readonly onMachineEvent: (id: string) => void;
  }) {
    this.#db = deps.db;
    this.#clock = deps.clock;
    this.#hub = deps.hub;
    this.#onMachineEvent = deps.onMachineEvent;
  }

  /** Writes an event and tells the streams. Events of a machine also become its `lastEvent`. */
  record(event: NewEvent): Promise<IngotEvent> {
    const recording = this.#record(event);
    this.#pending.add(recording);
    const forget = (): void => void this.#pending.delete(recording);
    recording.then(forget, forget);
    return recording;
  }

  /** Resolves when every event that was recorded before is written, or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /** One page of the history. */
  async list(query: EventQuery): Promise<IngotEvent[]> {
    let select = this.#db.selectFrom("events").selectAll().orderBy("id").limit(query.limit);
    if (query.after !== undefined) select = select.where("id", ">", query.after);
    if (query.machine !== undefined) select = select.where("machine", "=", query.machine);
    return (await select.execute()).map(eventOf);
  }

  /** The newest events, oldest of them first. */
  async latest(query: { readonly limit: number; readonly machine?: string | undefined }): Promise<IngotEvent[]> {
    let select = this.#db.selectFrom("events").selectAll().orderBy("id", "desc").limit(query.limit);
    if (query.machine !== undefined) select = select.where("machine", "=", query.machine);
    return (await select.execute()).toReversed().map(eventOf);
  }

  /** How many events are kept, in all or of one machine. */
  async count(machine?: string): Promise<number> {
    let select = this.#db.selectFrom("events").select(({ fn }) => fn.countAll().as("count"));
    if (machine !== undefined) select = select.where("machine", "=", machine);
    return Number((await select.executeTakeFirstOrThrow()).count);
  }

  /** Id of the newest event, 0 before the first. */
  async lastId(): Promise<number> {
    const row = await this.#db.selectFrom("events").select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
    return row?.id ?? 0;
  }

  async #record(event: NewEvent): Promise<IngotEvent> {
    const at = timeText(this.#clock.now());
    const written = await this.#db.transaction().execute(async (trx) => {
      const { id } = await trx
        .insertInto("events")
        .values({
          at,
          kind: event.kind,
          machine: event.machine ?? null,
          image: event.image ?? null,
          message: event.message,
          data: event.data === undefined ? null : JSON.stringify(event.data),
        })
        .returning("id")
        .executeTakeFirstOrThrow();
      if (event.machine !== undefined) {
        const last = JSON.stringify({ id, at, kind: event.kind, message: event.message });
        await trx.updateTable("machines").set({ last_event: last }).where("id", "=", event.machine).execute();
      }
      return { ...event, id, at };
    });
    this.#hub.publish({ type: "event", event: written });
    if (event.machine !== undefined) this.#onMachineEvent(event.machine);
    this.#sincePrune += 1;
    if (this.#sincePrune >= EVENTS_BETWEEN_PRUNES) {
      this.#sincePrune = 0;
      await this.#db
        .deleteFrom("events")
        .where("id", "<=", written.id - MAX_KEPT_EVENTS)
        .execute();
    }
    return written;
  }
}

function eventOf(row: Selectable<EventsTable>): IngotEvent {
  return {
    id: row.id,
    at: row.at,
    kind: row.kind as EventKind,
    machine: row.machine ?? undefined,
    image: row.image ?? undefined,
    message: row.message,
    data: row.data === null ? undefined : (JSON.parse(row.data) as NonNullable<IngotEvent["data"]>),
  };
}
