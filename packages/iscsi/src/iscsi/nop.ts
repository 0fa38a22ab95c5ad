import { putU32 } from "../bytes.ts";
import { FINAL, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/**
 * NOP-In (RFC 7143 §11.19): the answer to a NOP-Out, with the ping's tag and bytes, or a ping of our own, with a Target Transfer Tag
 * that is to come back.
 *
 * ```
 *   0 | 0x20 | 1 | Reserved |
 *   8 | LUN |
 *  16 | Initiator Task Tag | Target Transfer Tag |
 *  24 | StatSN | ExpCmdSN | MaxCmdSN |
 * ```
 */
export interface NopIn extends Sequence {
  /** `NO_TAG` in a ping of our own. */
  readonly initiatorTaskTag: number;
  /** `NO_TAG` in an answer. */
  readonly targetTransferTag: number;
  readonly dataLength: number;
}

/** Writes the 48-byte header at `at`. */
export function putNopIn(bytes: Uint8Array, at: number, pdu: NopIn): void {
  putHeader(bytes, at, TargetOpcode.nopIn, FINAL, pdu.dataLength, pdu.initiatorTaskTag, pdu);
  putU32(bytes, at + 20, pdu.targetTransferTag);
}
