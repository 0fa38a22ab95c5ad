import { byteAt, u16At, u32At } from "../bytes.ts";
import { FINAL, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/** Why an initiator logs out (RFC 7143 §11.14.1). */
export const LogoutReason = { closeSession: 0, closeConnection: 1, removeForRecovery: 2 } as const;
/** One of the values of `LogoutReason`. */
export type LogoutReason = (typeof LogoutReason)[keyof typeof LogoutReason];

/** Answers (RFC 7143 §11.15.1). */
export const LogoutResult = { closed: 0, cidNotFound: 1, recoveryNotSupported: 2, cleanupFailed: 3 } as const;
/** One of the values of `LogoutResult`. */
export type LogoutResult = (typeof LogoutResult)[keyof typeof LogoutResult];

/**
 * Logout Request (RFC 7143 §11.14).
 *
 * ```
 *   0 | .I 0x06 | 1 Reason | Reserved |
 *  16 | Initiator Task Tag | CID (2) | Reserved |
 *  24 | CmdSN | ExpStatSN |
 * ```
 */
export interface LogoutRequest {
  readonly reason: number;
  readonly initiatorTaskTag: number;
  readonly cid: number;
}

/** Reads the 48-byte header at `at`. The reason may be a number that is no `LogoutReason`. */
export function decodeLogoutRequest(bytes: Uint8Array, at: number): LogoutRequest {
  return {
    reason: byteAt(bytes, at + 1) & 0x7f,
    initiatorTaskTag: u32At(bytes, at + 16),
    cid: u16At(bytes, at + 20),
  };
}

/** Logout Response (RFC 7143 §11.15): byte 2 is the answer; Time2Wait and Time2Retain stay 0. */
export interface LogoutResponse extends Sequence {
  readonly initiatorTaskTag: number;
  readonly result: LogoutResult;
}

/** Writes the 48-byte header at `at`. */
export function putLogoutResponse(bytes: Uint8Array, at: number, pdu: LogoutResponse): void {
  putHeader(bytes, at, TargetOpcode.logoutResponse, FINAL, 0, pdu.initiatorTaskTag, pdu);
  bytes[at + 2] = pdu.result;
}
