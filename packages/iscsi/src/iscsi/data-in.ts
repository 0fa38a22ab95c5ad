import { putU32 } from "../bytes.ts";
import { FINAL, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";
import { residualFlag } from "./scsi-response.ts";

const STATUS_PRESENT = 0x01;

/**
 * SCSI Data-In (RFC 7143 §11.7).
 *
 * ```
 *   0 | 0x25 | F A . . . O U S | Reserved | Status |
 *   4 | 0 | DataSegmentLength |
 *   8 | LUN |
 *  16 | Initiator Task Tag | Target Transfer Tag |
 *  24 | StatSN | ExpCmdSN | MaxCmdSN |
 *  36 | DataSN | Buffer Offset | Residual Count |
 * ```
 */
export interface DataIn extends Sequence {
  readonly initiatorTaskTag: number;
  /** The last PDU of its sequence. */
  readonly final: boolean;
  /** Status GOOD travels in this PDU (S bit); only with `final`. */
  readonly withStatus: boolean;
  readonly dataSN: number;
  readonly bufferOffset: number;
  /** Only with `withStatus`, as in `ScsiResponse`. */
  readonly residual: number;
  readonly dataLength: number;
}

/** Writes the 48-byte header at `at`. */
export function putDataIn(bytes: Uint8Array, at: number, pdu: DataIn): void {
  const flags = (pdu.final ? FINAL : 0) | (pdu.withStatus ? STATUS_PRESENT | residualFlag(pdu.residual) : 0);
  putHeader(bytes, at, TargetOpcode.dataIn, flags, pdu.dataLength, pdu.initiatorTaskTag, pdu);
  putU32(bytes, at + 20, 0xffff_ffff);
  if (!pdu.withStatus) putU32(bytes, at + 24, 0);
  putU32(bytes, at + 36, pdu.dataSN);
  putU32(bytes, at + 40, pdu.bufferOffset);
  if (pdu.withStatus) putU32(bytes, at + 44, Math.abs(pdu.residual));
}
