import type { Group, PutGroup } from "@ingot/api";
import type { Selectable } from "kysely";
import { type Clock, timeText } from "./clock.ts";
import { ControlError } from "./errors.ts";
import type { EventLog } from "./event-log.ts";
import { requireImage } from "./image-references.ts";
import type { LiveHub } from "./live-hub.ts";
import { describePatch, normalizeReference } from "./server-settings.ts";
import { settingsOfRow } from "./settings-rules.ts";
import type { Database, GroupsTable } from "./tables.ts";

/** Groups of machines. */
export class Groups {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #hub: LiveHub;

  constructor(deps: {
    readonly db: Database;
    readonly clock: Clock;
    readonly events: EventLog;
    readonly hub: LiveHub;
  }) {
    this.#db = deps.db;
    this.#clock = deps.clock;
    this.#events = deps.events;
    this.#hub = deps.hub;
  }

  /** One page of groups, by name. */
  async list(query: { readonly limit: number; readonly after?: string | undefined }): Promise<Group[]> {
    const rows = await this.#db
      .selectFrom("machine_groups")
      .selectAll()
      .where("name", ">", query.after ?? "")
      .orderBy("name")
      .limit(query.limit)
      .execute();
    return Promise.all(rows.map((row) => this.#view(row)));
  }

  /** How many groups there are. */
  async count(): Promise<number> {
    const row = await this.#db
      .selectFrom("machine_groups")
      .select(({ fn }) => fn.countAll().as("count"))
      .executeTakeFirstOrThrow();
    return Number(row.count);
  }

  /** @throws ControlError `notFound`. */
  async get(name: string): Promise<Group> {
    const row = await this.#db.selectFrom("machine_groups").selectAll().where("name", "=", name).executeTakeFirst();
    if (row === undefined)
      throw new ControlError("notFound", `group ${JSON.stringify(name)}: there is none of that name`);
    return this.#view(row);
  }

  /** Makes the group, or changes it to exactly this. @throws ControlError `notFound` for an image that is not there. */
  async put(name: string, body: PutGroup): Promise<Group> {
    const columns = {
      comment: body.comment ?? null,
      plan: body.plan ?? null,
      image: body.image === undefined ? null : normalizeReference(body.image),
      mode: body.mode ?? null,
    };
    await this.#db.transaction().execute(async (trx) => {
      if (body.image !== undefined) await requireImage(trx, body.image);
      await trx
        .insertInto("machine_groups")
        .values({ name, ...columns, created_at: timeText(this.#clock.now()) })
        .onConflict((conflict) => conflict.column("name").doUpdateSet(columns))
        .execute();
    });
    const group = await this.get(name);
    await this.#events.record({ kind: "group.changed", message: `group ${name}: ${describePatch(body)}` });
    this.#hub.publish({ type: "group", group });
    return group;
  }

  /** @throws ControlError `notFound`, `inUse` while it has machines. */
  async remove(name: string): Promise<void> {
    const { machineCount } = await this.get(name);
    if (machineCount > 0) {
      const members = await this.#db
        .selectFrom("machines")
        .select("name")
        .where("group_name", "=", name)
        .orderBy("name")
        .limit(10)
        .execute();
      throw new ControlError("inUse", `group ${name}: has ${machineCount} machines; move them first`, {
        details: { usedBy: members.map((member) => `machine ${member.name}`) },
      });
    }
    await this.#db.deleteFrom("machine_groups").where("name", "=", name).execute();
    await this.#events.record({ kind: "group.removed", message: `group ${name} was removed` });
    this.#hub.publish({ type: "removed", what: "group", id: name });
  }

  /** Ids of the machines in a group. */
  async memberIds(name: string): Promise<string[]> {
    const rows = await this.#db.selectFrom("machines").select("id").where("group_name", "=", name).execute();
    return rows.map((row) => row.id);
  }

  async #view(row: Selectable<GroupsTable>): Promise<Group> {
    const { count } = await this.#db
      .selectFrom("machines")
      .select(({ fn }) => fn.countAll().as("count"))
      .where("group_name", "=", row.name)
      .executeTakeFirstOrThrow();
    return {
      name: row.name,
      comment: row.comment ?? undefined,
      settings: settingsOfRow(row),
      machineCount: Number(count),
      createdAt: row.created_at,
    };
  }
}
