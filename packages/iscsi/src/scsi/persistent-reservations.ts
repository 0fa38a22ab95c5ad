import { MAX_REGISTRATIONS } from "../limits.ts";
import type { Access } from "./command.ts";

/** Types of persistent reservations (SPC-4 §6.14.3.4). */
export const ReservationType = {
  writeExclusive: 1,
  exclusiveAccess: 3,
  writeExclusiveRegistrantsOnly: 5,
  exclusiveAccessRegistrantsOnly: 6,
  writeExclusiveAllRegistrants: 7,
  exclusiveAccessAllRegistrants: 8,
} as const;
/** One of the values of `ReservationType`. */
export type ReservationType = (typeof ReservationType)[keyof typeof ReservationType];

/** Whether the number names a type. */
export function isReservationType(value: number): value is ReservationType {
  return Object.values(ReservationType).some((type) => type === value);
}

/** The reservation of a unit. */
export interface Reservation {
  readonly type: ReservationType;
  /** Nexus of the holder; with the "all registrants" types whoever reserved first. */
  readonly holder: string;
}

/** Everything but the generation, as it was at one moment. */
export interface ReservationState {
  readonly registrations: ReadonlyMap<string, bigint>;
  readonly reservation: Reservation | undefined;
  /** APTPL of the last REGISTER: all this survives power loss. */
  readonly survivesPowerLoss: boolean;
}

/** Who has registered and who holds the unit (SPC-4 §5.13). Kept by the names of
 * nexuses, so that it outlives sessions and logical unit resets. */
export class PersistentReservations {
  #registrations = new Map<string, bigint>();
  #reservation: Reservation | undefined;
  #generation = 0;
  /** APTPL of the last REGISTER. */
  survivesPowerLoss = false;

  /** What can be taken up again with `restore`. */
  snapshot(): ReservationState {
    return {
      registrations: new Map(this.#registrations),
      reservation: this.#reservation,
      survivesPowerLoss: this.survivesPowerLoss,
    };
  }

  /** Takes the place of everything but the generation. */
  restore(state: ReservationState): void {
    this.#registrations = new Map(state.registrations);
    this.#reservation = state.reservation;
    this.survivesPowerLoss = state.survivesPowerLoss;
  }

  get isEmpty(): boolean {
    return this.#registrations.size === 0;
  }

  /** PRGENERATION: counts every REGISTER, CLEAR and PREEMPT. */
  get generation(): number {
    return this.#generation;
  }

  get reservation(): Reservation | undefined {
    return this.#reservation;
  }

  /** Nexuses and their keys, in the order they registered. */
  registrations(): ReadonlyMap<string, bigint> {
    return this.#registrations;
  }

  keyOf(nexus: string): bigint | undefined {
    return this.#registrations.get(nexus);
  }

  /** Whether the nexus holds the reservation; all registrants do with the "all registrants" types. */
  isHolder(nexus: string): boolean {
    if (this.#reservation === undefined) return false;
    if (isAllRegistrants(this.#reservation.type)) return this.#registrations.has(nexus);
    return this.#reservation.holder === nexus;
  }

  /** False when there is no room for another registration. */
  register(nexus: string, key: bigint): boolean {
    if (!this.#registrations.has(nexus) && this.#registrations.size >= MAX_REGISTRATIONS) return false;
    this.#registrations.set(nexus, key);
    this.#generation = (this.#generation + 1) >>> 0;
    return true;
  }

  /** Takes a registration away. Returns the type of the reservation when that ended with it, because others may have to be told. */
  unregister(nexus: string): ReservationType | undefined {
    this.#generation = (this.#generation + 1) >>> 0;
    return this.#remove(nexus);
  }

  reserve(nexus: string, type: ReservationType): void {
    this.#reservation = { type, holder: nexus };
  }

  release(): void {
    this.#reservation = undefined;
  }

  clear(): void {
    this.#registrations.clear();
    this.#reservation = undefined;
    this.#generation = (this.#generation + 1) >>> 0;
  }

  /**
   * Takes away the registrations that have `key` (all others when `key` is undefined), except the preempting one.
   * Returns the nexuses that lost theirs.
   */
  preempt(by: string, key: bigint | undefined): string[] {
    this.#generation = (this.#generation + 1) >>> 0;
    const victims = [...this.#registrations]
      .filter(([port, own]) => port !== by && (key === undefined || own === key))
      .map(([port]) => port);
    for (const port of victims) this.#remove(port);
    return victims;
  }

  /** Whether a command with this access from this nexus conflicts (SPC-4 table 50). */
  conflicts(nexus: string, access: Access): boolean {
    const reservation = this.#reservation;
    if (reservation === undefined || access === "free" || access === "looks") return false;
    const exclusive = isExclusiveAccess(reservation.type);
    if (access === "reads" && !exclusive) return false;
    if (this.isHolder(nexus)) return false;
    return isForHolderOnly(reservation.type) || !this.#registrations.has(nexus);
  }

  #remove(nexus: string): ReservationType | undefined {
    this.#registrations.delete(nexus);
    const reservation = this.#reservation;
    if (reservation === undefined) return undefined;
    const ends = isAllRegistrants(reservation.type) ? this.#registrations.size === 0 : reservation.holder === nexus;
    if (!ends) return undefined;
    this.#reservation = undefined;
    return reservation.type;
  }
}

/** The types that every registered nexus holds together, until the last of them is gone (SPC-4 §5.13.11). */
export function isAllRegistrants(type: ReservationType): boolean {
  return (
    type === ReservationType.writeExclusiveAllRegistrants || type === ReservationType.exclusiveAccessAllRegistrants
  );
}

/** The types in which only the holder has access; the others let all registered nexuses in. */
export function isForHolderOnly(type: ReservationType): boolean {
  return type === ReservationType.writeExclusive || type === ReservationType.exclusiveAccess;
}

function isExclusiveAccess(type: ReservationType): boolean {
  return (
    type === ReservationType.exclusiveAccess ||
    type === ReservationType.exclusiveAccessRegistrantsOnly ||
    type === ReservationType.exclusiveAccessAllRegistrants
  );
}
