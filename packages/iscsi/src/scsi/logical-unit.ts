import type { BlockDevice } from "../block-device.ts";
import { MAX_UNIT_ATTENTIONS } from "../limits.ts";
import type { CopyProgress } from "./extended-copy.ts";
import { PersistentReservations } from "./persistent-reservations.ts";
import type { SanitizeOperation } from "./sanitize.ts";
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

/** One initiator port at one logical unit (SAM's I_T_L nexus), for the time of its session. */
export interface Nexus {
  /** Initiator port name: `iqn…,i,0x<ISID>` (RFC 7143 §4.2.7). */
  readonly initiatorPort: string;
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
  /** The last EXTENDED COPY of each session, for RECEIVE COPY STATUS; the next one takes its place. */
  readonly lastCopies: WeakMap<Nexus, CopyProgress> = new WeakMap();
  /** Initiator port that holds a RESERVE(6) or RESERVE(10). */
  reservedBy: string | undefined;
  /** Software write protect and descriptor-format sense, from the control mode page. */
  softwareWriteProtect = false;
  descriptorSense = false;

  constructor(identity: UnitIdentity) {
    this.identity = identity;
  }

  #exclusive: Promise<void> = Promise.resolve();
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
    if (this.reservedBy === nexus.initiatorPort) this.reservedBy = undefined;
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
