import { ControlError } from "../errors.ts";
import type { Inventory } from "../inventory.ts";
import { listMachines, type MachineRecord } from "../machine-store.ts";
import type { Database } from "../tables.ts";

const machinesPerPage = 1000;

/**
 * The machines that an operator's list means, each once, by name. An entry is a machine (id, name, MAC address) or a group;
 * where both have the name, `machine:` or `group:` before it says which.
 * @throws ControlError `notFound`, `conflict` for a name that is both.
 */
export async function resolveTargets(
  db: Database,
  inventory: Inventory,
  to: readonly string[],
): Promise<MachineRecord[]> {
  const found = new Map<string, MachineRecord>();
  for (const entry of to)
    for (const record of await resolveTarget(db, inventory, entry)) found.set(record.row.id, record);
  return [...found.values()].toSorted((a, b) => (a.row.name < b.row.name ? -1 : 1));
}

async function resolveTarget(db: Database, inventory: Inventory, entry: string): Promise<readonly MachineRecord[]> {
  const [, prefix, name = ""] = /^(?:(machine|group):(?=[a-z0-9]))?(.*)$/.exec(entry) ?? [];
  const machine = prefix === "group" ? undefined : await inventory.find(name);
  const isGroup = prefix !== "machine" && (await hasGroup(db, name));
  if (machine !== undefined && isGroup) {
    throw new ControlError(
      "conflict",
      `${name}: a machine and a group have this name; write machine:${name} or group:${name}`,
    );
  }
  if (machine !== undefined) return [machine];
  if (!isGroup) throw new ControlError("notFound", `${JSON.stringify(entry)}: neither a machine nor a group`);
  const records: MachineRecord[] = [];
  for (let after: string | undefined; ;) {
    const page = await listMachines(db, { limit: machinesPerPage, after, group: name });
    records.push(...page);
    if (page.length < machinesPerPage) return records;
    after = page.at(-1)?.row.name;
  }
}

async function hasGroup(db: Database, name: string): Promise<boolean> {
  return (
    (await db.selectFrom("machine_groups").select("name").where("name", "=", name).executeTakeFirst()) !== undefined
  );
}
