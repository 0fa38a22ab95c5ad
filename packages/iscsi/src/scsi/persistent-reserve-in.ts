import { u16At } from "../bytes.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { partsOfNexusName } from "./logical-unit.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { isAllRegistrants } from "./persistent-reservations.ts";

const PERSISTENT_RESERVE_IN = 0x5e;

const ServiceIn = { readKeys: 0, readReservation: 1, reportCapabilities: 2, readFullStatus: 3 } as const;

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

/** REPORT CAPABILITIES (SPC-4 §6.14.4): six types; PTPL_C when there is a place to store them, PTPL_A when they are stored. */
function reportCapabilities({ unit, cdb }: CommandContext): Execution {
  const typeMask = [0xea, 0x01];
  const isCapable = unit.reservationStore === undefined ? 0 : 0x01;
  const isActive = unit.persistentReservations.survivesPowerLoss ? 0x01 : 0;
  return answer(Uint8Array.of(0, 8, isCapable, 0x80 | isActive, ...typeMask, 0, 0), u16At(cdb, 7));
}

/** READ FULL STATUS (SPC-4 §6.14.5): every registration with its port. */
function readFullStatus({ unit, cdb }: CommandContext): Execution {
  const { reservation, generation, registrations } = snapshot(unit);
  const descriptors = [...registrations].map(([nexus, key]) => {
    const { initiatorPort, targetPort } = partsOfNexusName(nexus);
    const name = new TextEncoder().encode(`${initiatorPort}\0`);
    const transportId = new Uint8Array(4 + ((name.length + 3) & ~3));
    transportId[0] = 0x45; // iSCSI, name with ISID (SPC-4 §7.6.4.6)
    new DataView(transportId.buffer).setUint16(2, transportId.length - 4);
    transportId.set(name, 4);
    const bytes = new Uint8Array(24 + transportId.length);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, key);
    if (reservation !== undefined && unit.persistentReservations.isHolder(nexus)) {
      bytes[12] = 0x01;
      bytes[13] = reservation.type;
    }
    view.setUint16(18, targetPort);
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

function commandIn(serviceAction: number, execute: (context: CommandContext) => Execution): Command {
  const usage = [PERSISTENT_RESERVE_IN, serviceAction, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04];
  return { opcode: PERSISTENT_RESERVE_IN, serviceAction, access: "free", usage, execute };
}

/** PERSISTENT RESERVE IN (SPC-4 §6.14). */
export const PERSISTENT_RESERVE_IN_COMMANDS: readonly Command[] = [
  commandIn(ServiceIn.readKeys, readKeys),
  commandIn(ServiceIn.readReservation, readReservation),
  commandIn(ServiceIn.reportCapabilities, reportCapabilities),
  commandIn(ServiceIn.readFullStatus, readFullStatus),
];
