import { byteAt, u32At } from "../bytes.ts";
import { CollectedData } from "./collected-data.ts";
import type { Command, CommandContext } from "./command.ts";
import type { Execution } from "./execution.ts";
import { pushAttention } from "./logical-unit.ts";
import type { LogicalUnit, Nexus } from "./logical-unit.ts";
import { isAllRegistrants, isForHolderOnly, isReservationType } from "./persistent-reservations.ts";
import type { ReservationType } from "./persistent-reservations.ts";
import { CheckCondition, ReservationConflict, SenseOf } from "./sense.ts";
import type { Sense } from "./sense.ts";

const PERSISTENT_RESERVE_OUT = 0x5f;

const ServiceOut = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  registerAndIgnoreExistingKey: 6,
} as const;

/** Length of the parameter list of all service actions we have (SPC-4 §6.15.3). */
const PARAMETER_BYTES = 24;
/** Flags in byte 20 of it. */
const SPEC_I_PT = 0x08;
const ALL_TG_PT = 0x04;
const APTPL = 0x01;

interface Parameters {
  readonly key: bigint;
  readonly serviceKey: bigint;
  readonly type: number;
  readonly scope: number;
  /** APTPL; other service actions than REGISTER do not look at it (SPC-4 §6.15.3). */
  readonly survives: boolean;
}

function isRegister(serviceAction: number): boolean {
  return serviceAction === ServiceOut.register || serviceAction === ServiceOut.registerAndIgnoreExistingKey;
}

/** Changes the reservations; what it returns runs once that is stored. */
type Act = (parameters: Parameters, unit: LogicalUnit, nexus: Nexus) => void | (() => Promise<void>);

function persistentReserveOut(serviceAction: number, act: Act) {
  return ({ cdb, unit, nexus }: CommandContext): Execution => {
    if (unit.reservedBy !== undefined && unit.reservedBy !== nexus.name) throw new ReservationConflict();
    if (u32At(cdb, 5) !== PARAMETER_BYTES) throw new CheckCondition(SenseOf.parameterListLengthError);
    const type = byteAt(cdb, 2) & 0x0f;
    const scope = byteAt(cdb, 2) >>> 4;
    return new CollectedData(PARAMETER_BYTES, (bytes) => {
      if (bytes.length < PARAMETER_BYTES) throw new CheckCondition(SenseOf.parameterListLengthError);
      const flags = byteAt(bytes, 20);
      const survives = (flags & APTPL) !== 0 && isRegister(serviceAction);
      // ALL_TG_PT is not offered (ATP_C 0); where there is one port it asks for no more than is done.
      const isTooMuch = (flags & SPEC_I_PT) !== 0 || ((flags & ALL_TG_PT) !== 0 && nexus.targetPortCount > 1);
      if (isTooMuch || (survives && unit.reservationStore === undefined))
        throw new CheckCondition(SenseOf.invalidFieldInParameterList);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const parameters = { key: view.getBigUint64(0), serviceKey: view.getBigUint64(8), type, scope, survives };
      return unit.changeReservations(() => act(parameters, unit, nexus));
    });
  };
}

/** Everything but REGISTER needs a registration with the key given (SPC-4 §5.13.5). */
function requireRegistered({ key }: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  const own = unit.persistentReservations.keyOf(nexus.name);
  if (own === undefined || own !== key) throw new ReservationConflict();
}

function requireType({ type, scope }: Parameters): ReservationType {
  if (scope !== 0 || !isReservationType(type)) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  return type;
}

function register(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  const own = unit.persistentReservations.keyOf(nexus.name) ?? 0n;
  if (own !== parameters.key) throw new ReservationConflict();
  changeRegistration(parameters, unit, nexus);
}

function registerAndIgnoreExistingKey(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  changeRegistration(parameters, unit, nexus);
}

function changeRegistration({ serviceKey, survives }: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  const reservations = unit.persistentReservations;
  if (serviceKey !== 0n && !reservations.register(nexus.name, serviceKey))
    throw new CheckCondition(SenseOf.insufficientRegistrationResources);
  // The last one decides for all (SPC-4 §5.13.2).
  reservations.survivesPowerLoss = survives;
  if (serviceKey !== 0n) return;
  if (reservations.keyOf(nexus.name) === undefined) return;
  const ended = reservations.unregister(nexus.name);
  if (ended !== undefined && !isForHolderOnly(ended)) tellRegistrants(unit, nexus, SenseOf.reservationsReleased);
}

