import type { PatchSettings, ServiceStatus, Settings, Status } from "@ingot/api";
import { AgentImages } from "./agents/agent-images.ts";
import { AgentRoster } from "./agents/agent-roster.ts";
import { AgentTokens } from "./agents/agent-tokens.ts";
import { Enrolment } from "./agents/enrolment.ts";
import { MachineTrust } from "./agents/machine-trust.ts";
import { BootTracker } from "./boot-tracker.ts";
import { Boots, type BootNetwork } from "./boots.ts";
import { type Clock, timeText } from "./clock.ts";
import type { DiskKeeper, OpenDisk } from "./disk-keeper.ts";
import { Disks } from "./disks.ts";
import { ControlError } from "./errors.ts";
import { EventLog } from "./event-log.ts";
import { Groups } from "./groups.ts";
import type { ImageLibrary } from "./image-library.ts";
import { requireImage } from "./image-references.ts";
import { ImageRegistry } from "./image-registry.ts";
import { Inventory } from "./inventory.ts";
import { localMinuteOfDay } from "./jobs/change-window.ts";
import { JobDesk } from "./jobs/job-desk.ts";
import { DEFAULT_SLOTS, Jobs, type JobsDeps } from "./jobs/jobs.ts";
import type { Wake } from "./jobs/machine-starts.ts";
import type { SlotLimits } from "./jobs/schedule.ts";
import { TaskDesk } from "./jobs/task-desk.ts";
import { LiveHub } from "./live-hub.ts";
import { LiveUpdates } from "./live-updates.ts";
import { MachineIndex } from "./machine-index.ts";
import { listMachines, readMachines } from "./machine-store.ts";
import { LoginRefusals } from "./login-refusals.ts";
import { migrate } from "./migrations.ts";
import { describePatch, ServerSettings } from "./server-settings.ts";
import { SessionMonitor } from "./session-monitor.ts";
import { SessionRegistry } from "./session-registry.ts";
import type { Database } from "./tables.ts";

/** What only the program that owns sockets and directories knows. */
export interface ServerFacts {
  readonly services: readonly ServiceStatus[];
  readonly store: { readonly chunkCount: number; readonly packBytes: number; readonly freeBytes?: number | undefined };
}

/** What {@link Control} is made of. */
export interface ControlDeps<Device extends OpenDisk> {
  /** Opened, not yet migrated. `close` does not close it. */
  readonly db: Database;
  readonly clock: Clock;
  /** Random bytes that nobody can guess. */
  readonly random: (lengthBytes: number) => Uint8Array;
  readonly library: ImageLibrary;
  readonly keeper: DiskKeeper<Device>;
  readonly network: BootNetwork;
  readonly version: string;
  /** Default true. False for a command that opens the data for a moment: no heartbeat, and no start or stop in the history. */
  readonly isServer?: boolean | undefined;
  /** How many tasks may be under way at once. */
  readonly slots?: Partial<SlotLimits> | undefined;
  /** Minutes since midnight where the server stands, for change windows. Default: the process's time zone. */
  readonly minuteOfDay?: ((nowMs: number) => number) | undefined;
  /** Switches a machine on; absent where there is no network to do that by. */
  readonly wake?: Wake | undefined;
  /** Asked for each status. */
  readonly facts: () => Promise<ServerFacts>;
  /** Told of failures that no caller waits for. */
  readonly onError: (error: unknown) => void;
}

const machinesPerPage = 1000;

/** The control plane of one server: inventory, images, disks, boots and their history, joined. */
export class Control<Device extends OpenDisk> {
  readonly version: string;
  readonly clock: Clock;
  /** Told of failures that no caller waits for. */
  readonly onError: (error: unknown) => void;
  readonly settings: ServerSettings;
  readonly events: EventLog;
  readonly hub: LiveHub;
  readonly machines: Inventory;
  readonly groups: Groups;
  readonly images: ImageRegistry;
  readonly disks: Disks<Device>;
  readonly boots: Boots<Device>;
  /** What goes over the iSCSI sessions, as the disk service reports it. */
  readonly sessions: SessionMonitor;
  readonly refusals: LoginRefusals;
  /** Jobs that are not over, as the scheduler sees them. */
  readonly jobs: Jobs;
  /** Jobs as operators see them. */
  readonly jobDesk: JobDesk;
  /** Tasks as agents see them. */
  readonly tasks: TaskDesk;
  readonly agents: AgentRoster;
  readonly enrolment: Enrolment;
  readonly agentImages: AgentImages;
  readonly tokens: AgentTokens;
  readonly #deps: ControlDeps<Device>;
  readonly #startedAt: string;
  readonly #index: MachineIndex;
  readonly #tracker: BootTracker;
  readonly #openDisks: SessionRegistry;
  readonly #updates: LiveUpdates;
  #closing: Promise<void> | undefined;

