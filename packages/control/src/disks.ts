import type { Disk, DiskGrowth, DiskMode } from "@ingot/api";
import { decideLogin, type LoginDecision } from "./boot-generation.ts";
import { formatBootTarget, parseBootTarget } from "./boot-target.ts";
import type { BootTracker } from "./boot-tracker.ts";
import { type Clock, timeText } from "./clock.ts";
import {
  type Binding,
  labelOf,
  readBinding,
  readVersionForBoot,
  readWantedVersion,
  writeBinding,
} from "./disk-bindings.ts";
import type { DiskKeeper, OpenDisk } from "./disk-keeper.ts";
import { type DiskLogin, type LoggedIn, refusalOf } from "./disk-login.ts";
import { ControlError } from "./errors.ts";
import type { EventLog } from "./event-log.ts";
import { type ResolvedVersion, resolveImage } from "./image-references.ts";
import type { Inventory } from "./inventory.ts";
import { MAX_SESSIONS_PER_MACHINE } from "./limits.ts";
import type { LiveHub } from "./live-hub.ts";
import { listMachines, type MachineRecord } from "./machine-store.ts";
import { effectiveOf } from "./machine-view.ts";
import { KeyedMutex } from "./mutex.ts";
import type { ServerSettings } from "./server-settings.ts";
import { Session, type SessionHandle, type SessionRegistry } from "./session-registry.ts";
import type { Database } from "./tables.ts";

/** What {@link Disks} works with. */
export interface DisksDeps<Device extends OpenDisk> {
  readonly db: Database;
  readonly clock: Clock;
  readonly settings: ServerSettings;
  readonly inventory: Inventory;
  readonly keeper: DiskKeeper<Device>;
  readonly sessions: SessionRegistry;
  readonly tracker: BootTracker;
  readonly events: EventLog;
  readonly hub: LiveHub;
  readonly portal: string;
  readonly growthOf: (machineId: string) => readonly DiskGrowth[];
  /** Called when a login is refused, with the reason in words. */
  readonly onRefused: (login: DiskLogin, reason: string) => void;
  /** Called when sessions came or went. */
  readonly onChange: (machineId: string) => void;
}

/** A broken disk fails thousands of reads; the history needs to know of it once in a while. */
const failureEveryMs = 60_000;

/** The machines' disks: which version each is over, who has it open, and when changes are thrown away. */
export class Disks<Device extends OpenDisk> {
  readonly #deps: DisksDeps<Device>;
  readonly #mutex = new KeyedMutex();
  readonly #failedMs = new Map<string, number>();

  constructor(deps: DisksDeps<Device>) {
    this.#deps = deps;
  }

  /** Who must prove what before a login to `target` may go on. @throws ControlError `notFound`. */
  async credentialsOf(
    target: string,
  ): Promise<{ readonly machineId: string; readonly chap?: { user: string; secret: string } | undefined }> {
    const { row } = await this.#machineOf(target);
    const chap =
      row.chap_user === null || row.chap_secret === null ? undefined : { user: row.chap_user, secret: row.chap_secret };
    return { machineId: row.id, chap };
  }

  /**
   * Opens a machine's disk for a session. A first login to a new boot ends the sessions of the boot before and, in reset
   * mode, throws its changes away; see `decideLogin`.
   * @throws ControlError `notFound`, `staleBoot`, `unknownBoot`, `noDisk`, `busy`; what the keeper throws passes through.
   */
  async login(login: DiskLogin): Promise<LoggedIn<Device>> {
    try {
      const { row } = await this.#machineOf(login.target);
      return await this.#mutex.run(row.id, () => this.#login(row.id, login));
    } catch (error) {
      if (error instanceof ControlError) this.#deps.onRefused(login, error.message);
      throw error;
    }
  }

