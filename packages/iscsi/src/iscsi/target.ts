import { IscsiError } from "../errors.ts";
import { LogicalUnit, nexusName } from "../scsi/logical-unit.ts";
import type { Nexus, UnitIdentity } from "../scsi/logical-unit.ts";
import { SenseOf } from "../scsi/sense.ts";
import { MAX_SESSIONS_PER_TARGET } from "../limits.ts";
import type { LoginParties, RefusalReason, Resolution, TargetDirectory, TargetLogin } from "../directory.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { BusyPoll } from "./busy-poll.ts";
import type { Connection } from "./connection.ts";
import { FailedLogins } from "./failed-logins.ts";
import { LoginFailure } from "./login-failure.ts";
import { LoginStatus } from "./login-pdu.ts";
import { PortalGroups } from "./portal-groups.ts";
import type { Session } from "./session.ts";
import type { SessionCounters, SessionInfo } from "./session-info.ts";
import { zeroCounters } from "./session-info.ts";
import { TaskSet } from "./task-set.ts";

/** Why a session or connection ended. */
export type EndReason =
  | "logout"
  | "disconnected"
  | "reinstated"
  | "refused"
  | "reset"
  | "error"
  | "shutdown"
  | "timeout";

/** What happens, for logs and for whoever shows it. */
export type IscsiEvent =
  | { readonly kind: "login"; readonly session: SessionInfo }
  | { readonly kind: "logout"; readonly session: SessionInfo; readonly reason: EndReason }
  | {
      readonly kind: "refused";
      readonly peerAddress: string;
      readonly portal: string;
      /** Absent when the first request was not even readable. */
      readonly parties: LoginParties | undefined;
      readonly status: LoginStatus;
      /** In words, for people: which rule was broken, or what the directory said. */
      readonly reason: string;
    }
  | { readonly kind: "error"; readonly peerAddress: string; readonly portal: string; readonly error: unknown }
  /** A connection could not be accepted; listening goes on. */
  | { readonly kind: "listenerError"; readonly error: unknown };

/** How often which {@link IscsiEvent} was there since the start. */
export interface LoginCounters {
  readonly logins: number;
  /** Logins answered with a status that is not success, unreadable login text included. */
  readonly refusedLogins: number;
  /** Connections ended because what came was not iSCSI as agreed: a malformed PDU, a wrong digest, a limit exceeded. */
  readonly malformed: number;
  /** Failures on our side. */
  readonly failed: number;
}

/** What all connections of a server share. */
export interface TargetDeps {
  readonly directory: TargetDirectory;
  readonly pool: BufferPool;
  readonly busyPoll: BusyPoll;
  /** `address:port` of every listening socket, in the order of their portal group tags; the portal that was asked when absent. */
  portals?(): readonly string[];
  /** Cryptographically random bytes, for CHAP. */
  random(length: number): Uint8Array;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds, with fractions, of a clock that never goes back; read for one command of many, whose time is then counted. */
  elapsedMs?(): number;
  /** Told of every event; must not throw. */
  report(event: IscsiEvent): void;
}

type Disk = Extract<Resolution, { kind: "disk" }>;

/** A session from the moment that its disk is open. */
interface OpenSession {
  readonly key: string;
  /** Absent in a discovery session. */
  readonly targetName: string | undefined;
  readonly connection: Connection;
  readonly unit: LogicalUnit | undefined;
  readonly disk: Disk | undefined;
  nexus: Nexus | undefined;
  session: Session | undefined;
  info: SessionInfo | undefined;
  /** Set when the end has begun; everybody who asks for it waits for the same. */
  ending: Promise<void> | undefined;
}

const STATUS_OF_REFUSAL: Readonly<Record<RefusalReason, LoginStatus>> = {
  notFound: LoginStatus.notFound,
  notAllowed: LoginStatus.authorizationFailure,
  removed: LoginStatus.targetRemoved,
  unavailable: LoginStatus.serviceUnavailable,
  failed: LoginStatus.targetError,
};

function identityOf({ id, readOnly = false, writeCache = true, physicalBlockBytes = 4096 }: Disk): UnitIdentity {
  return { id, readOnly, writeCache, physicalBlockBytes };
}

/** All sessions of a server and the logical units they share. */
export class Target {
  readonly directory: TargetDirectory;
  readonly pool: BufferPool;
  readonly busyPoll: BusyPoll;
  readonly random: (length: number) => Uint8Array;
  readonly now: () => number;
  readonly elapsedMs: (() => number) | undefined;
  readonly #counts = { logins: 0, refusedLogins: 0, malformed: 0, failed: 0 };
  readonly failedLogins: FailedLogins = new FailedLogins();
  readonly #deps: TargetDeps;
  /** By the disk's id, however many names lead to it. A unit without sessions stays while it holds persistent reservations. */
  readonly #units = new Map<string, LogicalUnit>();
  /** Units whose stored reservations are being read. */
  readonly #loading = new Map<string, Promise<LogicalUnit>>();
  readonly #taskSets = new WeakMap<LogicalUnit, TaskSet>();
  /** By TSIH. */
  readonly #sessions = new Map<number, OpenSession>();
  /** Logins of one initiator port to one target come one after the other. */
  readonly #opening = new Map<string, Promise<unknown>>();
  #lastTsih = 0;