  private constructor(deps: ControlDeps<Device>, parts: Parts<Device>) {
    this.#deps = deps;
    this.version = deps.version;
    this.clock = deps.clock;
    this.onError = deps.onError;
    this.#startedAt = timeText(deps.clock.now());
    this.settings = parts.settings;
    this.events = parts.events;
    this.hub = parts.hub;
    this.machines = parts.machines;
    this.groups = parts.groups;
    this.images = parts.images;
    this.disks = parts.disks;
    this.boots = parts.boots;
    this.sessions = parts.monitor;
    this.refusals = parts.refusals;
    this.jobs = parts.jobs;
    this.jobDesk = parts.jobDesk;
    this.tasks = parts.tasks;
    this.agents = parts.agents;
    this.enrolment = parts.enrolment;
    this.agentImages = parts.agentImages;
    this.tokens = parts.tokens;
    this.#index = parts.index;
    this.#tracker = parts.tracker;
    this.#openDisks = parts.sessions;
    this.#updates = parts.updates;
  }

  /** Brings the database to its newest form, reads the inventory and starts the heartbeat. */
  static async open<Device extends OpenDisk>(deps: ControlDeps<Device>): Promise<Control<Device>> {
    await migrate(deps.db);
    const control: Control<Device> = new Control(deps, await assemble(deps, () => control.status()));
    for (let after: string | undefined; ;) {
      const records = await listMachines(deps.db, { limit: machinesPerPage, after });
      for (const record of records) {
        control.#index.put(record);
        control.#tracker.load(record.row);
      }
      if (records.length < machinesPerPage) break;
      after = records.at(-1)?.row.name;
    }
    if (deps.isServer !== false) {
      await control.events.record({ kind: "server.started", message: `Ingot ${deps.version} started` });
      control.#updates.start();
      control.jobs.start();
      control.agents.start();
      await control.jobs.reschedule();
    }
    return control;
  }