  /** One page of disks, by the machine's name. */
  async list(query: { readonly limit: number; readonly after?: string | undefined }): Promise<Disk[]> {
    const disks: Disk[] = [];
    for (let { after } = query; disks.length < query.limit;) {
      const records = await listMachines(this.#deps.db, { limit: query.limit, after });
      for (const record of records) {
        after = record.row.name;
        const disk = await this.#view(record);
        if (disk !== undefined) disks.push(disk);
        if (disks.length === query.limit) break;
      }
      if (records.length < query.limit) break;
    }
    return disks;
  }

  /** @throws ControlError `notFound`, `noDisk`. */
  async get(key: string): Promise<Disk> {
    const record = await this.#deps.inventory.record(key);
    const disk = await this.#view(record);
    if (disk !== undefined) return disk;
    throw new ControlError("noDisk", `machine ${record.row.name}: has no disk, because no image is set for it`);
  }

  /**
   * Throws a machine's changes away; the next login gets an empty overlay over the version that is set now.
   * @throws ControlError `notFound`, `noDisk`, `inUse` while sessions are open, unless `force` ends them.
   */
  async reset(key: string, options: { readonly force: boolean }): Promise<Disk> {
    const { row } = await this.#deps.inventory.record(key);
    await this.#discard(row.id, row.name, options.force);
    await this.#deps.events.record({
      kind: "disk.reset",
      machine: row.id,
      message: `the disk of ${row.name} was reset`,
    });
    const disk = await this.get(row.id);
    this.#deps.hub.publish({ type: "disk", disk });
    return disk;
  }

  /** As {@link reset}, also where no image is set any more. @throws ControlError `notFound`, `inUse`. */
  async remove(key: string, options: { readonly force: boolean }): Promise<void> {
    const { row } = await this.#deps.inventory.record(key);
    await this.#discard(row.id, row.name, options.force);
    await this.#deps.events.record({
      kind: "disk.removed",
      machine: row.id,
      message: `the disk of ${row.name} was removed`,
    });
    this.#deps.hub.publish({ type: "removed", what: "disk", id: row.id });
  }

  /** Takes a machine out of the inventory, its changes with it. @throws ControlError `notFound`, `inUse`. */
  async removeMachine(key: string, options: { readonly force: boolean }): Promise<void> {
    const record = await this.#deps.inventory.record(key);
    await this.#discard(record.row.id, record.row.name, options.force);
    await this.#deps.inventory.remove(record);
  }

  /** Notes that a machine did not get what it read or wrote; the boot has failed unless it comes further. At most one event a minute for each machine. */
  async recordFailure(machineId: string, reason: string): Promise<void> {
    const nowMs = this.#deps.clock.now();
    if (nowMs - (this.#failedMs.get(machineId) ?? -Infinity) < failureEveryMs) return;
    this.#failedMs.set(machineId, nowMs);
    this.#deps.tracker.record(machineId, { kind: "failure", reason });
    await this.#deps.events.record({ kind: "disk.failed", machine: machineId, message: reason });
  }

  /** How many overlays there are, and what they take. */
  async totals(): Promise<{ readonly disks: number; readonly overlayBytes: number }> {
    const rows = await this.#deps.db.selectFrom("disks").select("machine_id").execute();
    let overlayBytes = 0;
    for (const row of rows) overlayBytes += await this.#deps.keeper.overlayBytes(row.machine_id);
    return { disks: rows.length, overlayBytes };
  }

  /** The version that a machine's next new overlay would be over. */
  async wantedVersion(record: MachineRecord): Promise<ResolvedVersion | undefined> {
    return readWantedVersion(this.#deps.db, record, this.#deps.settings);
  }

  /** The version that a machine's overlay is over, where it has one. */
  async boundVersion(machineId: string): Promise<ResolvedVersion | undefined> {
    const { db } = this.#deps;
    const bound = await readBinding(db, machineId);
    return bound === undefined ? undefined : resolveImage(db, { name: bound.image, version: bound.version });
  }

  async #login(machineId: string, login: DiskLogin): Promise<LoggedIn<Device>> {
    const { db, keeper, sessions, clock } = this.#deps;
    const record = await this.#deps.inventory.record(machineId);
    const requestedBoot = parseBootTarget(login.target)?.bootId;
    const wanted = await readVersionForBoot(db, record, this.#deps.settings, requestedBoot);
    const bound = await readBinding(db, machineId);
    const { mode } = effectiveOf(record, this.#deps.settings.current);
    const decision = decideLogin({
      requestedBoot,
      allocatedBoot: record.row.allocated_boot,
      currentBoot: record.row.current_boot,
      mode,
      boundVersion: bound === undefined ? undefined : labelOf(bound),
      wantedVersion: wanted === undefined ? undefined : labelOf(wanted),
    });
    if (decision.action === "refuse") throw refusalOf(decision.reason, record, login);
    if (decision.action === "start") await this.#dropSessions(machineId);
    if (sessions.of(machineId).length >= MAX_SESSIONS_PER_MACHINE) {
      throw new ControlError("busy", `machine ${record.row.name}: has ${MAX_SESSIONS_PER_MACHINE} sessions already`);
    }
    // The overlay goes first: a crash between leaves an empty one under the old binding, and the same login repeats this.
    // Where there is no binding, an overlay is what a crash left of one that was thrown away.
    if (decision.overlay !== "keep") await keeper.discard(machineId);
    const at = timeText(clock.now());
    const binding = await writeBinding(db, { machineId, decision, bound, wanted, at });
    const device = await keeper.open(machineId, binding.manifest_id).catch(async (error: unknown) => {
      await this.recordFailure(machineId, `its disk could not be opened: ${messageOf(error)}`);
      throw error;
    });
    await this.#recordLogin(record, decision, binding, mode).catch(async (error: unknown) => {
      // Whoever opened it alone must not leave it open: no session will ever let it go.
      if (sessions.of(machineId).length === 0) await keeper.release(machineId);
      throw error;
    });
    // From here on nothing may fail: a session that is registered and not answered would hold the disk for ever.
    const session = new Session({
      machineId,
      bootId: decision.bootId,
      initiator: login.initiator,
      peer: login.peer,
      since: at,
      drop: login.drop,
    });
    this.#deps.tracker.record(machineId, {
      kind: "login",
      bootId: decision.bootId,
      starts: decision.action === "start",
      program: `${login.initiator}/${login.isid?.slice(0, 8) ?? ""}`,
      initiator: login.initiator,
      sessions: sessions.add(session),
    });
    this.#deps.onChange(machineId);
    return { machineId, bootId: decision.bootId, device, session: this.#handleOf(session) };
  }

  async #recordLogin(record: MachineRecord, decision: LoginDecision, binding: Binding, mode: DiskMode): Promise<void> {
    await this.#deps.db
      .updateTable("machines")
      .set({ last_seen_at: timeText(this.#deps.clock.now()) })
      .where("id", "=", record.row.id)
      .execute();
    if (decision.action === "refuse" || decision.overlay === "keep") return;
    const { id, name } = record.row;
    const over = `${binding.image}:${binding.version}`;
    await this.#deps.events.record(
      decision.overlay === "reset"
        ? {
            kind: "disk.reset",
            machine: id,
            image: over,
            message: `${name} starts afresh over ${over} with boot ${decision.bootId}`,
          }
        : { kind: "disk.created", machine: id, image: over, message: `${name} has a ${mode} disk over ${over}` },
    );
  }

  #handleOf(session: Session): SessionHandle {
    return {
      countRead: (lengthBytes) => {
        session.bytesRead += lengthBytes;
      },
      countWritten: (lengthBytes) => {
        session.bytesWritten += lengthBytes;
      },
      close: () => this.#closeSession(session),
    };
  }

  async #closeSession(session: Session): Promise<void> {
    const { sessions, tracker, keeper } = this.#deps;
    const { machineId } = session;
    const left = sessions.remove(session);
    if (left === undefined) return;
    tracker.record(machineId, { kind: "transfer", ...session.take() });
    tracker.record(machineId, { kind: "logout", sessions: left });
    this.#deps.onChange(machineId);
    if (left > 0) return;
    await this.#mutex.run(machineId, async () => {
      if (sessions.of(machineId).length === 0) await keeper.release(machineId);
    });
  }

  /** Ends every session of a machine and lets go of its overlay. Runs under the machine's lock. */
  async #dropSessions(machineId: string): Promise<void> {
    const { sessions, tracker, keeper } = this.#deps;
    // Out of the registry first: ending the connection closes the session, and that must not wait for the lock held here.
    const open = sessions.of(machineId).map((session) => ({ session, left: sessions.remove(session) ?? 0 }));
    await Promise.all(open.map(({ session }) => session.drop()));
    for (const { session, left } of open) {
      tracker.record(machineId, { kind: "transfer", ...session.take() });
      tracker.record(machineId, { kind: "logout", sessions: left });
    }
    await keeper.release(machineId);
  }

  async #discard(machineId: string, name: string, force: boolean): Promise<void> {
    await this.#mutex.run(machineId, async () => {
      const open = this.#deps.sessions.of(machineId);
      if (open.length > 0 && !force) {
        throw new ControlError(
          "inUse",
          `the disk of ${name}: ${open.length} sessions are open; switch the machine off or use force`,
          {
            details: { usedBy: open.map((session) => `${session.initiator} at ${session.peer}`) },
          },
        );
      }
      await this.#dropSessions(machineId);
      await this.#deps.keeper.discard(machineId);
      await this.#deps.db.deleteFrom("disks").where("machine_id", "=", machineId).execute();
    });
  }

  async #machineOf(target: string): Promise<MachineRecord> {
    const parsed = parseBootTarget(target);
    if (parsed === undefined)
      throw new ControlError("notFound", `target ${JSON.stringify(target)}: not one of this server`);
    return this.#deps.inventory.record(parsed.machineId);
  }

  async #view(record: MachineRecord): Promise<Disk | undefined> {
    const { row } = record;
    const bound = await this.boundVersion(row.id);
    const wanted = await this.wantedVersion(record);
    const shown = bound ?? wanted;
    if (shown === undefined) return undefined;
    const { mode } = effectiveOf(record, this.#deps.settings.current);
    const moves = mode === "reset" && bound !== undefined && wanted !== undefined && labelOf(bound) !== labelOf(wanted);
    return {
      machine: row.id,
      machineName: row.name,
      portal: this.#deps.portal,
      target: formatBootTarget({ machineId: row.id }),
      lun: 0,
      sizeBytes: shown.sizeBytes,
      overlayBytes: bound === undefined ? 0 : await this.#deps.keeper.overlayBytes(row.id),
      mode,
      image: { name: shown.image, version: shown.version },
      nextVersion: moves ? wanted.version : undefined,
      sessions: this.#deps.sessions.of(row.id).map((session) => session.view()),
      history: this.#deps.growthOf(row.id),
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
