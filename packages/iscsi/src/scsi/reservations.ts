import type { Command, CommandContext } from "./command.ts";
import { GOOD } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { ScsiStatus } from "./status.ts";

const RESERVE_6 = 0x16;
const RELEASE_6 = 0x17;
const RESERVE_10 = 0x56;
const RELEASE_10 = 0x57;

/** RESERVE (SPC-2 §7.21): the whole unit, until released, reset or the session's end. */
function reserve({ unit, nexus }: CommandContext): Execution {
  const taken = unit.reservedBy !== undefined && unit.reservedBy !== nexus.name;
  // SPC-2 reservations and persistent ones exclude each other (SPC-4 §5.13.3).
  if (taken || !unit.persistentReservations.isEmpty) return { kind: "done", status: ScsiStatus.reservationConflict };
  unit.reservedBy = nexus.name;
  return GOOD;
}

/** RELEASE of what somebody else holds changes nothing and is GOOD (SPC-2 §7.18). */
function release({ unit, nexus }: CommandContext): Execution {
  if (!unit.persistentReservations.isEmpty) return { kind: "done", status: ScsiStatus.reservationConflict };
  if (unit.reservedBy === nexus.name) unit.reservedBy = undefined;
  return GOOD;
}

/** RESERVE and RELEASE; they check for themselves who holds what. */
export const RESERVATION_COMMANDS: readonly Command[] = [
  { opcode: RESERVE_6, access: "free", usage: [RESERVE_6, 0, 0, 0, 0, 0x04], execute: reserve },
  { opcode: RELEASE_6, access: "free", usage: [RELEASE_6, 0, 0, 0, 0, 0x04], execute: release },
  { opcode: RESERVE_10, access: "free", usage: [RESERVE_10, 0, 0, 0, 0, 0, 0, 0, 0, 0x04], execute: reserve },
  { opcode: RELEASE_10, access: "free", usage: [RELEASE_10, 0, 0, 0, 0, 0, 0, 0, 0, 0x04], execute: release },
];
