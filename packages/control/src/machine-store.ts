import type { BootSettings, MachineQuirks } from "@ingot/api";
import type { Insertable, Selectable, Updateable } from "kysely";
import type { IdentityCandidate, IdentityFacts } from "./identify.ts";
import { swapUuid } from "./identify.ts";
import { settingsOfRow } from "./settings-rules.ts";
import type { Database, MachinesTable } from "./tables.ts";

/** A machine as it is stored, with its group's settings. */
export interface MachineRecord {
  readonly row: Selectable<MachinesTable>;
  readonly macs: readonly string[];
  readonly own: BootSettings;
  readonly group: BootSettings;
  readonly quirks: MachineQuirks;
}

/** Which machines are wanted, by name ascending. */
export interface MachineQuery {
  readonly limit: number;
  /** Only names after this one. */
  readonly after?: string | undefined;
  readonly group?: string | undefined;
}

/** How many ids one `IN` list holds: well under the variable limit of every database. */
const idsPerQuery = 1000;

/** One page of machines. */
export async function listMachines(db: Database, query: MachineQuery): Promise<MachineRecord[]> {
  let select = selectMachines(db).orderBy("machines.name").limit(query.limit);
  if (query.after !== undefined) select = select.where("machines.name", ">", query.after);
  if (query.group !== undefined) select = select.where("machines.group_name", "=", query.group);
  return withMacs(db, await select.execute());
}

/** How many machines there are, in all or in one group. */
export async function countMachines(db: Database, group?: string): Promise<number> {
  let select = db.selectFrom("machines").select(({ fn }) => fn.countAll().as("count"));
  if (group !== undefined) select = select.where("group_name", "=", group);
  return Number((await select.executeTakeFirstOrThrow()).count);
}

/** The machines with these ids, in no order; ids that are not there are left out. */
export async function readMachines(db: Database, ids: readonly string[]): Promise<MachineRecord[]> {
  const records: MachineRecord[] = [];
  for (let at = 0; at < ids.length; at += idsPerQuery) {
    const rows = await selectMachines(db)
      .where("machines.id", "in", ids.slice(at, at + idsPerQuery))
      .execute();
    records.push(...(await withMacs(db, rows)));
  }
  return records;
}

/** The machine with this id, name or MAC address (in the product's spelling). */
export async function findMachine(db: Database, key: string): Promise<MachineRecord | undefined> {
  const owner = await db.selectFrom("macs").select("machine_id").where("mac", "=", key).executeTakeFirst();
  const rows = await selectMachines(db)
    .where((where) => where.or([where("machines.id", "=", owner?.machine_id ?? key), where("machines.name", "=", key)]))
    .execute();
  const [record] = await withMacs(db, rows.filter((row) => row.id === (owner?.machine_id ?? key)).concat(rows));
  return record;
}

/** Everyone who shares a MAC address, UUID or serial number with the facts. */
export async function findCandidates(db: Database, facts: IdentityFacts): Promise<IdentityCandidate[]> {
  const ids = new Set<string>();
  if (facts.mac !== undefined) {
    const owners = await db.selectFrom("macs").select("machine_id").where("mac", "=", facts.mac).execute();
    for (const owner of owners) ids.add(owner.machine_id);
  }
  if (facts.uuid !== undefined) {
    const spellings = [facts.uuid, swapUuid(facts.uuid)];
    const twins = await db.selectFrom("machines").select("id").where("uuid", "in", spellings).limit(10).execute();
    for (const twin of twins) ids.add(twin.id);
  }
  const records = await readMachines(db, [...ids]);
  return records.map((record) => ({
    id: record.row.id,
    macs: record.macs,
    uuid: record.row.uuid ?? undefined,
    serial: record.row.serial ?? undefined,
  }));
}

/** Who owns these MAC addresses already. */
export async function findMacOwners(
  db: Database,
  macs: readonly string[],
): Promise<{ mac: string; id: string; name: string }[]> {
  return db
    .selectFrom("macs")
    .innerJoin("machines", "machines.id", "macs.machine_id")
    .select(["macs.mac", "machines.id", "machines.name"])
    .where("macs.mac", "in", macs)
    .execute();
}

/** Writes a new machine with its MAC addresses. */
export async function insertMachine(
  db: Database,
  row: Insertable<MachinesTable>,
  macs: readonly string[],
): Promise<void> {
  await db.insertInto("machines").values(row).execute();
  await insertMacs(db, row.id, macs);
}

/** Changes columns of a machine. */
export async function updateMachine(db: Database, id: string, changes: Updateable<MachinesTable>): Promise<void> {
  if (Object.keys(changes).length === 0) return;
  await db.updateTable("machines").set(changes).where("id", "=", id).execute();
}

/** Gives a machine exactly these MAC addresses. */
export async function replaceMacs(db: Database, id: string, macs: readonly string[]): Promise<void> {
  await db.deleteFrom("macs").where("machine_id", "=", id).execute();
  await insertMacs(db, id, macs);
}

/** Adds MAC addresses. */
export async function insertMacs(db: Database, id: string, macs: readonly string[]): Promise<void> {
  if (macs.length === 0) return;
  await db
    .insertInto("macs")
    .values(macs.map((mac) => ({ mac, machine_id: id })))
    .execute();
}

/** Takes a machine out of the inventory, with what refers to it. */
export async function deleteMachine(db: Database, id: string): Promise<void> {
  await db.deleteFrom("disks").where("machine_id", "=", id).execute();
  await db.deleteFrom("macs").where("machine_id", "=", id).execute();
  await db.deleteFrom("machines").where("id", "=", id).execute();
}

type JoinedRow = Selectable<MachinesTable> & {
  readonly group_plan: string | null;
  readonly group_image: string | null;
  readonly group_mode: string | null;
};

function selectMachines(db: Database) {
  return db
    .selectFrom("machines")
    .leftJoin("machine_groups", "machine_groups.name", "machines.group_name")
    .selectAll("machines")
    .select([
      "machine_groups.plan as group_plan",
      "machine_groups.image as group_image",
      "machine_groups.mode as group_mode",
    ]);
}

async function withMacs(db: Database, rows: readonly JoinedRow[]): Promise<MachineRecord[]> {
  const macs = new Map<string, string[]>();
  for (let at = 0; at < rows.length; at += idsPerQuery) {
    const ids = rows.slice(at, at + idsPerQuery).map((row) => row.id);
    const found = await db.selectFrom("macs").selectAll().where("machine_id", "in", ids).orderBy("mac").execute();
    for (const { mac, machine_id } of found) macs.set(machine_id, [...(macs.get(machine_id) ?? []), mac]);
  }
  return rows.map((row) => ({
    row,
    macs: macs.get(row.id) ?? [],
    own: settingsOfRow(row),
    group: settingsOfRow({ plan: row.group_plan, image: row.group_image, mode: row.group_mode }),
    quirks: JSON.parse(row.quirks) as MachineQuirks,
  }));
}
