import type { BlockDevice } from "../block-device.ts";
import { MAX_UNIT_ATTENTIONS } from "../limits.ts";
import { PersistentReservations } from "./persistent-reservations.ts";
import { SenseOf } from "./sense.ts";
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
  /** Initiator port that holds a RESERVE(6) or RESERVE(10). */
  reservedBy: string | undefined;
  /** Software write protect and descriptor-format sense, from the control mode page. */
  softwareWriteProtect = false;
  descriptorSense = false;

  constructor(identity: UnitIdentity) {
    this.identity = identity;
  }

  #exclusive: Promise<void> = Promise.resolve();

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

  /** Whether nothing needs to be remembered once no session is there. */
  get isForgettable(): boolean {
    return this.nexuses.size === 0 && this.persistentReservations.isEmpty;
  }

  /** The nexus is lost: what it held by RESERVE is free again (SPC-2 §5.5.1). Persistent reservations stay. */
  leave(nexus: Nexus): void {
    this.nexuses.delete(nexus);
    if (this.reservedBy === nexus.initiatorPort) this.reservedBy = undefined;
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
