import type { BlockDevice } from "../block-device.ts";
import type { Execution } from "./execution.ts";
import type { LogicalUnit, Nexus } from "./logical-unit.ts";

/** Everything that a command's code may look at. */
export interface CommandContext {
  readonly unit: LogicalUnit;
  readonly nexus: Nexus;
  readonly cdb: Uint8Array;
  /** Bytes that the initiator is ready to give; 0 when the command came without the intention to write. */
  readonly dataOutLength: number;
}

/**
 * How a command is treated while another initiator holds a reservation.
 * - `free`: always allowed.
 * - `looks`: allowed under a persistent reservation, not under RESERVE(6) (SPC-2 table 10).
 * - `reads`: also needs that nobody has exclusive access.
 * - `flushes`: as `writes`, but harmless to a write-protected unit.
 * - `writes`: also needs that nobody has exclusive writing; refused on a write-protected unit.
 */
export type Access = "free" | "looks" | "reads" | "flushes" | "writes";

/** One operation code, or one service action of it. */
export interface Command {
  readonly opcode: number;
  /** For operation codes that have service actions in the low five bits of byte 1. */
  readonly serviceAction?: number;
  readonly access: Access;
  /** CDB usage data for REPORT SUPPORTED OPERATION CODES (SPC-4 §6.35.3): a set bit is a bit that we look at. Its length is the CDB's. */
  readonly usage: readonly number[];
  /** Whether the command is there on a unit with this device; on every one when absent. */
  isOffered?(device: BlockDevice): boolean;
  execute(context: CommandContext): Execution;
}

/** Operation codes that stand for several commands, told apart by the service action (SPC-4 §4.2.5.1). */
const WITH_SERVICE_ACTIONS: ReadonlySet<number> = new Set([0x48, 0x5e, 0x5f, 0x83, 0x84, 0x9e, 0xa3]);

/** Whether an operation code needs its service action to be a command. */
export function hasServiceActions(opcode: number): boolean {
  return WITH_SERVICE_ACTIONS.has(opcode);
}
