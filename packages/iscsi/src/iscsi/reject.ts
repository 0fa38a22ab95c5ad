import { BHS_BYTES, FINAL, NO_TAG, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/** Why a PDU was not taken (RFC 7143 §11.17.1). */
export const RejectReason = {
  dataDigestError: 0x02,
  snackReject: 0x03,
  protocolError: 0x04,
  commandNotSupported: 0x05,
  tooManyImmediateCommands: 0x06,
  taskInProgress: 0x07,
  invalidPduField: 0x09,
  longOperation: 0x0a,
  negotiationReset: 0x0b,
} as const;
/** One of the values of `RejectReason`. */
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

/** Bytes of the data segment: the header of the PDU that was rejected. */
export const REJECT_DATA_BYTES: number = BHS_BYTES;

/** Writes the 48-byte header of a Reject (RFC 7143 §11.17) at `at`; the rejected header is its data. */
export function putReject(bytes: Uint8Array, at: number, reason: RejectReason, sequence: Sequence): void {
  putHeader(bytes, at, TargetOpcode.reject, FINAL, REJECT_DATA_BYTES, NO_TAG, sequence);
  bytes[at + 2] = reason;
}
