import {
  type AgentPlan,
  type BootPlan,
  type BootReport,
  formatImageReference,
  type Image,
  isAgentPlan,
  type Machine,
  parseImageReference,
} from "@ingot/api";
import {
  type AgentScriptInput,
  agentScript,
  type BootPrograms,
  type BootServer,
  disklessScript,
  handoverScript,
  localScript,
  MAX_MENU_ENTRIES,
  menuScript,
  type NextStep,
  type NextStepInput,
  nextStep,
  type PlanKind,
  type Quirks,
  refusalScript,
  replaceScript,
  type ScriptStage,
} from "@ingot/netboot";
import { type Ipv4, type Ipv4Network, type Mac, networkContains } from "@ingot/wire";
import { formatBootTarget } from "./boot-target.ts";
import type { BootTracker } from "./boot-tracker.ts";
import type { Clock } from "./clock.ts";
import type { Disks } from "./disks.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { ControlError } from "./errors.ts";
import { sameUuid } from "./identify.ts";
import { type ResolvedVersion, resolveImage } from "./image-references.ts";
import type { ImageRegistry } from "./image-registry.ts";
import type { Inventory } from "./inventory.ts";
import type { MachineFacts } from "./machine-facts.ts";
import type { IndexedMachine, MachineIndex } from "./machine-index.ts";
import type { MachineRecord } from "./machine-store.ts";
import { effectiveOf } from "./machine-view.ts";
import { Preludes } from "./prelude.ts";
import type { ServerSettings } from "./server-settings.ts";
import { resolveSettings } from "./settings-rules.ts";
import type { Database } from "./tables.ts";

/** How long a boot menu waits before it takes its default. */
const menuTimeoutMs = 30_000;

/** What a machine asks for when it asks for its script. */
export interface ScriptRequest extends MachineFacts {
  readonly mac: Mac;
  readonly stage?: ScriptStage | undefined;
  /** What was chosen in the menu. */
  readonly image?: string | undefined;
  /** The script before this one could not boot the disk. */
  readonly failed: boolean;
}

/** Where machines find the boot services and their disks. */
export interface BootNetwork {
  readonly server: BootServer;
  /** The iSCSI portal. */
  readonly disk: { readonly address: Ipv4; readonly port: number };
  /** The boot interface's subnet; machines in it reach their disk without a router. */
  readonly subnet?: Ipv4Network | undefined;
  readonly programs?: BootPrograms | undefined;
  /** Where the agent's system finds the server; absent: there is no such system here. */
  readonly agents?: AgentScriptInput["agents"] | undefined;
}

/** What {@link Boots} works with. */
export interface BootsDeps<Device extends OpenDisk> {
  readonly db: Database;
  readonly clock: Clock;
  readonly settings: ServerSettings;
  readonly inventory: Inventory;
  readonly index: MachineIndex;
  readonly images: ImageRegistry;
  readonly disks: Disks<Device>;
  readonly tracker: BootTracker;
  readonly network: BootNetwork;
  /** The plan that a machine's task asks for; `undefined` where it has none to do. */
  readonly planOf: (machineId: string) => AgentPlan | undefined;
  /** Called when a machine said that it is up. */
  readonly onUp: (machineId: string) => void;
}

/** Answers machines that boot: by DHCP, by script; and hears what they report. */
export class Boots<Device extends OpenDisk> {
  readonly #deps: BootsDeps<Device>;
  readonly #preludes = new Preludes();

  constructor(deps: BootsDeps<Device>) {
    this.#deps = deps;
  }

  /**
   * What a machine that asks by DHCP gets. Answers at once, from memory, and never throws. An unknown machine gets its way to
   * a script as well: only there it says enough of itself to be registered.
   */
  answerDhcp(facts: NextStepInput["facts"]): NextStep {
    const { network } = this.#deps;
    const machine = facts.mac === undefined ? undefined : this.#deps.index.byMac(facts.mac);
    const step = nextStep({
      facts,
      plan: this.#planOf(machine, facts.uuid),
      server: network.server,
      quirks: quirksOf(machine),
      ...(network.programs !== undefined && { programs: network.programs }),
    });
    if (step.kind === "answer" && facts.mac !== undefined) {
      const fact = { kind: "dhcp", detail: step.answer.summary } as const;
      // A UUID that speaks against it: another computer behind the same dock, perhaps.
      const certain =
        machine !== undefined &&
        (facts.uuid === undefined || machine.uuid === undefined || sameUuid(facts.uuid, machine.uuid));
      if (certain) this.#deps.tracker.record(machine.id, fact);
      else this.#preludes.add(facts.mac, fact, this.#deps.clock.now());
      const address = facts.leasedAddress ?? facts.ciaddr;
      if (certain && address !== undefined) this.#deps.index.setAddress(machine.id, address);
    }
    return step;
  }

