import { AGENT_LOST_SECONDS, type Agent, type AgentInventory, type AgentState, type AgentSystem } from "@ingot/api";
import { type Clock, timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import { readMachines } from "../machine-store.ts";
import type { Database } from "../tables.ts";
import {
  type AgentRecord,
  deleteAgents,
  linkOf,
  listAgents,
  readFacts,
  readInventories,
  writeAgent,
} from "./agent-store.ts";

/** Agents that were not heard for this long are forgotten; one that comes back enrols again. */
const FORGET_AFTER_MS = 30 * 86_400_000;

/** How often the times at which agents were heard are written. */
const SAVE_EVERY_MS = 30_000;

const lostMs = AGENT_LOST_SECONDS * 1000;

/** Who proved a key, from where. */
export interface AgentConnection {
  /** SHA-256 of the public key that the connection showed, 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly address: string | undefined;
}

/** What {@link AgentRoster} works with. */
export interface AgentRosterDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** The agent of a machine says what its links do, in bytes a second. */
  readonly onLink: (machine: string, bytesPerSecond: number | undefined) => void;
}

/** An agent, and what is known of it right now. */
export interface AgentEntry {
  record: AgentRecord;
  heardMs: number;
  /** When it said its first word. */
  sinceMs: number;
  /** An operator let it in, or a token. */
  isApproved: boolean;
  /** It runs where a disk can be written. */
  inMemory: boolean;
  isUnsaved: boolean;
}

/** Every agent that the server knows: who has proved which key, for which machine, and when it was heard. */
export class AgentRoster {
  readonly #deps: AgentRosterDeps;
  readonly #byFingerprint = new Map<string, AgentEntry>();
  #cancelTimer: () => void = () => undefined;

  private constructor(deps: AgentRosterDeps) {
    this.#deps = deps;
  }

  /** Reads the agents, and forgets those that were not heard for a month. */
  static async open(deps: AgentRosterDeps): Promise<AgentRoster> {
    const agents = new AgentRoster(deps);
    const nowMs = deps.clock.now();
    const forgotten: string[] = [];
    const kept: AgentRecord[] = [];
    for (const record of await listAgents(deps.db)) {
      if (nowMs - Date.parse(record.lastSeenAt) > FORGET_AFTER_MS) forgotten.push(record.id);
      else kept.push(record);
    }
    await deleteAgents(deps.db, forgotten);
    const facts = await readFacts(deps.db);
    for (const record of kept) {
      agents.#byFingerprint.set(record.fingerprint, {
        record,
        heardMs: Date.parse(record.lastSeenAt),
        sinceMs: Date.parse(record.createdAt),
        isApproved: false,
        inMemory: facts.get(record.id)?.inMemory === true,
        isUnsaved: false,
      });
      agents.#tellLink(record, facts.get(record.id)?.linkBytesPerSecond);
    }
    return agents;
  }

  /** Writes from now on, now and then, when agents were heard. */
  start(): void {
    this.#cancelTimer = this.#deps.clock.setTimer(SAVE_EVERY_MS, () => {
      this.save().catch(this.#deps.onError);
      this.start();
    });
  }

  /** Stops and writes what is only in memory. Idempotent. */
  async close(): Promise<void> {
    this.#cancelTimer();
    await this.save();
  }

  /** Writes when agents were heard. */
  async save(): Promise<void> {
    const unsaved = [...this.#byFingerprint.values()].filter((entry) => entry.isUnsaved);
    for (const entry of unsaved) {
      entry.isUnsaved = false;
      entry.record = { ...entry.record, lastSeenAt: timeText(entry.heardMs) };
    }
    if (unsaved.length === 0) return;
    await this.#deps.db.transaction().execute(async (trx) => {
      for (const { record } of unsaved) {
        await trx.updateTable("agents").set({ last_seen_at: record.lastSeenAt }).where("id", "=", record.id).execute();
      }
    });
  }

  /** The agent with this key, where it is let in; it was heard. @throws ControlError `forbidden`. */
  admit(from: AgentConnection): AgentRecord {
    const entry = this.#byFingerprint.get(from.fingerprint);
    if (entry?.record.state !== "enrolled") {
      throw new ControlError("forbidden", "this agent is not enrolled: POST /agent/v1/enrol first");
    }
    this.hear(entry);
    return entry.record;
  }

  /** Where the agent runs: in memory, where the machine's disk can be written, or in the machine's own system. */
  presenceOf(agent: AgentRecord): AgentSystem {
    return this.#byFingerprint.get(agent.fingerprint)?.inMemory === true ? "ram" : "installed";
  }

  /** An agent says that it goes: whoever comes next for its machine is no clash. */
  left(agent: AgentRecord): void {
    const entry = this.#byFingerprint.get(agent.fingerprint);
    if (entry !== undefined) entry.heardMs = this.#deps.clock.now() - lostMs;
  }

  /** An agent says anew what its machine is made of. */
  async learn(agent: AgentRecord, inventory: AgentInventory): Promise<void> {
    const entry = this.#byFingerprint.get(agent.fingerprint);
    if (entry === undefined) return;
    entry.inMemory = inventory.system === "ram";
    await writeAgent(this.#deps.db, entry.record, inventory);
    this.#tellLink(entry.record, linkOf(inventory));
  }

  /** The agent with this key, whatever its state. */
  find(fingerprint: string): AgentEntry | undefined {
    return this.#byFingerprint.get(fingerprint);
  }

  /** Every agent. */
  get entries(): readonly AgentEntry[] {
    return [...this.#byFingerprint.values()];
  }

  /** One page of agents, by id. */
  async list(query: {
    readonly limit: number;
    readonly after?: string | undefined;
    readonly state?: AgentState | undefined;
  }): Promise<{ readonly found: Agent[]; readonly total: number }> {
    const all = [...this.#byFingerprint.values()].filter(
      ({ record }) => query.state === undefined || record.state === query.state,
    );
    const page = all
      .filter(({ record }) => record.id > (query.after ?? ""))
      .toSorted((a, b) => (a.record.id < b.record.id ? -1 : 1))
      .slice(0, query.limit);
    return { found: await this.#views(page), total: all.length };
  }

  /** Branch and switch of an agent, for the swarm: what the inventory says of its machine, else what it says itself. */
  async placeOf(agent: AgentRecord): Promise<{ readonly site: string; readonly switchName: string | undefined }> {
    const [machine] = agent.machine === undefined ? [] : await readMachines(this.#deps.db, [agent.machine]);
    const said = (await readInventories(this.#deps.db, [agent.id])).get(agent.id);
    return { site: machine?.row.site ?? said?.site ?? "", switchName: said?.switchName };
  }

  /** How many agents are in which state. */
  counts(): ReadonlyMap<AgentState, number> {
    const counts = new Map<AgentState, number>();
    for (const { record } of this.#byFingerprint.values())
      counts.set(record.state, (counts.get(record.state) ?? 0) + 1);
    return counts;
  }

  /** An agent was heard. */
  hear(entry: AgentEntry): void {
    entry.heardMs = this.#deps.clock.now();
    entry.isUnsaved = true;
  }

  /** Changes an agent, or takes a new one in: durably, then visibly. */
  async put(entry: AgentEntry, changes: Partial<AgentRecord>, inventory?: AgentInventory): Promise<void> {
    const record = { ...entry.record, ...changes, lastSeenAt: timeText(entry.heardMs) };
    await writeAgent(this.#deps.db, record, inventory);
    entry.record = record;
    entry.isUnsaved = false;
    this.#byFingerprint.set(record.fingerprint, entry);
    if (inventory !== undefined) this.#tellLink(record, linkOf(inventory));
  }

  /** The agent as the API shows it. */
  async view(entry: AgentEntry): Promise<Agent> {
    const [view] = await this.#views([entry]);
    if (view === undefined) throw new ControlError("notFound", `agent ${entry.record.id}: is gone`);
    return view;
  }

  #tellLink({ machine, state }: AgentRecord, bytesPerSecond: number | undefined): void {
    if (machine !== undefined && state === "enrolled") this.#deps.onLink(machine, bytesPerSecond);
  }

  async #views(entries: readonly AgentEntry[]): Promise<Agent[]> {
    const { db, clock } = this.#deps;
    const inventories = await readInventories(
      db,
      entries.map(({ record }) => record.id),
    );
    const machines = await readMachines(db, [...new Set(entries.flatMap(({ record }) => record.machine ?? []))]);
    const names = new Map(machines.map(({ row }) => [row.id, row.name]));
    return entries.flatMap(({ record, heardMs }) => {
      const inventory = inventories.get(record.id);
      if (inventory === undefined) return [];
      const { machine } = record;
      return [
        {
          ...record,
          machineName: machine === undefined ? undefined : names.get(machine),
          isLive: record.state === "enrolled" && clock.now() - heardMs < lostMs,
          lastSeenAt: timeText(heardMs),
          inventory,
        },
      ];
    });
  }
}
