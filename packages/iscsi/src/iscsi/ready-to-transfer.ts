import { putU32 } from "../bytes.ts";
import { FINAL, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/**
 * Ready To Transfer (RFC 7143 §11.8).
 *
 * ```
 *   0 | 0x31 | F | Reserved |
 *   8 | LUN |
 *  16 | Initiator Task Tag | Target Transfer Tag |
 *  24 | StatSN (next) | ExpCmdSN | MaxCmdSN |
 *  36 | R2TSN | Buffer Offset | Desired Data Transfer Length |
 * ```
 */
export interface ReadyToTransfer extends Sequence {
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly r2tSN: number;
  readonly bufferOffset: number;
  readonly desiredDataTransferLength: number;
}

/** Writes the 48-byte header at `at`; the LUN is 0, the only one there is. */
export function putReadyToTransfer(bytes: Uint8Array, at: number, pdu: ReadyToTransfer): void {
  putHeader(bytes, at, TargetOpcode.readyToTransfer, FINAL, 0, pdu.initiatorTaskTag, pdu);
  putU32(bytes, at + 20, pdu.targetTransferTag);
  putU32(bytes, at + 36, pdu.r2tSN);
  putU32(bytes, at + 40, pdu.bufferOffset);
  putU32(bytes, at + 44, pdu.desiredDataTransferLength);
}
