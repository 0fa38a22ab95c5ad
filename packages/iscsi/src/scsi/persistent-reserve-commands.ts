import { byteAt, u16At, u32At } from "../bytes.ts";
import { CollectedData } from "./collected-data.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { pushAttention } from "./logical-unit.ts";
import type { LogicalUnit, Nexus } from "./logical-unit.ts";
import { isAllRegistrants, isForHolderOnly, isReservationType } from "./persistent-reservations.ts";
import type { ReservationType } from "./persistent-reservations.ts";
import { CheckCondition, ReservationConflict, SenseOf } from "./sense.ts";
import type { Sense } from "./sense.ts";

const PERSISTENT_RESERVE_IN = 0x5e;
const PERSISTENT_RESERVE_OUT = 0x5f;

const ServiceIn = { readKeys: 0, readReservation: 1, reportCapabilities: 2, readFullStatus: 3 } as const;

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
const APTPL = 0x01;

function readKeys({ unit, cdb }: CommandContext): Execution {
  const reservations = unit.persistentReservations;
  const keys = [...reservations.registrations().values()];
  const bytes = new Uint8Array(8 + keys.length * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, reservations.generation);
  view.setUint32(4, keys.length * 8);
  keys.forEach((key, i) => view.setBigUint64(8 + i * 8, key));
  return answer(bytes, u16At(cdb, 7));
}

function readReservation({ unit, cdb }: CommandContext): Execution {
  const { reservation, generation, ...rest } = snapshot(unit);
  const bytes = new Uint8Array(reservation === undefined ? 8 : 24);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, generation);
  if (reservation !== undefined) {
    view.setUint32(4, 16);
    // The key of an "all registrants" reservation is 0 (SPC-4 §6.14.3.2).
    view.setBigUint64(8, isAllRegistrants(reservation.type) ? 0n : (rest.registrations.get(reservation.holder) ?? 0n));
    bytes[21] = reservation.type;
  }
  return answer(bytes, u16At(cdb, 7));
}

function snapshot(unit: LogicalUnit) {
  const { reservation, generation } = unit.persistentReservations;
  return { reservation, generation, registrations: unit.persistentReservations.registrations() };
}

/** REPORT CAPABILITIES (SPC-4 §6.14.4): six types; nothing through power loss. */
function reportCapabilities({ cdb }: CommandContext): Execution {
  const typeMask = [0xea, 0x01];
  return answer(Uint8Array.of(0, 8, 0, 0x80, ...typeMask, 0, 0), u16At(cdb, 7));
}

/** READ FULL STATUS (SPC-4 §6.14.5): every registration with its port. */
function readFullStatus({ unit, cdb }: CommandContext): Execution {
  const { reservation, generation, registrations } = snapshot(unit);
  const descriptors = [...registrations].map(([port, key]) => {
    const name = new TextEncoder().encode(`${port}\0`);
    const transportId = new Uint8Array(4 + ((name.length + 3) & ~3));
    transportId[0] = 0x45; // iSCSI, name with ISID (SPC-4 §7.6.4.6)
    new DataView(transportId.buffer).setUint16(2, transportId.length - 4);
    transportId.set(name, 4);
    const bytes = new Uint8Array(24 + transportId.length);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, key);
    if (reservation !== undefined && unit.persistentReservations.isHolder(port)) {
      bytes[12] = 0x01;
      bytes[13] = reservation.type;
    }
    view.setUint16(18, 1);
    view.setUint32(20, transportId.length);
    bytes.set(transportId, 24);
    return bytes;
  });
  const length = descriptors.reduce((sum, one) => sum + one.length, 0);
  const bytes = new Uint8Array(8 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, generation);
  view.setUint32(4, length);
  let at = 8;
  for (const one of descriptors) {
    bytes.set(one, at);
    at += one.length;
  }
  return answer(bytes, u16At(cdb, 7));
}

interface Parameters {
  readonly key: bigint;
  readonly serviceKey: bigint;
  readonly type: number;
  readonly scope: number;
}

function persistentReserveOut(act: (parameters: Parameters, unit: LogicalUnit, nexus: Nexus) => void | Promise<void>) {
  return ({ cdb, unit, nexus }: CommandContext): Execution => {
    if (unit.reservedBy !== undefined && unit.reservedBy !== nexus.initiatorPort) throw new ReservationConflict();
    if (u32At(cdb, 5) !== PARAMETER_BYTES) throw new CheckCondition(SenseOf.parameterListLengthError);
    const type = byteAt(cdb, 2) & 0x0f;
    const scope = byteAt(cdb, 2) >>> 4;
    return new CollectedData(PARAMETER_BYTES, (bytes) => {
      if (bytes.length < PARAMETER_BYTES) throw new CheckCondition(SenseOf.parameterListLengthError);
      if ((byteAt(bytes, 20) & (SPEC_I_PT | APTPL)) !== 0)
        throw new CheckCondition(SenseOf.invalidFieldInParameterList);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return act({ key: view.getBigUint64(0), serviceKey: view.getBigUint64(8), type, scope }, unit, nexus);
    });
  };
}