  /** Notes that a boot program was read from `address`. Call once for each file that was read to its end. */
  recordFile(file: { readonly address: string; readonly protocol: "tftp" | "http"; readonly name: string }): void {
    const fact = { kind: "file", protocol: file.protocol, name: file.name } as const;
    const id = this.#deps.index.byAddress(file.address);
    const boot = id === undefined ? undefined : this.#deps.tracker.read(id);
    // An address may have gone to another machine: only one that has just asked by DHCP is believed to be reading.
    const begun = boot?.state === "booting" && boot.boot?.stages.every((entry) => entry.stage !== "script") === true;
    if (id !== undefined && begun) this.#deps.tracker.record(id, fact);
    else this.#preludes.add(file.address, fact, this.#deps.clock.now());
  }

  /** The script for a machine; registers machines that are not known. Always a script: what is wrong stands on the machine's screen. */
  async script(request: ScriptRequest): Promise<string> {
    const { server, programs } = this.#deps.network;
    const { mac, stage } = request;
    const parts = { mac, server, ...(programs !== undefined && { programs }) };
    if (stage === "replace") return replaceScript(parts);
    if (stage === "handover") return handoverScript(parts);
    let record: MachineRecord;
    try {
      record = await this.#deps.inventory.identifyOrRegister(request);
    } catch (error) {
      if (!(error instanceof ControlError)) throw error;
      const reason = error.code === "registrationClosed" ? "unknown machine, registration is closed" : error.message;
      return refusalScript({ mac, reason });
    }
    this.#replayPrelude(record.row.id, request);
    this.#deps.index.boots.note(record.row.id, mac, this.#deps.clock.now());
    const script = await this.#scriptOf(record, request);
    await this.#deps.inventory.publish(record.row.id);
    return script;
  }

  /** Takes a machine's own word for its state. @throws ControlError `notFound`. */
  async report(
    from: { readonly mac?: Mac | undefined; readonly address?: string | undefined },
    report: BootReport,
  ): Promise<Machine> {
    const { index, tracker, inventory } = this.#deps;
    const id =
      (from.mac === undefined ? undefined : index.byMac(from.mac)?.id) ??
      (from.address === undefined ? undefined : index.byAddress(from.address));
    if (id === undefined) {
      throw new ControlError(
        "notFound",
        `report from ${from.mac ?? from.address ?? "nowhere"}: no machine of the inventory`,
      );
    }
    const state = report.state ?? "up";
    tracker.record(id, { kind: "report", state, detail: report.detail });
    if (state === "up") this.#deps.onUp(id);
    return inventory.publish(id);
  }

  /** Notes that the server could not give a machine its disk. */
  recordFailure(machineId: string, reason: string): void {
    this.#deps.tracker.record(machineId, { kind: "failure", reason });
  }

