import { byteAt, u32At } from "../bytes.ts";
import { FINAL, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/** Task management functions (RFC 7143 §11.5.1). */
export const TaskManagementFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
  taskReassign: 8,
} as const;
/** One of the values of `TaskManagementFunction`. */
export type TaskManagementFunction = (typeof TaskManagementFunction)[keyof typeof TaskManagementFunction];

/** Answers (RFC 7143 §11.6.1). */
export const TaskManagementResult = {
  complete: 0,
  taskDoesNotExist: 1,
  lunDoesNotExist: 2,
  reassignNotSupported: 4,
  notSupported: 5,
  rejected: 255,
} as const;
/** One of the values of `TaskManagementResult`. */
export type TaskManagementResult = (typeof TaskManagementResult)[keyof typeof TaskManagementResult];

/**
 * Task Management Function Request (RFC 7143 §11.5).
 *
 * ```
 *   0 | .I 0x02 | 1 Function | Reserved |
 *   8 | LUN |
 *  16 | Initiator Task Tag | Referenced Task Tag |
 *  24 | CmdSN | ExpStatSN |
 *  32 | RefCmdSN | ExpDataSN |
 * ```
 */
export interface TaskManagementRequest {
  /** As sent; may be a number that is no `TaskManagementFunction`. */
  readonly function: number;
  readonly initiatorTaskTag: number;
  readonly referencedTaskTag: number;
  readonly refCmdSN: number;
  /** Its own number: the next one that the initiator will use when the request is immediate. */
  readonly cmdSN: number;
}

/** Reads the 48-byte header at `at`; whether the function exists is for the caller to find. */
export function decodeTaskManagementRequest(bytes: Uint8Array, at: number): TaskManagementRequest {
  return {
    function: byteAt(bytes, at + 1) & 0x7f,
    initiatorTaskTag: u32At(bytes, at + 16),
    referencedTaskTag: u32At(bytes, at + 20),
    refCmdSN: u32At(bytes, at + 32),
    cmdSN: u32At(bytes, at + 24),
  };
}

/** Task Management Function Response (RFC 7143 §11.6): byte 2 is the answer. */
export interface TaskManagementResponse extends Sequence {
  readonly initiatorTaskTag: number;
  readonly result: TaskManagementResult;
}

/** Writes the 48-byte header at `at`. */
export function putTaskManagementResponse(bytes: Uint8Array, at: number, pdu: TaskManagementResponse): void {
  putHeader(bytes, at, TargetOpcode.taskManagementResponse, FINAL, 0, pdu.initiatorTaskTag, pdu);
  bytes[at + 2] = pdu.result;
}
