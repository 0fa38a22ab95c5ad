import type { AgentInventory, AgentRole, AgentState } from "@ingot/api";
import type { Insertable, Selectable } from "kysely";
import type { AgentsTable, Database } from "../tables.ts";

/** An agent as it is kept in memory; what it says of its machine stays in the database. */
export interface AgentRecord {
  readonly id: string;
  readonly fingerprint: string;
  readonly role: AgentRole;
  readonly state: AgentState;
  readonly reason: string;
  readonly machine: string | undefined;
  readonly code: string | undefined;
  readonly address: string | undefined;
  readonly createdAt: string;
  readonly lastSeenAt: string;
}

/** Every agent. */
export async function listAgents(db: Database): Promise<AgentRecord[]> {
  const columns = [
    "id",
    "fingerprint",
    "role",
    "state",
    "reason",
    "machine_id",
    "code",
    "address",
    "created_at",
    "last_seen_at",
  ] as const;
  return (await db.selectFrom("agents").select(columns).execute()).map(agentOfRow);
}

/** Writes an agent, new or changed; its inventory only where it is given. */
export async function writeAgent(db: Database, agent: AgentRecord, inventory?: AgentInventory): Promise<void> {
  const row = rowOfAgent(agent);
  const said = inventory === undefined ? {} : { inventory: JSON.stringify(inventory) };
  await db
    .insertInto("agents")
    .values({ ...row, inventory: "{}", ...said })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ ...row, ...said }))
    .execute();
}

/** What agents said of their machines, by agent. */
export async function readInventories(
  db: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, AgentInventory>> {
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom("agents").select(["id", "inventory"]).where("id", "in", ids).execute();
  return new Map(rows.map((row) => [row.id, JSON.parse(row.inventory) as AgentInventory]));
}

/** What of an agent's inventory is kept in memory. */
export interface AgentFacts {
  readonly inMemory: boolean;
  readonly linkBytesPerSecond: number | undefined;
}

/** What the links of a machine do together, in bytes a second; `undefined` where none says. */
export function linkOf({ nics = [] }: Partial<AgentInventory>): number | undefined {
  const megabits = nics.reduce((sum, nic) => sum + (nic.megabitsPerSecond ?? 0), 0);
  return megabits === 0 ? undefined : (megabits * 1e6) / 8;
}

/** What the enrolled agents said last. */
export async function readFacts(db: Database): Promise<ReadonlyMap<string, AgentFacts>> {
  const found = new Map<string, AgentFacts>();
  for (let after = ""; ;) {
    const rows = await db
      .selectFrom("agents")
      .select(["id", "inventory"])
      .where("state", "=", "enrolled")
      .where("id", ">", after)
      .orderBy("id")
      .limit(500)
      .execute();
    for (const row of rows) {
      const inventory = JSON.parse(row.inventory) as Partial<AgentInventory>;
      found.set(row.id, { inMemory: inventory.system === "ram", linkBytesPerSecond: linkOf(inventory) });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < 500) return found;
    after = last.id;
  }
}

/** Forgets agents. */
export async function deleteAgents(db: Database, ids: readonly string[]): Promise<void> {
  for (let at = 0; at < ids.length; at += 500) {
    await db
      .deleteFrom("agents")
      .where("id", "in", ids.slice(at, at + 500))
      .execute();
  }
}

function rowOfAgent(agent: AgentRecord): Omit<Insertable<AgentsTable>, "inventory"> {
  return {
    id: agent.id,
    fingerprint: agent.fingerprint,
    role: agent.role,
    state: agent.state,
    reason: agent.reason,
    machine_id: agent.machine ?? null,
    code: agent.code ?? null,
    address: agent.address ?? null,
    created_at: agent.createdAt,
    last_seen_at: agent.lastSeenAt,
  };
}

function agentOfRow(row: Omit<Selectable<AgentsTable>, "inventory">): AgentRecord {
  return {
    id: row.id,
    fingerprint: row.fingerprint,
    role: row.role as AgentRole,
    state: row.state as AgentState,
    reason: row.reason,
    machine: row.machine_id ?? undefined,
    code: row.code ?? undefined,
    address: row.address ?? undefined,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
  };
}
