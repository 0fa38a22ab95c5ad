import { FINAL, NO_TAG, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/** "The target requests Logout" (RFC 7143 §11.9.1). */
const REQUESTS_LOGOUT = 1;

/** "The target will drop all the connections of this session" (RFC 7143 §11.9.1). */
const DROP_ALL_CONNECTIONS = 3;

/**
 * Writes the 48-byte header of an Asynchronous Message (RFC 7143 §11.9) that announces the end of the session;
 * Time2Wait and Time2Retain (parameters 2 and 3) are 0: the initiator may come back at once.
 */
export function putDropMessage(bytes: Uint8Array, at: number, sequence: Sequence): void {
  putHeader(bytes, at, TargetOpcode.asyncMessage, FINAL, 0, NO_TAG, sequence);
  bytes[at + 36] = DROP_ALL_CONNECTIONS;
}

/**
 * Writes the 48-byte header of an Asynchronous Message that asks the initiator to log out; Parameter3 says in how many seconds
 * the session will be ended otherwise.
 */
export function putLogoutRequestMessage(bytes: Uint8Array, at: number, seconds: number, sequence: Sequence): void {
  putHeader(bytes, at, TargetOpcode.asyncMessage, FINAL, 0, NO_TAG, sequence);
  bytes[at + 36] = REQUESTS_LOGOUT;
  bytes[at + 42] = seconds >>> 8;
  bytes[at + 43] = seconds;
}
