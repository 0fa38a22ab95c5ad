import type { BlockDevice } from "../block-device.ts";
import type { ReservationStore } from "../directory.ts";
import { MAX_UNIT_ATTENTIONS } from "../limits.ts";
import type { CopyProgress } from "./extended-copy.ts";
import { PersistentReservations } from "./persistent-reservations.ts";
import type { SanitizeOperation } from "./sanitize.ts";
import { decodeReservations, encodeReservations } from "./stored-reservations.ts";
import { CheckCondition, SenseOf } from "./sense.ts";
import type { Sense } from "./sense.ts";

/** Bytes of a logical block; 4096 would keep firmware and boot loaders from starting. */
export const BLOCK_BYTES = 512;

/** What a logical unit tells of itself. */
export interface UnitIdentity {
  /** Names the disk for ever: serial number and NAA are derived from it. At most 200 ASCII characters. */
  readonly id: string;
  /** Refuse all writing. */
  readonly readOnly: boolean;
  /** Written data is stable only after a flush: reported as WCE, and FUA flushes. */
  readonly writeCache: boolean;
  /** 512, or 4096 when smaller writes cost more than whole 4 KiB ones. */
  readonly physicalBlockBytes: 512 | 4096;
}

/** Names an I_T nexus: `iqn…,i,0x<ISID>` is the initiator port, `,t,0x<portal group tag>` the port of the target (RFC 7143 §4.4.2). */
export function nexusName(initiatorName: string, isid: string, targetPort: number): string {
  return `${initiatorName},i,0x${isid},t,0x${targetPort.toString(16).padStart(4, "0")}`;
}

/** The parts of what `nexusName` made. */
export function partsOfNexusName(name: string): { readonly initiatorPort: string; readonly targetPort: number } {
  const at = name.lastIndexOf(",t,0x");
  return { initiatorPort: name.slice(0, at), targetPort: Number.parseInt(name.slice(at + 5), 16) };
}

/** One initiator port at one logical unit (SAM's I_T_L nexus), for the time of its session. */
export interface Nexus {
  /** What reservations go by: {@link nexusName}. */
  readonly name: string;
  /** The name that it logged in to, which VPD page 83h gives as the target port's. */
  readonly targetName: string;
  /** Portal group tag of the portal that it came through: the relative target port identifier (RFC 7143 §4.4.2). */
  readonly targetPort: number;
  /** How many target ports lead to the unit; they are numbered from 1. */
  readonly targetPortCount: number;
  readonly device: BlockDevice;
  /** Conditions that the next command is answered with, oldest first. */
  readonly unitAttentions: Sense[];
  /** Ends the nexus's commands without an answer (somebody cleared or preempted them); resolves when the device is done with them. */
  abortCommands(): Promise<void>;
  /** Ends the session (TARGET COLD RESET). */
  disconnect(): void;
}

/** State of a logical unit that all its sessions share: reservations, mode parameters and who is there. */
export class LogicalUnit {
  readonly identity: UnitIdentity;
  readonly nexuses: Set<Nexus> = new Set();
  readonly persistentReservations: PersistentReservations = new PersistentReservations();
  /** Where they are kept through power loss; without it APTPL is refused. */
  readonly reservationStore: ReservationStore | undefined;
  /** The last EXTENDED COPY of each session, for RECEIVE COPY STATUS; the next one takes its place. */
  readonly lastCopies: WeakMap<Nexus, CopyProgress> = new WeakMap();
  /** Nexus that holds a RESERVE(6) or RESERVE(10). */
  reservedBy: string | undefined;
  /** Software write protect and descriptor-format sense, from the control mode page. */
  softwareWriteProtect = false;
  descriptorSense = false;

  constructor(identity: UnitIdentity, reservationStore?: ReservationStore) {
    this.identity = identity;
    this.reservationStore = reservationStore;
  }

  /** With the persistent reservations that were stored. Rejects when they cannot be read: `DecodeError`, or the store's error. */
  static async open(identity: UnitIdentity, reservationStore: ReservationStore | undefined): Promise<LogicalUnit> {
    const unit = new LogicalUnit(identity, reservationStore);
    const stored = await reservationStore?.load();
    if (stored !== undefined) {
      const state = decodeReservations(stored);
      unit.persistentReservations.restore({ ...state, survivesPowerLoss: state.registrations.size > 0 });
    }
    return unit;
  }

