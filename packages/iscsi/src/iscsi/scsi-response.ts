import { putU32 } from "../bytes.ts";
import { FINAL, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/** Flag bits of byte 1, shared with Data-In. */
const OVERFLOW = 0x04;
const UNDERFLOW = 0x02;

/**
 * SCSI Response (RFC 7143 §11.4).
 *
 * ```
 *   0 | 0x21 | F . . o u O U . | Response | Status |
 *   4 | 0 | DataSegmentLength |
 *  16 | Initiator Task Tag | SNACK Tag |
 *  24 | StatSN | ExpCmdSN | MaxCmdSN |
 *  36 | ExpDataSN | Bidirectional residual | Residual Count |
 *  48 | SenseLength (2) and sense data |
 * ```
 */
export interface ScsiResponse extends Sequence {
  readonly initiatorTaskTag: number;
  /** SCSI status byte. */
  readonly status: number;
  /** Data-In and R2T PDUs that were sent for the command. */
  readonly expDataSN: number;
  /**
   * How the bytes of the command differ from what the initiator expected (RFC 7143 §11.4.5).
   * Positive: the command wanted more (overflow). Negative: less (underflow). Zero: as expected.
   */
  readonly residual: number;
  /** SenseLength and sense data. */
  readonly dataLength: number;
}

/** Writes the 48-byte header at `at`. */
export function putScsiResponse(bytes: Uint8Array, at: number, pdu: ScsiResponse): void {
  putHeader(
    bytes,
    at,
    TargetOpcode.scsiResponse,
    FINAL | residualFlag(pdu.residual),
    pdu.dataLength,
    pdu.initiatorTaskTag,
    pdu,
  );
  bytes[at + 3] = pdu.status;
  putU32(bytes, at + 36, pdu.expDataSN);
  putU32(bytes, at + 44, Math.abs(pdu.residual));
}

/** O, U or neither. */
export function residualFlag(residual: number): number {
  if (residual === 0) return 0;
  return residual > 0 ? OVERFLOW : UNDERFLOW;
}