  constructor(deps: TargetDeps) {
    this.directory = deps.directory;
    this.pool = deps.pool;
    this.busyPoll = deps.busyPoll;
    this.random = (length) => deps.random(length);
    this.now = () => deps.now();
    this.elapsedMs = deps.elapsedMs === undefined ? undefined : () => deps.elapsedMs?.() ?? 0;
    this.#deps = deps;
  }

  /** What came in since the start. */
  get counters(): LoginCounters {
    return { ...this.#counts };
  }

  /** Counts an event and passes it on. */
  report(event: IscsiEvent): void {
    if (event.kind === "login") this.#counts.logins++;
    else if (event.kind === "refused") this.#counts.refusedLogins++;
    else if (event.kind === "listenerError") this.#counts.failed++;
    else if (event.kind === "error") this.#counts[event.error instanceof IscsiError ? "malformed" : "failed"]++;
    this.#deps.report(event);
  }

  /** The sessions that are logged in, discovery sessions included. */
  sessions(): SessionInfo[] {
    return [...this.#sessions.values()].flatMap(({ info, session }) => {
      session?.measure();
      return info === undefined ? [] : [info];
    });
  }

  /** The portals there are now. */
  get portalGroups(): PortalGroups {
    return new PortalGroups(this.#deps.portals?.() ?? []);
  }

  /** Pings who has been silent for long and ends who is dead; to be called every `PING_CHECK_MS`. */
  checkSessions(): void {
    const nowMs = this.now();
    for (const { session, connection } of this.#sessions.values()) {
      if (session?.isAlive(nowMs) === false) void connection.close("timeout");
    }
  }

  /** Whether a session is one that a login may name with this TSIH: the same initiator port, and still open. */
  isSessionOf(tsih: number, { initiatorName, isid }: LoginParties): boolean {
    const info = this.#sessions.get(tsih)?.info;
    return info?.initiatorName === initiatorName && info.isid === isid;
  }

  /** Notes that bytes came. */
  touch(info: SessionInfo): void {
    (info.counters as SessionCounters).lastActivityMs = this.now();
  }

  /** 1 to 65535, not in use. */
  nextTsih(): number {
    do this.#lastTsih = this.#lastTsih >= 0xffff ? 1 : this.#lastTsih + 1;
    while (this.#sessions.has(this.#lastTsih));
    return this.#lastTsih;
  }

  /**
   * Opens the disk for a login that has passed everything, after ending an older session of the same initiator port
   * (session reinstatement, RFC 7143 §6.3.5). Returns the TSIH; throws `LoginFailure`.
   */
  async open(login: TargetLogin, connection: Connection): Promise<number> {
    // A session is named by both ports: the initiator's and the target's, that is its name and portal group (RFC 7143 §4.4.2).
    const tag = this.portalGroups.tagOf(login.portal);
    const key = `${login.initiatorName},${login.isid},${login.targetName},${tag}`;
    const before = this.#opening.get(key) ?? Promise.resolve();
    const opening = before.catch(() => undefined).then(() => this.#openNow(key, login, connection));
    this.#opening.set(key, opening);
    try {
      return await opening;
    } finally {
      if (this.#opening.get(key) === opening) this.#opening.delete(key);
    }
  }

  async #openNow(key: string, login: TargetLogin, connection: Connection): Promise<number> {
    const older = [...this.#sessions].filter(([, session]) => session.key === key);
    await Promise.all(
      older.map(async ([tsih, session]) => {
        await session.connection.close("reinstated");
        // Also when its connection was lost just before it could begin.
        await this.#end(tsih, "reinstated");
      }),
    );
    const onTarget = [...this.#sessions.values()].filter(({ targetName }) => targetName === login.targetName);
    if (onTarget.length >= MAX_SESSIONS_PER_TARGET) {
      throw new LoginFailure(LoginStatus.outOfResources, `${onTarget.length} sessions on ${login.targetName} already`);
    }
    const disk = await this.#resolve(login);
    // A disk may have several names.
    const onDisk = [...this.#sessions.values()].filter((other) => other.disk?.id === disk.id);
    if (onDisk.length >= MAX_SESSIONS_PER_TARGET) {
      await disk.closed?.(zeroCounters(this.now()));
      throw new LoginFailure(LoginStatus.outOfResources, `${onDisk.length} sessions on disk ${disk.id} already`);
    }
    const unit = await this.#openUnit(disk);
    this.#units.set(disk.id, unit);
    const tsih = this.nextTsih();
    this.#sessions.set(tsih, {
      key,
      targetName: login.targetName,
      connection,
      unit,
      disk,
      nexus: undefined,
      session: undefined,
      info: undefined,
      ending: undefined,
    });
    return tsih;
  }

  async #resolve(login: TargetLogin): Promise<Disk> {
    const resolution = await this.directory.resolve(login);
    switch (resolution.kind) {
      case "disk":
        return resolution;
      case "refused":
        throw new LoginFailure(STATUS_OF_REFUSAL[resolution.reason], resolution.message);
      case "moved": {
        const status = resolution.permanent ? LoginStatus.targetMovedPermanently : LoginStatus.targetMovedTemporarily;
        throw new LoginFailure(status, `moved to ${resolution.address}`, [["TargetAddress", resolution.address]]);
      }
    }
  }

  /** The unit of a disk that is there; else a new one with the reservations that were stored. Gives the disk back when those cannot be read. */
  async #openUnit(disk: Disk): Promise<LogicalUnit> {
    const known = this.#knownUnit(disk);
    if (known !== undefined) return known;
    const loading = this.#loading.get(disk.id) ?? LogicalUnit.open(identityOf(disk), disk.reservations);
    this.#loading.set(disk.id, loading);
    try {
      const loaded = await loading;
      return this.#knownUnit(disk) ?? loaded;
    } catch (error) {
      await disk.closed?.(zeroCounters(this.now()));
      throw error;
    } finally {
      this.#loading.delete(disk.id);
    }
  }

  #knownUnit(disk: Disk): LogicalUnit | undefined {
    const known = this.#units.get(disk.id);
    const { readOnly, writeCache } = identityOf(disk);
    // What a unit says of itself must not change under its sessions: offered in another way, the disk is another unit.
    return known?.identity.readOnly === readOnly && known.identity.writeCache === writeCache ? known : undefined;
  }

  #taskSetOf(unit: LogicalUnit): TaskSet {
    const taskSet = this.#taskSets.get(unit) ?? new TaskSet();
    this.#taskSets.set(unit, taskSet);
    return taskSet;
  }

