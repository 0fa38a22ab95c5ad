import type { CreateMachine, Machine, PatchMachine } from "@ingot/api";
import { DecodeError, parseMac, parseUuid } from "@ingot/wire";
import type { Insertable, Updateable } from "kysely";
import type { BootTracker } from "./boot-tracker.ts";
import { type Clock, timeText } from "./clock.ts";
import { ControlError } from "./errors.ts";
import type { EventLog } from "./event-log.ts";
import { defaultMachineName, type Identity, identify } from "./identify.ts";
import { requireImage } from "./image-references.ts";
import { MAX_MACHINES } from "./limits.ts";
import type { LiveHub } from "./live-hub.ts";
import { columnsOf, emptyRow } from "./machine-columns.ts";
import { cleanFacts, type MachineFacts } from "./machine-facts.ts";
import type { MachineIndex } from "./machine-index.ts";
import {
  countMachines,
  deleteMachine,
  findCandidates,
  findMachine,
  findMacOwners,
  insertMachine,
  insertMacs,
  listMachines,
  type MachineQuery,
  type MachineRecord,
  readMachines,
  replaceMacs,
  updateMachine,
} from "./machine-store.ts";
import { machineOf } from "./machine-view.ts";
import { describePatch, normalizeReference, type ServerSettings } from "./server-settings.ts";
import type { Database, MachinesTable } from "./tables.ts";

/** What {@link Inventory} works with. */
export interface InventoryDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly settings: ServerSettings;
  readonly index: MachineIndex;
  readonly tracker: BootTracker;
  readonly events: EventLog;
  readonly hub: LiveHub;
}

/** The machines: found, registered, changed, removed. */
export class Inventory {
  readonly #deps: InventoryDeps;
  /** Clashes that the history has already, so that a machine that boots daily does not fill it. */
  readonly #reportedClashes = new Set<string>();

  constructor(deps: InventoryDeps) {
    this.#deps = deps;
  }