/** Everything but REGISTER needs a registration with the key given (SPC-4 §5.13.5). */
function requireRegistered({ key }: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  const own = unit.persistentReservations.keyOf(nexus.initiatorPort);
  if (own === undefined || own !== key) throw new ReservationConflict();
}

function requireType({ type, scope }: Parameters): ReservationType {
  if (scope !== 0 || !isReservationType(type)) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  return type;
}

function register(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  const own = unit.persistentReservations.keyOf(nexus.initiatorPort) ?? 0n;
  if (own !== parameters.key) throw new ReservationConflict();
  changeRegistration(parameters.serviceKey, unit, nexus);
}

function registerAndIgnoreExistingKey(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  changeRegistration(parameters.serviceKey, unit, nexus);
}

function changeRegistration(key: bigint, unit: LogicalUnit, nexus: Nexus): void {
  const reservations = unit.persistentReservations;
  if (key !== 0n) {
    if (!reservations.register(nexus.initiatorPort, key))
      throw new CheckCondition(SenseOf.insufficientRegistrationResources);
    return;
  }
  if (reservations.keyOf(nexus.initiatorPort) === undefined) return;
  const ended = reservations.unregister(nexus.initiatorPort);
  if (ended !== undefined && !isForHolderOnly(ended)) tellRegistrants(unit, nexus, SenseOf.reservationsReleased);
}

function reserve(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  requireRegistered(parameters, unit, nexus);
  const type = requireType(parameters);
  const reservations = unit.persistentReservations;
  const current = reservations.reservation;
  if (current === undefined) return reservations.reserve(nexus.initiatorPort, type);
  if (!reservations.isHolder(nexus.initiatorPort) || current.type !== type) throw new ReservationConflict();
}

function release(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): void {
  requireRegistered(parameters, unit, nexus);
  const reservations = unit.persistentReservations;
  const current = reservations.reservation;
  // Releasing what one does not hold is not an error (SPC-4 §5.13.11.2.2).
  if (current === undefined || !reservations.isHolder(nexus.initiatorPort)) return;
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

async function preemptAndAbort(parameters: Parameters, unit: LogicalUnit, nexus: Nexus): Promise<void> {
  const victims = takeOver(parameters, unit, nexus, SenseOf.commandsClearedByAnotherInitiator);
  await Promise.all(victims.map((victim) => victim.abortCommands()));
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
  const ports = reservations.preempt(nexus.initiatorPort, serviceKey === 0n ? undefined : serviceKey);
  const victims = [...unit.nexuses].filter(({ initiatorPort }) => ports.includes(initiatorPort));
  for (const victim of victims) pushAttention(victim, told);
  if (type !== undefined) {
    reservations.reserve(nexus.initiatorPort, type);
    if (current?.type !== type) tellRegistrants(unit, nexus, SenseOf.reservationsReleased);
  }
  return victims;
}

/** A unit attention for every registered port but one's own. */
function tellRegistrants(unit: LogicalUnit, by: Nexus, sense: Sense): void {
  for (const nexus of unit.nexuses) {
    if (nexus !== by && unit.persistentReservations.keyOf(nexus.initiatorPort) !== undefined)
      pushAttention(nexus, sense);
  }
}

function commandIn(serviceAction: number, execute: (context: CommandContext) => Execution): Command {
  const usage = [PERSISTENT_RESERVE_IN, serviceAction, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04];
  return { opcode: PERSISTENT_RESERVE_IN, serviceAction, access: "free", usage, execute };
}

function commandOut(
  serviceAction: number,
  act: (parameters: Parameters, unit: LogicalUnit, nexus: Nexus) => void | Promise<void>,
): Command {
  const usage = [PERSISTENT_RESERVE_OUT, serviceAction, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x04];
  return { opcode: PERSISTENT_RESERVE_OUT, serviceAction, access: "free", usage, execute: persistentReserveOut(act) };
}

/** PERSISTENT RESERVE IN and OUT (SPC-4 §6.14, §6.15). */
export const PERSISTENT_RESERVE_COMMANDS: readonly Command[] = [
  commandIn(ServiceIn.readKeys, readKeys),
  commandIn(ServiceIn.readReservation, readReservation),
  commandIn(ServiceIn.reportCapabilities, reportCapabilities),
  commandIn(ServiceIn.readFullStatus, readFullStatus),
  commandOut(ServiceOut.register, register),
  commandOut(ServiceOut.reserve, reserve),
  commandOut(ServiceOut.release, release),
  commandOut(ServiceOut.clear, clear),
  commandOut(ServiceOut.preempt, preempt),
  commandOut(ServiceOut.preemptAndAbort, preemptAndAbort),
  commandOut(ServiceOut.registerAndIgnoreExistingKey, registerAndIgnoreExistingKey),
];
