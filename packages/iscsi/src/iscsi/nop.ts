import { putU32 } from "../bytes.ts";
import { FINAL, NO_TAG, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/**
 * NOP-In as the answer to a NOP-Out (RFC 7143 §11.19): the ping's tag and bytes come back. We never ping ourselves:
 * iPXE does not answer, so silence would prove nothing; TCP's own probes do.
 *
 * ```
 *   0 | 0x20 | 1 | Reserved |
 *   8 | LUN |
 *  16 | Initiator Task Tag | Target Transfer Tag = 0xffffffff |
 *  24 | StatSN | ExpCmdSN | MaxCmdSN |
 * ```
 */
export interface NopIn extends Sequence {
  readonly initiatorTaskTag: number;
  readonly dataLength: number;
}

/** Writes the 48-byte header at `at`. */
export function putNopIn(bytes: Uint8Array, at: number, pdu: NopIn): void {
  putHeader(bytes, at, TargetOpcode.nopIn, FINAL, pdu.dataLength, pdu.initiatorTaskTag, pdu);
  putU32(bytes, at + 20, NO_TAG);
}
