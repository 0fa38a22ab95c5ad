import { FINAL, NO_TAG, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

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