  /** One page of machines, by name. */
  async list(query: MachineQuery): Promise<Machine[]> {
    return (await listMachines(this.#deps.db, query)).map((record) => this.viewOf(record));
  }

  /** How many machines there are, in all or in one group. */
  async count(group?: string): Promise<number> {
    return countMachines(this.#deps.db, group);
  }

  /** The machine with this id, name or MAC address (any spelling). @throws ControlError `notFound`. */
  async get(key: string): Promise<Machine> {
    return this.viewOf(await this.record(key));
  }

  /** As {@link get}, in its stored form. @throws ControlError `notFound`. */
  async record(key: string): Promise<MachineRecord> {
    const record = await this.find(key);
    if (record === undefined)
      throw new ControlError("notFound", `machine ${JSON.stringify(key)}: not in the inventory`);
    return record;
  }

  /** As {@link record}, `undefined` where there is none. */
  async find(key: string): Promise<MachineRecord | undefined> {
    const { db } = this.#deps;
    const mac = macOf(key);
    return (await findMachine(db, key)) ?? (mac === undefined ? undefined : await findMachine(db, mac));
  }

  /** The machines with these ids as the API shows them. */
  async views(ids: readonly string[]): Promise<Machine[]> {
    return (await readMachines(this.#deps.db, ids)).map((record) => this.viewOf(record));
  }

  /** The machine as the API shows it. */
  viewOf(record: MachineRecord): Machine {
    return machineOf(record, this.#deps.settings.current, this.#deps.tracker.read(record.row.id));
  }

  /**
   * Finds the machine that says these things of itself, or takes it into the inventory. Registering changes nothing on any
   * machine. Called twice at once for one machine, it registers once.
   * @throws ControlError `registrationClosed`, `busy` where the inventory is full.
   */
  async identifyOrRegister(said: MachineFacts): Promise<MachineRecord> {
    const { db } = this.#deps;
    const facts = cleanFacts(said);
    const outcome = await db.transaction().execute(async (trx) => {
      const identity = identify(facts, await findCandidates(trx, facts));
      if (identity.kind === "known") {
        await updateMachine(trx, identity.id, this.#seen(facts, identity.learn));
        if (identity.learn.mac !== undefined) await insertMacs(trx, identity.id, [identity.learn.mac]);
        return { identity, id: identity.id };
      }
      if (this.#deps.settings.current.registration === "closed") return { identity, id: undefined };
      return { identity, id: await this.#insertNew(trx, facts, identity) };
    });
    if (outcome.id === undefined) throw await this.#refuse(facts);
    const record = await this.#reread(outcome.id);
    if (outcome.identity.kind === "new") {
      this.#deps.tracker.load(record.row);
      await this.#deps.events.record({
        kind: "machine.registered",
        machine: outcome.id,
        message: `${record.row.name} registered itself`,
        data: { mac: facts.mac ?? null, uuid: facts.uuid ?? null, product: facts.product ?? null },
      });
    }
    await this.#reportClash(record, outcome.identity, facts);
    await this.publish(outcome.id);
    return record;
  }

  /** Adds a machine by hand. @throws ControlError `conflict`, `notFound` (group or image). */
  async create(body: CreateMachine): Promise<Machine> {
    const { db, clock } = this.#deps;
    const macs = body.macs.map((mac) => parseMac(mac));
    const uuid = body.uuid === undefined ? undefined : parseUuid(body.uuid);
    const { id, gaveWay } = await db.transaction().execute(async (trx) => {
      await this.#checkReferences(trx, body);
      const name = body.name ?? (await freeName(trx, defaultMachineName({ mac: macs[0] })));
      const gaveWay = await this.#takeMacs(trx, macs, undefined);
      await checkNameIsFree(trx, name, undefined);
      const row: Insertable<MachinesTable> = {
        ...emptyRow(this.#newId(), name, timeText(clock.now())),
        group_name: body.group ?? null,
        site: body.site ?? null,
        comment: body.comment ?? null,
        uuid: uuid ?? null,
        plan: body.plan ?? null,
        image: body.image === undefined ? null : normalizeReference(body.image),
        mode: body.mode ?? null,
        quirks: JSON.stringify(body.quirks ?? {}),
        chap_user: body.chap?.user ?? null,
        chap_secret: body.chap?.secret ?? null,
      };
      await insertMachine(trx, row, [...new Set(macs)]);
      return { id: row.id, gaveWay };
    });
    gaveWay.forEach((other) => this.forget(other));
    const record = await this.#reread(id);
    this.#deps.tracker.load(record.row);
    await this.#deps.events.record({ kind: "machine.created", machine: id, message: `${record.row.name} was added` });
    return this.publish(id);
  }

  /** Changes a machine. @throws ControlError `notFound`, `conflict`. */
  async patch(key: string, body: PatchMachine): Promise<Machine> {
    const { db } = this.#deps;
    const { id, name } = (await this.record(key)).row;
    const gaveWay = await db.transaction().execute(async (trx) => {
      await this.#checkReferences(trx, body);
      let removed: string[] = [];
      if (body.name !== undefined) await checkNameIsFree(trx, body.name, id);
      if (body.macs !== undefined) {
        const macs = [...new Set(body.macs.map((mac) => parseMac(mac)))];
        removed = await this.#takeMacs(trx, macs, id);
        await replaceMacs(trx, id, macs);
      }
      await updateMachine(trx, id, columnsOf(body));
      return removed;
    });
    gaveWay.forEach((other) => this.forget(other));
    await this.#reread(id);
    await this.#deps.events.record({
      kind: "machine.changed",
      machine: id,
      message: `${name}: ${describePatch(body)}`,
    });
    return this.publish(id);
  }

  /** Takes a machine out of the inventory. The caller has thrown its disk away. */
  async remove(record: MachineRecord): Promise<void> {
    const { id, name } = record.row;
    await this.#deps.db.transaction().execute((trx) => deleteMachine(trx, id));
    this.forget(id);
    await this.#deps.events.record({ kind: "machine.removed", machine: id, message: `${name} was removed` });
  }

  /** Tells the live streams of a machine's new state. */
  async publish(id: string): Promise<Machine> {
    const [machine] = await this.views([id]);
    if (machine === undefined) throw new ControlError("notFound", `machine ${id}: was removed meanwhile`);
    this.#deps.hub.publish({ type: "machine", machine });
    return machine;
  }

  /** Takes a machine that is no longer stored out of memory. */
  forget(id: string): void {
    this.#deps.index.remove(id);
    this.#deps.tracker.remove(id);
    this.#deps.hub.publish({ type: "removed", what: "machine", id });
  }

  async #reread(id: string): Promise<MachineRecord> {
    const [record] = await readMachines(this.#deps.db, [id]);
    if (record === undefined) throw new ControlError("notFound", `machine ${id}: was removed meanwhile`);
    this.#deps.index.put(record);
    return record;
  }

  async #insertNew(trx: Database, facts: MachineFacts, identity: Identity & { kind: "new" }): Promise<string> {
    if (this.#deps.index.size >= MAX_MACHINES) {
      throw new ControlError(
        "busy",
        `the inventory is full: ${MAX_MACHINES} machines; remove some or close registration`,
      );
    }
    const macs = facts.mac === undefined || identity.withoutMac ? [] : [facts.mac];
    const name = await freeName(trx, defaultMachineName(identity.withoutMac ? { uuid: facts.uuid } : facts));
    const row = emptyRow(this.#newId(), name, timeText(this.#deps.clock.now()));
    await insertMachine(trx, { ...row, state: "new", untouched: 1 }, macs);
    await updateMachine(trx, row.id, this.#seen(facts, { uuid: facts.uuid, serial: facts.serial }));
    return row.id;
  }

  #seen(
    facts: MachineFacts,
    learn: { readonly uuid?: string | undefined; readonly serial?: string | undefined },
  ): Updateable<MachinesTable> {
    return {
      last_seen_at: timeText(this.#deps.clock.now()),
      ...(facts.address !== undefined && { address: facts.address }),
      ...(facts.firmware !== "unknown" && { firmware: facts.firmware }),
      ...(facts.manufacturer !== undefined && { manufacturer: facts.manufacturer }),
      ...(facts.product !== undefined && { product: facts.product }),
      ...(learn.uuid !== undefined && { uuid: learn.uuid }),
      ...(learn.serial !== undefined && { serial: learn.serial }),
    };
  }

  async #refuse(facts: MachineFacts): Promise<ControlError> {
    const who = facts.mac ?? facts.uuid ?? "unknown";
    if (!this.#reportedClashes.has(`refused ${who}`)) {
      this.#reportedClashes.add(`refused ${who}`);
      await this.#deps.events.record({
        kind: "machine.refused",
        message: `${who} was refused: registration is closed`,
        data: { mac: facts.mac ?? null },
      });
    }
    return new ControlError("registrationClosed", `machine ${who}: not in the inventory, and registration is closed`);
  }

  async #reportClash(record: MachineRecord, identity: Identity, facts: MachineFacts): Promise<void> {
    if (identity.clash.length === 0) return;
    const key = [record.row.id, ...identity.clash.toSorted()].join(" ");
    if (this.#reportedClashes.has(key)) return;
    if (this.#reportedClashes.size > MAX_MACHINES) this.#reportedClashes.clear();
    this.#reportedClashes.add(key);
    const others = (await readMachines(this.#deps.db, identity.clash)).map((other) => other.row.name);
    await this.#deps.events.record({
      kind: "machine.clash",
      machine: record.row.id,
      message: `${record.row.name} shares its MAC address or UUID with, or contradicts, ${others.join(", ")}; nothing was merged`,
      data: {
        mac: facts.mac ?? null,
        uuid: facts.uuid ?? null,
        serial: facts.serial ?? null,
        machines: identity.clash.join(" "),
      },
    });
  }

  async #checkReferences(trx: Database, body: CreateMachine | PatchMachine): Promise<void> {
    if (body.group !== undefined && body.group !== null) {
      const group = await trx
        .selectFrom("machine_groups")
        .select("name")
        .where("name", "=", body.group)
        .executeTakeFirst();
      if (group === undefined)
        throw new ControlError("notFound", `group ${JSON.stringify(body.group)}: there is none of that name`);
    }
    if (body.image !== undefined && body.image !== null) await requireImage(trx, body.image);
  }

  /**
   * Makes the MAC addresses free. A machine that only registered itself and that nobody touched gives way, for that is how a
   * replaced machine gets its old disk; the answer names such machines.
   */
  async #takeMacs(trx: Database, macs: readonly string[], forId: string | undefined): Promise<string[]> {
    const removed: string[] = [];
    for (const owner of await findMacOwners(trx, macs)) {
      if (owner.id === forId) continue;
      const [record] = await readMachines(trx, [owner.id]);
      const disk = await trx
        .selectFrom("disks")
        .select("machine_id")
        .where("machine_id", "=", owner.id)
        .executeTakeFirst();
      if (record === undefined || record.row.untouched === 0 || disk !== undefined) {
        throw new ControlError("conflict", `MAC address ${owner.mac}: belongs to machine ${owner.name}`, {
          details: { machine: owner.name },
        });
      }
      await deleteMachine(trx, owner.id);
      removed.push(owner.id);
    }
    return removed;
  }

  #newId(): string {
    return `m${this.#deps.random(8).toHex()}`;
  }
}

function macOf(text: string): string | undefined {
  try {
    return parseMac(text);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

async function freeName(db: Database, wanted: string): Promise<string> {
  for (let count = 1; ; count += 1) {
    const name = count === 1 ? wanted : `${wanted}-${count}`;
    const taken = await db.selectFrom("machines").select("id").where("name", "=", name).executeTakeFirst();
    if (taken === undefined) return name;
  }
}

async function checkNameIsFree(db: Database, name: string, forId: string | undefined): Promise<void> {
  const owner = await db.selectFrom("machines").select("id").where("name", "=", name).executeTakeFirst();
  if (owner !== undefined && owner.id !== forId) {
    throw new ControlError("conflict", `name ${name}: belongs to another machine`, { details: { machine: owner.id } });
  }
}
