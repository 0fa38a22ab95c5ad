import {
  AGENT_LOST_SECONDS,
  type Agent,
  type AgentInventory,
  type AgentState,
  type EnrolAnswer,
  type EnrolReason,
  type EnrolRequest,
  NAME_RULE,
} from "@ingot/api";
import { type Clock, timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import type { EventLog } from "../event-log.ts";
import type { Inventory } from "../inventory.ts";
import type { Jobs } from "../jobs/jobs.ts";
import { MAX_AGENTS, MAX_WAITING_AGENTS } from "../limits.ts";
import type { MachineIndex } from "../machine-index.ts";
import { readMachines } from "../machine-store.ts";
import { KeyedMutex } from "../mutex.ts";
import type { ServerSettings } from "../server-settings.ts";
import type { Database } from "../tables.ts";
import {
  agentsInMemory,
  type AgentRecord,
  deleteAgents,
  listAgents,
  readInventories,
  writeAgent,
} from "./agent-store.ts";
import type { AgentTokens } from "./agent-tokens.ts";
import { codeOf, decideEnrolment, type EnrolDecision } from "./enrol-rules.ts";

/** Agents that were not heard for this long are forgotten; one that comes back enrols again. */
const FORGET_AFTER_MS = 30 * 86_400_000;

/** How often the times at which agents were heard are written. */
const SAVE_EVERY_MS = 30_000;

const lostMs = AGENT_LOST_SECONDS * 1000;

/** What {@link Agents} works with. */
export interface AgentsDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly settings: ServerSettings;
  readonly index: MachineIndex;
  readonly inventory: Inventory;
  readonly events: EventLog;
  readonly jobs: Jobs;
  readonly tokens: AgentTokens;
  readonly onError: (error: unknown) => void;
}

/** Who proved a key, from where. */
export interface AgentConnection {
  /** SHA-256 of the public key that the connection showed, 64 hexadecimal digits. */
  readonly fingerprint: string;
  readonly address: string | undefined;
}

interface Entry {
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

/** The agents: who has proved which key, for which machine, and who may not come in. */
export class Agents {
  readonly #deps: AgentsDeps;
  readonly #byFingerprint = new Map<string, Entry>();
  /** Enrolment of one machine takes turns. */
  readonly #mutex = new KeyedMutex();
  #cancelTimer: () => void = () => undefined;

  private constructor(deps: AgentsDeps) {
    this.#deps = deps;
  }

  /** Reads the agents, and forgets those that were not heard for a month. */
  static async open(deps: AgentsDeps): Promise<Agents> {
    const agents = new Agents(deps);
    const nowMs = deps.clock.now();
    const forgotten: string[] = [];
    const kept: AgentRecord[] = [];
    for (const record of await listAgents(deps.db)) {
      if (nowMs - Date.parse(record.lastSeenAt) > FORGET_AFTER_MS) forgotten.push(record.id);
      else kept.push(record);
    }
    await deleteAgents(deps.db, forgotten);
    const inMemory = await agentsInMemory(deps.db);
    for (const record of kept) {
      agents.#byFingerprint.set(record.fingerprint, {
        record,
        heardMs: Date.parse(record.lastSeenAt),
        sinceMs: Date.parse(record.createdAt),
        isApproved: false,
        inMemory: inMemory.has(record.id),
        isUnsaved: false,
      });
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
    this.#hear(entry);
    return entry.record;
  }

  /** Whether the agent runs where a machine's disk can be written. */
  canBegin(agent: AgentRecord): boolean {
    return this.#byFingerprint.get(agent.fingerprint)?.inMemory === true;
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
  }

