import { byteAt } from "../bytes.ts";
import { hasServiceActions } from "./command.ts";
import type { Command, CommandContext } from "./command.ts";
import { DEFECT_COMMANDS } from "./defect-data.ts";
import { EXTENDED_COPY_COMMANDS } from "./extended-copy-commands.ts";
import { checkCondition } from "./execution.ts";
import type { Done, Execution } from "./execution.ts";
import { INQUIRY, INQUIRY_COMMAND, inquiryWithoutUnit } from "./inquiry.ts";
import type { LogicalUnit, Nexus } from "./logical-unit.ts";
import { MODE_COMMANDS } from "./mode-pages.ts";
import { PERSISTENT_RESERVE_IN_COMMANDS } from "./persistent-reserve-in.ts";
import { PERSISTENT_RESERVE_OUT_COMMANDS } from "./persistent-reserve-out.ts";
import {
  PRIMARY_COMMANDS,
  REPORT_LUNS,
  reportLuns,
  REQUEST_SENSE,
  requestSenseWithoutUnit,
} from "./primary-commands.ts";
import { PROVISIONING_COMMANDS } from "./provisioning.ts";
import { READ_WRITE_COMMANDS } from "./read-write.ts";
import { RESERVATION_COMMANDS } from "./reservations.ts";
import type { SanitizeOperation } from "./sanitize.ts";
import { SANITIZE, SANITIZE_COMMANDS } from "./sanitize-commands.ts";
import { CheckCondition, ReservationConflict, SenseOf } from "./sense.ts";
import type { Sense } from "./sense.ts";
import { ScsiStatus } from "./status.ts";
import { supportedOpcodeCommands } from "./supported-opcodes.ts";

const BASE = [
  INQUIRY_COMMAND,
  ...PRIMARY_COMMANDS,
  ...READ_WRITE_COMMANDS,
  ...PROVISIONING_COMMANDS,
  ...MODE_COMMANDS,
  ...DEFECT_COMMANDS,
  ...SANITIZE_COMMANDS,
  ...EXTENDED_COPY_COMMANDS,
  ...RESERVATION_COMMANDS,
  ...PERSISTENT_RESERVE_IN_COMMANDS,
  ...PERSISTENT_RESERVE_OUT_COMMANDS,
];

/** By operation code, and by operation code and service action × 256 where there is one. */
const COMMANDS: ReadonlyMap<number, Command> = new Map(
  [...BASE, ...supportedOpcodeCommands(BASE)].map((command) => [
    command.opcode | ((command.serviceAction ?? 0) << 8),
    command,
  ]),
);

/** Whatever came out of a command, as status and sense. An error that is not ours is the device's: MEDIUM ERROR. */
export function doneWith(error: unknown, deviceFailure: Sense): Done {
  if (error instanceof CheckCondition) return checkCondition(error.sense);
  if (error instanceof ReservationConflict) return { kind: "done", status: ScsiStatus.reservationConflict };
  return checkCondition(deviceFailure);
}

/**
 * Starts a command on logical unit 0. What it needs checked before it touches anything is checked here, in SPC-4's order:
 * operation code, unit attention, reservations, write protection.
 */
export function execute(unit: LogicalUnit, nexus: Nexus, cdb: Uint8Array, dataOutLength: number): Execution {
  const opcode = byteAt(cdb, 0);
  const command = COMMANDS.get(hasServiceActions(opcode) ? opcode | ((byteAt(cdb, 1) & 0x1f) << 8) : opcode);
  if (command === undefined || command.isOffered?.(nexus.device) === false) return unknownCommand(opcode, nexus);
  if (nexus.unitAttentions.length > 0 && opcode !== INQUIRY && opcode !== REPORT_LUNS && opcode !== REQUEST_SENSE) {
    return checkCondition(nexus.unitAttentions.shift() as Sense);
  }
  if (isReservedByAnother(unit, nexus, command)) return { kind: "done", status: ScsiStatus.reservationConflict };
  if (command.access === "writes" && unit.writeProtected) return checkCondition(SenseOf.writeProtected);
  const busy = unit.sanitizing;
  if (busy !== undefined && !isAllowedDuring(busy, opcode)) return checkCondition(busy.sense);
  const context: CommandContext = { unit, nexus, cdb, dataOutLength };
  try {
    return command.execute(context);
  } catch (error) {
    if (error instanceof CheckCondition || error instanceof ReservationConflict)
      return doneWith(error, SenseOf.internalTargetFailure);
    throw error;
  }
}

/** Starts a command on a LUN that does not exist (SPC-4 §5.9). */
export function executeWithoutUnit(cdb: Uint8Array): Execution {
  switch (byteAt(cdb, 0)) {
    case INQUIRY:
      try {
        return inquiryWithoutUnit(cdb);
      } catch (error) {
        return doneWith(error, SenseOf.internalTargetFailure);
      }
    case REPORT_LUNS:
      return reportLuns(cdb);
    case REQUEST_SENSE:
      return requestSenseWithoutUnit(cdb);
    default:
      return checkCondition(SenseOf.logicalUnitNotSupported);
  }
}

/** INQUIRY, REPORT LUNS and REQUEST SENSE always; SANITIZE itself to come out of a failure (SBC-3 §4.11.2, §4.11.4). */
function isAllowedDuring(operation: SanitizeOperation, opcode: number): boolean {
  if (opcode === INQUIRY || opcode === REPORT_LUNS || opcode === REQUEST_SENSE) return true;
  return operation.hasFailed && opcode === SANITIZE;
}

function unknownCommand(opcode: number, nexus: Nexus): Done {
  const attention = nexus.unitAttentions.shift();
  if (attention !== undefined) return checkCondition(attention);
  // A service action that we lack is a wrong field; an operation code that we lack is a wrong code (SPC-4 §4.2.5.2).
  return checkCondition(hasServiceActions(opcode) ? SenseOf.invalidFieldInCdb : SenseOf.invalidCommandOperationCode);
}

function isReservedByAnother(unit: LogicalUnit, nexus: Nexus, command: Command): boolean {
  if (unit.reservedBy !== undefined && unit.reservedBy !== nexus.name && command.access !== "free") return true;
  return unit.persistentReservations.conflicts(nexus.name, command.access);
}