function reserve(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  requireRegistered(parameters, unit, nexus);
  const type = requireType(parameters);
  const reservations = unit.persistentReservations;
  const current = reservations.reservation;
  if (current === undefined) return reservations.reserve(nexus.name, type);
  if (!reservations.isHolder(nexus.name) || current.type !== type) throw new ReservationConflict();
}

function release(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  requireRegistered(parameters, unit, nexus);
  const reservations = unit.persistentReservations;
  const current = reservations.reservation;
  // Releasing what one does not hold is not an error (SPC-4 §5.13.11.2.2).
  if (current === undefined || !reservations.isHolder(nexus.name)) return;
  if (current.type !== parameters.type || parameters.scope !== 0)
    throw new CheckCondition(SenseOf.invalidReleaseOfPersistentReservation);
  reservations.release();
  if (!isForHolderOnly(current.type)) tellRegistrants(unit, nexus, SenseOf.reservationsReleased);
}

function clear(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  requireRegistered(parameters, unit, nexus);
  tellRegistrants(unit, nexus, SenseOf.reservationsPreempted);
  unit.persistentReservations.clear();
}

function preempt(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  takeOver(parameters, unit, nexus, SenseOf.registrationsPreempted);
}

function preemptAndAbort(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): () => Promise<void> {
  const victims = takeOver(parameters, unit, nexus, SenseOf.commandsClearedByAnotherInitiator);
  return async () => void (await Promise.all(victims.map((victim) => victim.abortCommands())));
}

/** Takes away registrations, and the reservation if it hangs on them; returns the sessions that lost theirs. */
function takeOver(parameters: Parameters, unit: LogicalUnit, nexus: Nexus, told: Sense): Nexus[] {
  requireRegistered(parameters, unit, nexus);
  const reservations = unit.persistentReservations;
  const current = reservations.reservation;
  const { serviceKey } = parameters;
  const all = current !== undefined && isAllRegistrants(current.type);
  if (serviceKey === 0n && !all) throw new CheckCondition(SenseOf.invalidFieldInParameterList);
  const takesOver =
    current !== undefined && (all ? serviceKey === 0n : reservations.keyOf(current.holder) === serviceKey);
  const type = takesOver ? requireType(parameters) : undefined;
  if (serviceKey !== 0n && ![...reservations.registrations().values()].includes(serviceKey))
    throw new ReservationConflict();
  const names = reservations.preempt(nexus.name, serviceKey === 0n ? undefined : serviceKey);
  const victims = [...unit.nexuses].filter(({ name }) => names.includes(name));
  for (const victim of victims) pushAttention(victim, told);
  if (type !== undefined) {
    reservations.reserve(nexus.name, type);
    if (current?.type !== type) tellRegistrants(unit, nexus, SenseOf.reservationsReleased);
  }
  return victims;
}

/** A unit attention for every registered port but one's own. */
function tellRegistrants(unit: LogicalUnit, by: Nexus, sense: Sense): void {
  for (const nexus of unit.nexuses) {
    if (nexus !== by && unit.persistentReservations.keyOf(nexus.name) !== undefined) pushAttention(nexus, sense);
  }
}

function commandOut(serviceAction: number, act: Act): Command {
  const usage = [PERSISTENT_RESERVE_OUT, serviceAction, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x04];
  return {
    opcode: PERSISTENT_RESERVE_OUT,
    serviceAction,
    access: "free",
    usage,
    execute: persistentReserveOut(serviceAction, act),
  };
}

/** PERSISTENT RESERVE OUT (SPC-4 §6.15). */
export const PERSISTENT_RESERVE_OUT_COMMANDS: readonly Command[] = [
  commandOut(ServiceOut.register, register),
  commandOut(ServiceOut.reserve, reserve),
  commandOut(ServiceOut.release, release),
  commandOut(ServiceOut.clear, clear),
  commandOut(ServiceOut.preempt, preempt),
  commandOut(ServiceOut.preemptAndAbort, preemptAndAbort),
  commandOut(ServiceOut.registerAndIgnoreExistingKey, registerAndIgnoreExistingKey),
];