  /**
   * Changes persistent reservations, one change after the other, and stores them if they are to survive power loss; one that cannot be
   * stored is taken back. What `change` returns runs after that.
   */
  changeReservations(change: () => void | (() => Promise<void>)): void | Promise<void> {
    const store = this.reservationStore;
    if (store === undefined) return change()?.();
    // Without the last part: that one may wait for commands that wait here.
    const stored = this.#reservationChange.then(() => this.#changeAndStore(store, change));
    this.#reservationChange = stored.then(() => undefined).catch(() => undefined);
    return stored.then((after) => after?.());
  }

  async #changeAndStore(
    store: ReservationStore,
    change: () => void | (() => Promise<void>),
  ): Promise<void | (() => Promise<void>)> {
    const reservations = this.persistentReservations;
    const before = reservations.snapshot();
    const after = change();
    const now = reservations.snapshot();
    if (!before.survivesPowerLoss && !now.survivesPowerLoss) return after;
    const none = { registrations: new Map(), reservation: undefined };
    try {
      await store.save(encodeReservations(now.survivesPowerLoss ? now : none));
    } catch {
      reservations.restore(before);
      throw new CheckCondition(SenseOf.internalTargetFailure);
    }
    return after;
  }

  #exclusive: Promise<void> = Promise.resolve();
  #reservationChange: Promise<void> = Promise.resolve();
  #sanitizing: SanitizeOperation | undefined;

  /**
   * Runs read-modify-write work one after the other. Plain writes to the same blocks at the same time are the
   * initiators' own race, as on any disk.
   */
  exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#exclusive.then(work);
    this.#exclusive = done.catch(() => undefined);
    return done;
  }

  get writeProtected(): boolean {
    return this.identity.readOnly || this.softwareWriteProtect;
  }

  /** The sanitize operation that is under way or has failed. */
  get sanitizing(): SanitizeOperation | undefined {
    return this.#sanitizing;
  }

  /** Keeps the unit to itself until the operation has ended well. */
  sanitize(operation: SanitizeOperation): void {
    this.#sanitizing = operation;
    void operation.ended.then((sense) => {
      if (sense === undefined && this.#sanitizing === operation) this.#sanitizing = undefined;
    });
  }

  /** After a failure: the unit answers again. */
  exitSanitizeFailure(): void {
    if (this.#sanitizing?.hasFailed === true) this.#sanitizing = undefined;
  }

  /** Throws SANITIZE IN PROGRESS: for work that began before and would write over what was sanitized. */
  requireNoSanitize(): void {
    if (this.#sanitizing !== undefined) throw new CheckCondition(this.#sanitizing.sense);
  }

  /** Whether nothing needs to be remembered once no session is there. */
  get isForgettable(): boolean {
    return this.nexuses.size === 0 && this.persistentReservations.isEmpty && this.#sanitizing === undefined;
  }

  /** A session begins. */
  join(nexus: Nexus): void {
    this.nexuses.add(nexus);
    void this.#sanitizing?.use(this.#devices());
  }

  /**
   * The nexus is lost: what it held by RESERVE is free again (SPC-2 §5.5.1). Persistent reservations stay.
   * Resolves when the unit does not use its device any more.
   */
  async leave(nexus: Nexus): Promise<void> {
    this.nexuses.delete(nexus);
    if (this.reservedBy === nexus.name) this.reservedBy = undefined;
    await this.#sanitizing?.use(this.#devices());
  }

  #devices(): BlockDevice[] {
    return [...this.nexuses].map(({ device }) => device);
  }

  /** Ends all commands and RESERVEs; everybody is told, the one who asked included. Persistent reservations survive (SPC-4 §5.13.5). */
  async reset(): Promise<void> {
    this.reservedBy = undefined;
    this.softwareWriteProtect = false;
    this.descriptorSense = false;
    this.attention(SenseOf.busDeviceReset);
    await Promise.all([...this.nexuses].map((nexus) => nexus.abortCommands()));
  }

  /** Queues a unit attention for every nexus except one. */
  attention(sense: Sense, except?: Nexus): void {
    for (const nexus of this.nexuses) {
      if (nexus !== except) pushAttention(nexus, sense);
    }
  }
}

/** Queues a unit attention, once, and never more than the limit. */
export function pushAttention(nexus: Nexus, sense: Sense): void {
  if (nexus.unitAttentions.some((known) => known.code === sense.code)) return;
  nexus.unitAttentions.push(sense);
  if (nexus.unitAttentions.length > MAX_UNIT_ATTENTIONS) nexus.unitAttentions.shift();
}
