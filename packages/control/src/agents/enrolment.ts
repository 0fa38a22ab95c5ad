import {
  AGENT_LOST_SECONDS,
  type Agent,
  type AgentInventory,
  type EnrolAnswer,
  type EnrolReason,
  type EnrolRequest,
  NAME_RULE,
} from "@ingot/api";
import { type Clock, timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import type { EventLog } from "../event-log.ts";
import type { Inventory } from "../inventory.ts";
import type { TaskDesk } from "../jobs/task-desk.ts";
import { MAX_AGENTS, MAX_WAITING_AGENTS } from "../limits.ts";
import type { MachineIndex } from "../machine-index.ts";
import { readMachines } from "../machine-store.ts";
import { KeyedMutex } from "../mutex.ts";
import { cardsOf } from "../recent-boots.ts";
import type { ServerSettings } from "../server-settings.ts";
import type { Database } from "../tables.ts";
import type { AgentConnection, AgentEntry, AgentRoster } from "./agent-roster.ts";
import type { AgentRecord } from "./agent-store.ts";
import type { AgentTokens } from "./agent-tokens.ts";
import type { MachineTrust } from "./machine-trust.ts";
import { codeOf, decideEnrolment, type EnrolDecision } from "./enrol-rules.ts";

/** What {@link Enrolment} works with. */
export interface EnrolmentDeps {
  readonly db: Database;
  readonly roster: AgentRoster;
  readonly clock: Clock;
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly settings: ServerSettings;
  readonly index: MachineIndex;
  readonly inventory: Inventory;
  readonly events: EventLog;
  readonly tasks: TaskDesk;
  readonly tokens: AgentTokens;
  readonly trust: MachineTrust;
}

/** Who is let in: agents that ask, and what operators say to that. */
export class Enrolment {
  readonly #deps: EnrolmentDeps;
  /** Enrolment of one machine takes turns. */
  readonly #mutex = new KeyedMutex();

  constructor(deps: EnrolmentDeps) {
    this.#deps = deps;
  }

  /** An agent asks to be let in. @throws ControlError `forbidden` without a key. */
  async enrol(from: AgentConnection, request: EnrolRequest, signingKey: string): Promise<EnrolAnswer> {
    if (!/^[0-9a-f]{64}$/.test(from.fingerprint)) throw new ControlError("forbidden", "the connection showed no key");
    return this.#mutex.run("enrol", async () => {
      const known = this.#deps.roster.find(from.fingerprint);
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
      const { trust } = this.#deps;
      const nowMs = this.#deps.clock.now();
      const holder = machine === undefined ? undefined : this.#holderOf(machine, from.fingerprint);
      const rival = machine === undefined ? undefined : this.#rivalOf(machine, from.fingerprint, request.inventory);
      const isVouchedFor = await this.#isVouchedFor(entry, machine, request.inventory);
      const decision = decideEnrolment({
        nowMs,
        mode: this.#deps.settings.current.enrolment,
        agent:
          known === undefined
            ? undefined
            : { state: known.record.state, isApproved: entry.isApproved, sinceMs: entry.sinceMs },
        token,
        isVouchedFor,
        hasRival: rival !== undefined,
        hasForerunner:
          machine !== undefined && this.#deps.index.boots.hasForerunner(machine, cardsOf(request.inventory), nowMs),
        holder: holder && {
          heardMs: holder.heardMs,
          sinceMs: holder.sinceMs,
          hasRestarted:
            machine !== undefined &&
            (await trust.hasRestarted(machine, request.inventory, { id: holder.record.id, heardMs: holder.heardMs })),
        },
      });
      entry.record = { ...entry.record, role: request.role, address: from.address };
      this.#deps.roster.hear(entry);
      // Whoever is let in keeps the machine it was let in for: facts that change are no way to another one.
      const target = entry.record.state === "enrolled" ? entry.record.machine : machine;
      await this.#carryOut(entry, decision, target, holder, rival, request.inventory);
      if (token === "accepted" && target !== undefined && entry.record.state === "enrolled")
        await trust.remember(target, request.inventory);
      return this.#answer(entry, decision, signingKey);
    });
  }

  /** An operator lets an agent in: by the code on its screen, its id, or its machine's name. @throws ControlError `notFound`, `conflict`. */
  async approve(who: string): Promise<Agent> {
    return this.#mutex.run("enrol", async () => {
      const entry = await this.#awaiting(who);
      const { machine } = entry.record;
      const holder = machine === undefined ? undefined : this.#holderOf(machine, entry.record.fingerprint);
      if (holder !== undefined) await this.#displace(holder);
      entry.isApproved = true;
      await this.#deps.roster.put(entry, { state: "enrolled", reason: "an operator let it in", code: undefined });
      if (machine !== undefined)
        await this.#deps.trust.remember(machine, (await this.#deps.roster.view(entry)).inventory);
      await this.#tell(entry, "agent.enrolled", "was let in by an operator");
      return this.#deps.roster.view(entry);
    });
  }

  /** An operator turns an agent away. @throws ControlError `notFound`. */
  async revoke(id: string): Promise<Agent> {
    return this.#mutex.run("enrol", async () => {
      const entry = this.#deps.roster.entries.find(({ record }) => record.id === id);
      if (entry === undefined) throw new ControlError("notFound", `agent ${JSON.stringify(id)}: there is none`);
      await this.#deps.roster.put(entry, { state: "revoked", reason: "an operator turned it away", code: undefined });
      if (entry.record.machine !== undefined) await this.#deps.trust.forget(entry.record.machine);
      await this.#tell(entry, "agent.revoked", "was turned away by an operator");
      return this.#deps.roster.view(entry);
    });
  }

  /** Whether the word that somebody gave for a machine holds for this agent; once it did, it is as good as its own. */
  async #isVouchedFor(entry: AgentEntry, machine: string | undefined, inventory: AgentInventory): Promise<boolean> {
    const { settings, trust } = this.#deps;
    const { state } = entry.record;
    const isAsked = settings.current.enrolment !== "open" && !entry.isApproved;
    if (machine === undefined || !isAsked || (state !== "waiting" && state !== "replaced")) return false;
    entry.isApproved = await trust.vouchesFor(machine, inventory, state === "replaced");
    return entry.isApproved;
  }

  #refuseForRoom(): EnrolAnswer | undefined {
    const counts = this.#deps.roster.counts();
    const waiting = (counts.get("waiting") ?? 0) + (counts.get("quarantined") ?? 0);
    if (this.#deps.roster.entries.length < MAX_AGENTS && waiting < MAX_WAITING_AGENTS) return undefined;
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

  #newEntry(id: string, from: AgentConnection, request: EnrolRequest): AgentEntry {
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

  /** An operator decided for another agent of its machine. One that is still there does not come back by itself. */
  async #displace(holder: AgentEntry): Promise<void> {
    const reason = "an operator let another agent in for its machine";
    const isThere = this.#deps.clock.now() - holder.heardMs < AGENT_LOST_SECONDS * 1000;
    holder.isApproved = false;
    if (isThere) await this.#deps.roster.put(holder, { state: "quarantined", reason, code: this.#newCode() });
    else await this.#deps.roster.put(holder, { state: "replaced", reason });
  }

  /** The enrolled agent of a machine, if it is another one. */
  #holderOf(machine: string, fingerprint: string): AgentEntry | undefined {
    return this.#deps.roster.entries.find(
      ({ record }) => record.machine === machine && record.state === "enrolled" && record.fingerprint !== fingerprint,
    );
  }

  /** Another computer that is about to be the same machine, or would be if it were let in; how people may find it. */
  #rivalOf(machine: string, fingerprint: string, inventory: AgentInventory): string | undefined {
    const nowMs = this.#deps.clock.now();
    const mac = this.#deps.index.boots.rivalOf(machine, cardsOf(inventory), nowMs);
    if (mac !== undefined) return `with the network card ${mac}`;
    const waiting = this.#deps.roster.entries.find(
      ({ record, heardMs }) =>
        record.machine === machine &&
        record.state === "quarantined" &&
        record.fingerprint !== fingerprint &&
        nowMs - heardMs < AGENT_LOST_SECONDS * 1000,
    );
    return waiting && `at ${waiting.record.address ?? "?"}`;
  }

  async #carryOut(
    entry: AgentEntry,
    decision: EnrolDecision,
    machine: string | undefined,
    holder: AgentEntry | undefined,
    rival: string | undefined,
    inventory: AgentInventory,
  ): Promise<void> {
    const before = entry.record.state;
    const isNew = this.#deps.roster.find(entry.record.fingerprint) === undefined;
    switch (decision.kind) {
      case "refuse":
        // Nothing is kept of strangers without a token: they can be made up without end.
        if (!isNew)
          await this.#deps.roster.put(
            entry,
            { state: "revoked" === before ? before : "waiting", reason: messages[decision.reason] },
            inventory,
          );
        return;
      case "wait":
        await this.#deps.roster.put(
          entry,
          { state: "waiting", machine, reason: messages[decision.reason], code: entry.record.code ?? this.#newCode() },
          inventory,
        );
        if (isNew && decision.reason === "approval")
          await this.#tell(entry, "agent.waiting", `waits to be let in: code ${entry.record.code}`);
        return;
      case "enrol":
        if (decision.replaces && holder !== undefined) {
          await this.#deps.roster.put(holder, { state: "replaced", reason: "its machine came back with another key" });
          await this.#tell(holder, "agent.replaced", "gave way to the agent that its machine started since");
        }
        await this.#deps.roster.put(
          entry,
          { state: "enrolled", machine, reason: "it is let in", code: undefined },
          inventory,
        );
        if (before !== "enrolled" || isNew)
          await this.#tell(entry, "agent.enrolled", `is let in from ${entry.record.address ?? "?"}`);
        return;
      case "quarantine":
        await this.#quarantine(entry, machine, decision.both ? holder : undefined, inventory);
        // The machine's own agent, where it has one, goes on. Otherwise nothing begins before somebody has decided.
        if (machine !== undefined && this.#holderOf(machine, entry.record.fingerprint) === undefined) {
          const other = decision.both ? `at ${holder?.record.address ?? "?"}` : (rival ?? "that is in quarantine, too");
          await this.#deps.tasks.fail(machine, {
            code: "identity-clash",
            message: `two computers say that they are this machine: one at ${entry.record.address ?? "?"}, and one ${other}`,
          });
        }
    }
  }

  /** `also`: the machine's agent, which is as new. */
  async #quarantine(
    entry: AgentEntry,
    machine: string | undefined,
    also: AgentEntry | undefined,
    inventory: AgentInventory,
  ): Promise<void> {
    if (entry.record.state === "quarantined") return;
    const reason = messages["identity-clash"];
    await this.#deps.roster.put(
      entry,
      { state: "quarantined", machine, reason, code: entry.record.code ?? this.#newCode() },
      inventory,
    );
    await this.#tell(
      entry,
      "agent.clash",
      `says that it is a machine that is there already; it waits as ${entry.record.code}`,
    );
    if (also === undefined) return;
    await this.#deps.roster.put(also, { state: "quarantined", reason, code: this.#newCode() });
  }

  async #answer(entry: AgentEntry, decision: EnrolDecision, signingKey: string): Promise<EnrolAnswer> {
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
    const taken = new Set(this.#deps.roster.entries.map(({ record }) => record.code));
    for (;;) {
      const code = codeOf(this.#deps.random(6));
      if (!taken.has(code)) return code;
    }
  }

  async #awaiting(who: string): Promise<AgentEntry> {
    const machine = (await this.#deps.inventory.find(who.toLowerCase()))?.row.id;
    const code = who.toUpperCase();
    const found = this.#deps.roster.entries.filter(
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

  async #tellReplay(entry: AgentEntry, from: AgentConnection): Promise<void> {
    await this.#deps.events.record({
      kind: "token.replayed",
      message: `a token that was used before was shown again, from ${from.address ?? "?"}`,
      data: { agent: entry.record.id, address: from.address ?? null },
    });
  }

  async #tell(
    entry: AgentEntry,
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
}

const messages: Readonly<Record<EnrolReason, string>> = {
  approval: "somebody has to let this machine in: ingot machine approve with the code on its screen",
  "identity-check": "another computer says that it is this machine; whether it is still there shows within two minutes",
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
    // Where somebody is about to decide, the machine is to notice soon.
    retryAfterSeconds: ["approval", "identity-check", "identity-clash"].includes(reason) ? 5 : 30,
  };
}