  async #scriptOf(record: MachineRecord, request: ScriptRequest): Promise<string> {
    const { mac, failed } = request;
    const { id, name } = record.row;
    const plan = await this.#planOfNextBoot(record);
    if (failed) {
      const what = isAgentPlan(plan) ? "start the agent's system" : "boot its disk";
      this.recordFailure(id, `it could not ${what}; the reason stands on its screen`);
    }
    const chosen = plan === "menu" ? request.image : undefined;
    const bootId = await this.#allocateBoot(record, chosen);
    if (plan === "diskless" || chosen !== undefined) {
      const version = await this.#versionToBoot(record, chosen);
      if (typeof version === "string") {
        this.#deps.tracker.record(id, { kind: "script", bootId, plan: "diskless" });
        this.recordFailure(id, version);
        return refusalScript({ mac, reason: version });
      }
      this.#deps.tracker.record(id, { kind: "script", bootId, plan: "diskless" });
      return this.#disklessScript(record, request, bootId, version);
    }
    this.#deps.tracker.record(id, { kind: "script", bootId, plan });
    if (isAgentPlan(plan)) {
      const { server, agents } = this.#deps.network;
      if (agents === undefined) return refusalScript({ mac, reason: "this server has no agent system" });
      return agentScript({ mac, machineName: name, plan, server, agents });
    }
    return plan === "local" ? localScript({ machineName: name }) : this.#menuScript(record, mac);
  }

  /** What a task asks for goes first; then, once, what a task left behind; then what is set. */
  async #planOfNextBoot(record: MachineRecord): Promise<BootPlan> {
    const { id, next_plan } = record.row;
    const asked = this.#deps.planOf(id);
    if (next_plan !== null) {
      await this.#deps.db.updateTable("machines").set({ next_plan: null }).where("id", "=", id).execute();
    }
    return asked ?? (next_plan as BootPlan | null) ?? effectiveOf(record, this.#deps.settings.current).plan;
  }

  #disklessScript(record: MachineRecord, request: ScriptRequest, bootId: number, version: ResolvedVersion): string {
    const { server, disk, subnet } = this.#deps.network;
    const { id, name, chap_user } = record.row;
    const { address } = request;
    return disklessScript({
      mac: request.mac,
      machineName: name,
      imageRef: formatImageReference({ name: version.image, version: version.version }),
      server,
      disk: { ...disk, target: formatBootTarget({ machineId: id, bootId }) },
      initiatorIqn: `iqn.2026-11.org.ingot:initiator:${id}`,
      diskIsOnLink:
        subnet !== undefined &&
        address !== undefined &&
        networkContains(subnet, address as Ipv4) &&
        networkContains(subnet, disk.address),
      chap: chap_user !== null,
    });
  }

  async #menuScript(record: MachineRecord, mac: Mac): Promise<string> {
    const { image } = effectiveOf(record, this.#deps.settings.current);
    const preferred = image === undefined ? undefined : formatImageReference(image);
    const names = (await this.#deps.images.list({ limit: MAX_MENU_ENTRIES })).map((entry: Image) => entry.name);
    const references = [...new Set([...(preferred === undefined ? [] : [preferred]), ...names])];
    return menuScript({
      mac,
      machineName: record.row.name,
      server: this.#deps.network.server,
      entries: references.map((imageRef) => ({ imageRef, title: imageRef })),
      defaultChoice: preferred === undefined ? "local" : { image: preferred },
      timeoutMs: menuTimeoutMs,
    });
  }

  /** The version that boots, or why none does. */
  async #versionToBoot(record: MachineRecord, chosen: string | undefined): Promise<ResolvedVersion | string> {
    const { disks, db, settings } = this.#deps;
    const { id, name } = record.row;
    const reference = chosen === undefined ? undefined : parseImageReference(chosen);
    if (chosen !== undefined && reference === undefined) return `${chosen} is no image`;
    const wanted = reference === undefined ? await disks.wantedVersion(record) : await resolveImage(db, reference);
    const bound = await disks.boundVersion(id);
    const { mode } = effectiveOf(record, settings.current);
    if (mode === "persistent" && bound !== undefined) {
      if (chosen === undefined || wanted?.image === bound.image) return bound;
      return `${name} keeps a disk made from ${bound.image}; reset it before another image`;
    }
    return wanted ?? bound ?? (chosen === undefined ? `no image is set for ${name}` : `image ${chosen} is not there`);
  }

  /** Gives the boot that now begins its number, durably: a number is never given twice. */
  async #allocateBoot(record: MachineRecord, chosen: string | undefined): Promise<number> {
    const { id } = record.row;
    const seen = this.#deps.tracker.read(id).boot?.bootId ?? 0;
    return this.#deps.db.transaction().execute(async (trx) => {
      const { allocated_boot } = await trx
        .selectFrom("machines")
        .select("allocated_boot")
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      const bootId = Math.max(allocated_boot + 1, seen);
      await trx
        .updateTable("machines")
        .set({ allocated_boot: bootId, allocated_image: chosen ?? null })
        .where("id", "=", id)
        .execute();
      return bootId;
    });
  }

  #replayPrelude(id: string, request: ScriptRequest): void {
    const { tracker, clock } = this.#deps;
    for (const { fact, atMs } of this.#preludes.take([request.mac, request.address], clock.now()))
      tracker.record(id, fact, atMs);
  }

  #planOf(machine: IndexedMachine | undefined, uuid: string | undefined): PlanKind {
    const server = this.#deps.settings.current;
    if (machine !== undefined) return resolveSettings(machine.own, machine.group, server).plan;
    // A known machine behind a new dock may come further: the script decides with more facts.
    const familiar = uuid !== undefined && this.#deps.index.hasUuid(uuid);
    return server.registration === "closed" && !familiar ? "refused" : server.plan;
  }
}

function quirksOf(machine: IndexedMachine | undefined): Quirks {
  const { pxeStyle, efiProgram, replaceFirmwareIpxe } = machine?.quirks ?? {};
  return {
    ...(pxeStyle !== undefined && { pxeStyle }),
    ...(efiProgram !== undefined && { uefiProgram: efiProgram }),
    ...(replaceFirmwareIpxe !== undefined && { replaceFirmwareIpxe }),
  };
}