  /** The login is answered: the session begins. The returned `closed` is called once, when nothing of it runs any more. */
  begin(
    tsih: number,
    connection: Connection,
    session: Session,
    info: SessionInfo,
  ): { closed(reason: EndReason): Promise<void> } {
    // A discovery session has no disk and is not reinstated.
    const open = this.#sessions.get(tsih) ?? {
      key: "",
      targetName: undefined,
      connection,
      unit: undefined,
      disk: undefined,
      nexus: undefined,
      session,
      info,
      ending: undefined,
    };
    open.info = info;
    open.session = session;
    this.#sessions.set(tsih, open);
    const { unit, disk, targetName } = open;
    if (unit !== undefined && disk !== undefined && targetName !== undefined) {
      const nexus: Nexus = {
        name: nexusName(info.initiatorName, info.isid, info.portalGroupTag),
        targetName,
        targetPort: info.portalGroupTag,
        targetPortCount: this.portalGroups.count,
        device: disk.device,
        unitAttentions: disk.hasPoweredOn === true ? [SenseOf.powerOn] : [],
        abortCommands: () => session.abortAll(),
        disconnect: () => void open.connection.close("reset"),
      };
      open.nexus = nexus;
      unit.join(nexus);
      session.attach({ unit, nexus, taskSet: this.#taskSetOf(unit) });
    }
    this.report({ kind: "login", session: info });
    return { closed: (reason) => this.#end(tsih, reason) };
  }

  /** A session whose connection was lost before it could begin. */
  abandon(tsih: number): Promise<void> {
    return this.#end(tsih, "disconnected");
  }

  async #end(tsih: number, reason: EndReason): Promise<void> {
    const open = this.#sessions.get(tsih);
    if (open === undefined) return;
    open.ending ??= this.#endNow(tsih, open, reason);
    await open.ending;
  }

  async #endNow(tsih: number, open: OpenSession, reason: EndReason): Promise<void> {
    const { unit, nexus, disk, info } = open;
    if (unit !== undefined) {
      if (nexus !== undefined) await unit.leave(nexus);
      // A login that has the disk open but has not been answered yet counts too.
      const isUsed = [...this.#sessions.values()].some((other) => other !== open && other.unit === unit);
      const { id } = unit.identity;
      if (!isUsed && unit.isForgettable && this.#units.get(id) === unit) this.#units.delete(id);
    }
    try {
      await disk?.closed?.(info?.counters ?? zeroCounters(this.now()));
    } catch (error) {
      // The session is over whatever the disk's owner says; a failure there must not take other sessions along.
      this.report({ kind: "error", ...open.connection.addresses, error });
    }
    this.#sessions.delete(tsih);
    if (info !== undefined) this.report({ kind: "logout", session: info, reason });
  }
}