  /** An agent asks to be let in. @throws ControlError `forbidden` without a key. */
  async enrol(from: AgentConnection, request: EnrolRequest, signingKey: string): Promise<EnrolAnswer> {
    if (!/^[0-9a-f]{64}$/.test(from.fingerprint)) throw new ControlError("forbidden", "the connection showed no key");
    return this.#mutex.run("enrol", async () => {
      const known = this.#byFingerprint.get(from.fingerprint);
      if (known === undefined) {
        const refusal = this.#refuseForRoom();
        if (refusal !== undefined) return refusal;
      }
      const said = request.role === "peer" ? undefined : await this.#machineOf(from, request.inventory);
      if (said === "closed")
        return turnedAway("refused", "registration-closed", "unknown machine, and registration is closed");
      const machine = said?.id;
      const id = known?.record.id ?? `a${this.#deps.random(8).toHex()}`;
      const entry = known ?? this.#newEntry(id, from, request);
      // It comes back after another one took its machine over: a newcomer again.
      if (entry.record.state === "replaced") entry.sinceMs = this.#deps.clock.now();
      entry.inMemory = request.inventory.system === "ram";
      const token =
        request.token === undefined || entry.record.state === "enrolled"
          ? undefined
          : await this.#deps.tokens.use(request.token, id);
      if (token === "replayed") await this.#tellReplay(entry, from);
      if (token === "accepted") entry.isApproved = true;
      const holder = machine === undefined ? undefined : this.#holderOf(machine, from.fingerprint);
      const decision = decideEnrolment({
        nowMs: this.#deps.clock.now(),
        mode: this.#deps.settings.current.enrolment,
        agent:
          known === undefined
            ? undefined
            : { state: known.record.state, isApproved: entry.isApproved, sinceMs: entry.sinceMs },
        token,
        holder,
      });
      entry.record = { ...entry.record, role: request.role, address: from.address };
      this.#hear(entry);
      // Whoever is let in keeps the machine it was let in for: facts that change are no way to another one.
      const target = entry.record.state === "enrolled" ? entry.record.machine : machine;
      await this.#carryOut(entry, decision, target, holder, request.inventory);
      return this.#answer(entry, decision, signingKey);
    });
  }

  /** An operator lets an agent in: by the code on its screen, its id, or its machine's name. @throws ControlError `notFound`, `conflict`. */
  async approve(who: string): Promise<Agent> {
    return this.#mutex.run("enrol", async () => {
      const entry = await this.#awaiting(who);
      const { machine } = entry.record;
      const holder = machine === undefined ? undefined : this.#holderOf(machine, entry.record.fingerprint);
      if (holder !== undefined)
        await this.#put(holder, { state: "replaced", reason: "an operator let another agent in for its machine" });
      entry.isApproved = true;
      await this.#put(entry, { state: "enrolled", reason: "an operator let it in", code: undefined });
      await this.#tell(entry, "agent.enrolled", "was let in by an operator");
      return this.#view(entry);
    });
  }

  /** An operator turns an agent away. @throws ControlError `notFound`. */
  async revoke(id: string): Promise<Agent> {
    return this.#mutex.run("enrol", async () => {
      const entry = [...this.#byFingerprint.values()].find(({ record }) => record.id === id);
      if (entry === undefined) throw new ControlError("notFound", `agent ${JSON.stringify(id)}: there is none`);
      await this.#put(entry, { state: "revoked", reason: "an operator turned it away", code: undefined });
      await this.#tell(entry, "agent.revoked", "was turned away by an operator");
      return this.#view(entry);
    });
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

  #hear(entry: Entry): void {
    entry.heardMs = this.#deps.clock.now();
    entry.isUnsaved = true;
  }

  #refuseForRoom(): EnrolAnswer | undefined {
    const counts = this.counts();
    const waiting = (counts.get("waiting") ?? 0) + (counts.get("quarantined") ?? 0);
    if (this.#byFingerprint.size < MAX_AGENTS && waiting < MAX_WAITING_AGENTS) return undefined;
    return turnedAway("refused", "full", "this server knows as many agents as it can");
  }

  async #machineOf(from: AgentConnection, inventory: AgentInventory): Promise<{ readonly id: string } | "closed"> {
    const { nics, uuid, serial, manufacturer, product, firmware } = inventory;
    const mac = nics.find((nic) => this.#deps.index.byMac(nic.mac) !== undefined)?.mac ?? nics[0]?.mac;
    try {
      const said = { mac, uuid, serial, manufacturer, product, firmware, address: from.address };
      return { id: (await this.#deps.inventory.identifyOrRegister(said)).row.id };
    } catch (error) {
      if (error instanceof ControlError && error.code === "registrationClosed") return "closed";
      throw error;
    }
  }

  #newEntry(id: string, from: AgentConnection, request: EnrolRequest): Entry {
    const nowMs = this.#deps.clock.now();
    const at = timeText(nowMs);
    const record: AgentRecord = {
      id,
      fingerprint: from.fingerprint,
      role: request.role,
      state: "waiting",
      reason: "it has just asked",
      machine: undefined,
      code: undefined,
      address: from.address,
      createdAt: at,
      lastSeenAt: at,
    };
    return { record, heardMs: nowMs, sinceMs: nowMs, isApproved: false, inMemory: false, isUnsaved: false };
  }

  /** The enrolled agent of a machine, if it is another one. */
  #holderOf(machine: string, fingerprint: string): Entry | undefined {
    return [...this.#byFingerprint.values()].find(
      ({ record }) => record.machine === machine && record.state === "enrolled" && record.fingerprint !== fingerprint,
    );
  }

  async #carryOut(
    entry: Entry,
    decision: EnrolDecision,
    machine: string | undefined,
    holder: Entry | undefined,
    inventory: AgentInventory,
  ): Promise<void> {
    const before = entry.record.state;
    const isNew = !this.#byFingerprint.has(entry.record.fingerprint);
    switch (decision.kind) {
      case "refuse":
        // Nothing is kept of strangers without a token: they can be made up without end.
        if (!isNew)
          await this.#put(
            entry,
            { state: "revoked" === before ? before : "waiting", reason: messages[decision.reason] },
            inventory,
          );
        return;
      case "wait":
        await this.#put(
          entry,
          { state: "waiting", machine, reason: messages[decision.reason], code: entry.record.code ?? this.#newCode() },
          inventory,
        );
        if (isNew && decision.reason === "approval")
          await this.#tell(entry, "agent.waiting", `waits to be let in: code ${entry.record.code}`);
        return;
      case "enrol":
        if (decision.replaces && holder !== undefined) {
          await this.#put(holder, { state: "replaced", reason: "its machine came back with another key" });
          await this.#tell(holder, "agent.replaced", "gave way to the agent that its machine started since");
        }
        await this.#put(entry, { state: "enrolled", machine, reason: "it is let in", code: undefined }, inventory);
        if (before !== "enrolled" || isNew)
          await this.#tell(entry, "agent.enrolled", `is let in from ${entry.record.address ?? "?"}`);
        return;
      case "quarantine":
        await this.#quarantine(entry, decision.both, machine, holder, inventory);
    }
  }

  async #quarantine(
    entry: Entry,
    both: boolean,
    machine: string | undefined,
    holder: Entry | undefined,
    inventory: AgentInventory,
  ): Promise<void> {
    if (entry.record.state === "quarantined") return;
    const reason = messages["identity-clash"];
    await this.#put(
      entry,
      { state: "quarantined", machine, reason, code: entry.record.code ?? this.#newCode() },
      inventory,
    );
    await this.#tell(
      entry,
      "agent.clash",
      `says that it is a machine that is there already; it waits as ${entry.record.code}`,
    );
    if (!both || holder === undefined || machine === undefined) return;
    await this.#put(holder, { state: "quarantined", reason, code: this.#newCode() });
    const where = `${entry.record.address ?? "?"} and ${holder.record.address ?? "?"}`;
    await this.#deps.jobs.fail(machine, {
      code: "identity-clash",
      message: `two computers, at ${where}, say that they are this machine`,
    });
  }

  async #put(entry: Entry, changes: Partial<AgentRecord>, inventory?: AgentInventory): Promise<void> {
    const record = { ...entry.record, ...changes, lastSeenAt: timeText(entry.heardMs) };
    await writeAgent(this.#deps.db, record, inventory);
    entry.record = record;
    entry.isUnsaved = false;
    this.#byFingerprint.set(record.fingerprint, entry);
  }

  async #answer(entry: Entry, decision: EnrolDecision, signingKey: string): Promise<EnrolAnswer> {
    const { record } = entry;
    switch (decision.kind) {
      case "enrol": {
        const [machine] = record.machine === undefined ? [] : await readMachines(this.#deps.db, [record.machine]);
        return {
          state: "enrolled",
          agentId: record.id,
          machineId: record.machine,
          machineName: machine?.row.name,
          signingKey,
          serverTime: timeText(this.#deps.clock.now()),
        };
      }
      case "wait": {
        const code = decision.reason === "approval" ? record.code : undefined;
        return turnedAway("waiting", decision.reason, messages[decision.reason], code);
      }
      case "refuse":
        return turnedAway("refused", decision.reason, messages[decision.reason]);
      case "quarantine":
        return turnedAway("refused", "identity-clash", messages["identity-clash"], record.code);
    }
  }

  #newCode(): string {
    const taken = new Set([...this.#byFingerprint.values()].map(({ record }) => record.code));
    for (;;) {
      const code = codeOf(this.#deps.random(6));
      if (!taken.has(code)) return code;
    }
  }

  async #awaiting(who: string): Promise<Entry> {
    const machine = (await this.#deps.inventory.find(who.toLowerCase()))?.row.id;
    const code = who.toUpperCase();
    const found = [...this.#byFingerprint.values()].filter(
      ({ record }) =>
        (record.state === "waiting" || record.state === "quarantined") &&
        (record.code === code || record.id === who || (machine !== undefined && record.machine === machine)),
    );
    const [only] = found;
    if (only === undefined)
      throw new ControlError(
        "notFound",
        `${JSON.stringify(who)}: no agent waits with this code, for this machine (${NAME_RULE}), or with this id`,
      );
    if (found.length === 1) return only;
    const codes = found.map(({ record }) => record.code ?? record.id).join(", ");
    throw new ControlError(
      "conflict",
      `${who}: ${found.length} agents say that they are this machine; say which by its code: ${codes}`,
    );
  }

  async #tellReplay(entry: Entry, from: AgentConnection): Promise<void> {
    await this.#deps.events.record({
      kind: "token.replayed",
      message: `a token that was used before was shown again, from ${from.address ?? "?"}`,
      data: { agent: entry.record.id, address: from.address ?? null },
    });
  }

  async #tell(
    entry: Entry,
    kind: "agent.enrolled" | "agent.waiting" | "agent.clash" | "agent.replaced" | "agent.revoked",
    what: string,
  ): Promise<void> {
    const { id, machine, fingerprint, address } = entry.record;
    const [record] = machine === undefined ? [] : await readMachines(this.#deps.db, [machine]);
    await this.#deps.events.record({
      kind,
      machine,
      message: `agent ${id}${record === undefined ? "" : ` of ${record.row.name}`} ${what}`,
      data: { agent: id, fingerprint, address: address ?? null },
    });
  }

  async #view(entry: Entry): Promise<Agent> {
    const [view] = await this.#views([entry]);
    if (view === undefined) throw new ControlError("notFound", `agent ${entry.record.id}: is gone`);
    return view;
  }

  async #views(entries: readonly Entry[]): Promise<Agent[]> {
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

const messages: Readonly<Record<EnrolReason, string>> = {
  approval: "somebody has to let this machine in: ingot machine approve with the code on its screen",
  "identity-check": "another agent says that it is this machine; whether it is still there shows within half a minute",
  "identity-clash":
    "two computers say that they are this machine; somebody has to decide: ingot machine approve with the code on its screen",
  "token-missing": "this server asks for a one-time token: ingot agent-token create",
  "token-wrong": "the token is not one of this server's, is out of date, or was used before",
  "registration-closed": "unknown machine, and registration is closed",
  full: "this server knows as many agents as it can",
  revoked: "an operator turned this agent away",
};

function turnedAway(state: "waiting" | "refused", reason: EnrolReason, message: string, code?: string): EnrolAnswer {
  return {
    state,
    reason,
    message,
    ...(code !== undefined && { code }),
    retryAfterSeconds: reason === "approval" || reason === "identity-check" ? 5 : 30,
  };
}