  /** Repeats changed settings of a group, or of the server, for the machines that inherit them. */
  async refreshMachines(ids?: readonly string[]): Promise<void> {
    for (const record of await readMachines(this.#deps.db, ids ?? [])) {
      this.#index.put(record);
      this.#updates.markMachine(record.row.id);
    }
    if (ids !== undefined) return;
    for (let after: string | undefined; ;) {
      const records = await listMachines(this.#deps.db, { limit: machinesPerPage, after });
      for (const record of records) this.#updates.markMachine(record.row.id);
      if (records.length < machinesPerPage) break;
      after = records.at(-1)?.row.name;
    }
  }

  /** Changes what holds where neither a machine nor its group says otherwise. @throws ControlError `notFound` for an image that is not there. */
  async changeSettings(patch: PatchSettings): Promise<Settings> {
    if (patch.image !== undefined && patch.image !== null) await requireImage(this.#deps.db, patch.image);
    const settings = await this.settings.patch(patch);
    await this.events.record({ kind: "settings.changed", message: `settings: ${describePatch(patch)}` });
    await this.refreshMachines();
    return settings;
  }

  /** The whole server at one glance. */
  async status(): Promise<Status> {
    const { version, settings } = this;
    const machinesByState = this.#tracker.countByState();
    const [facts, images, disks, groups] = await Promise.all([
      this.#deps.facts(),
      this.images.totals(),
      this.disks.totals(),
      this.groups.count(),
    ]);
    return {
      version,
      startedAt: this.#startedAt,
      services: facts.services,
      counts: {
        machines: Object.values(machinesByState).reduce((sum, count) => sum + count, 0),
        machinesByState,
        groups,
        images: images.images,
        imageVersions: images.versions,
        disks: disks.disks,
        sessions: this.#openDisks.count,
      },
      store: {
        chunkCount: facts.store.chunkCount,
        chunkBytes: images.chunkBytes,
        packBytes: facts.store.packBytes,
        imageBytes: images.imageBytes,
        overlayBytes: disks.overlayBytes,
        freeBytes: facts.store.freeBytes,
      },
      traffic: this.#updates.total,
      settings: settings.current,
    };
  }

  /** Resolves when everything that was begun in the background is done: counting, pruning, sending, writing the history. */
  async idle(): Promise<void> {
    await this.#updates.idle();
    await this.jobs.idle();
    await this.sessions.idle();
    await this.images.settled();
    await this.refusals.settled();
    await this.events.settled();
  }

  /** Ends the streams, aborts imports, stops the heartbeat and writes what is only in memory. Idempotent. Sessions are closed by their owner before. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#updates.close();
    await this.agents.close();
    await this.jobs.close();
    await this.sessions.idle();
    this.hub.close();
    await this.images.close();
    await this.#tracker.close();
    if (this.#deps.isServer !== false) {
      await this.refusals.settled();
      await this.events.record({ kind: "server.stopped", message: `Ingot ${this.version} stopped` });
    }
    await this.events.settled();
  }
}

interface Parts<Device extends OpenDisk> {
  readonly settings: ServerSettings;
  readonly events: EventLog;
  readonly hub: LiveHub;
  readonly machines: Inventory;
  readonly groups: Groups;
  readonly images: ImageRegistry;
  readonly disks: Disks<Device>;
  readonly boots: Boots<Device>;
  readonly index: MachineIndex;
  readonly tracker: BootTracker;
  readonly sessions: SessionRegistry;
  readonly monitor: SessionMonitor;
  readonly refusals: LoginRefusals;
  readonly jobs: Jobs;
  readonly jobDesk: JobDesk;
  /** Tasks as agents see them. */
  readonly tasks: TaskDesk;
  readonly agents: AgentRoster;
  readonly enrolment: Enrolment;
  readonly agentImages: AgentImages;
  readonly tokens: AgentTokens;
  readonly updates: LiveUpdates;
}

/** Makes the parts and joins them. */
async function assemble<Device extends OpenDisk>(
  deps: ControlDeps<Device>,
  status: () => Promise<Status>,
): Promise<Parts<Device>> {
  const { db, clock, onError, network } = deps;
  const hub = new LiveHub();
  const settings = await ServerSettings.open(db);
  const events = new EventLog({ db, clock, hub, onMachineEvent: (id) => updates.markMachine(id) });
  const index = new MachineIndex();
  const sessions = new SessionRegistry();
  const tracker = new BootTracker({ db, clock, events, onError, onChange: (id) => updates.markMachine(id) });
  const machines = new Inventory({ db, clock, random: deps.random, settings, index, tracker, events, hub });
  const groups = new Groups({ db, clock, events, hub });
  const images = await ImageRegistry.open({ db, clock, library: deps.library, settings, events, hub, onError });
  const monitor = new SessionMonitor({ db, clock, hub, onError });
  const refusals = new LoginRefusals({
    clock,
    events,
    onError,
    hasMachine: async (id) => (await readMachines(db, [id])).length > 0,
    machineAt: (address) => index.byAddress(address),
  });
  const disks = new Disks({
    db,
    clock,
    settings,
    inventory: machines,
    keeper: deps.keeper,
    sessions,
    tracker,
    events,
    hub,
    onRefused: (login, reason) => refusals.explain(login, reason),
    portal: `${network.disk.address}:${network.disk.port}`,
    growthOf: (machineId) => updates.growthOf(machineId),
    onChange: (machineId) => updates.markDisk(machineId),
  });
  const updates = new LiveUpdates({
    clock,
    sessions,
    tracker,
    hub,
    onError,
    overlayBytes: (machineId) => deps.keeper.overlayBytes(machineId),
    publishMachines: async (ids) => {
      for (const machine of await machines.views(ids)) hub.publish({ type: "machine", machine });
    },
    publishDisk: async (machineId) => {
      try {
        hub.publish({ type: "disk", disk: await disks.get(machineId) });
      } catch (error) {
        // Removed between the measurement and now.
        if (!(error instanceof ControlError)) throw error;
      }
    },
    publishStatus: async () => hub.publish({ type: "status", status: await status() }),
  });
  const jobsDeps: JobsDeps = {
    db,
    clock,
    inventory: machines,
    events,
    hub,
    slots: { ...DEFAULT_SLOTS, ...deps.slots },
    minuteOfDay: deps.minuteOfDay ?? localMinuteOfDay,
    wake: deps.wake,
    settings,
    onError,
  };
  const jobs = await Jobs.open(jobsDeps);
  const tasks = new TaskDesk(jobsDeps, jobs);
  const tokens = new AgentTokens({ db, clock, random: deps.random });
  const onLink = (machine: string, rate: number | undefined): void => jobs.watch.learnLink(machine, rate);
  const agents = await AgentRoster.open({ db, clock, onError, onLink });
  const enrolment = new Enrolment({
    db,
    roster: agents,
    clock,
    random: deps.random,
    settings,
    index,
    inventory: machines,
    events,
    tasks,
    tokens,
    trust: new MachineTrust({ db, clock, index, isAwaited: (machine) => jobs.planOf(machine) !== undefined }),
  });
  const boots = new Boots({
    db,
    clock,
    settings,
    inventory: machines,
    index,
    images,
    disks,
    tracker,
    network,
    planOf: (machineId) => jobs.planOf(machineId),
    onUp: (machineId) => void deps.keeper.booted?.(machineId).catch(onError),
  });
  return {
    settings,
    events,
    hub,
    machines,
    groups,
    images,
    disks,
    boots,
    index,
    tracker,
    sessions,
    monitor,
    refusals,
    jobs,
    jobDesk: new JobDesk(jobsDeps, jobs),
    tasks,
    agents,
    enrolment,
    agentImages: new AgentImages({ db, library: deps.library }),
    tokens,
    updates,
  };
}
