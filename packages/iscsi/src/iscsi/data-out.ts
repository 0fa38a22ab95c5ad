import { byteAt, u32At } from "../bytes.ts";
import { FINAL } from "./bhs.ts";

/**
 * SCSI Data-Out (RFC 7143 §11.7).
 *
 * ```
 *   0 | 0x05 | F | Reserved |
 *   4 | TotalAHSLength | DataSegmentLength |
 *   8 | LUN |
 *  16 | Initiator Task Tag | Target Transfer Tag |
 *  28 | ExpStatSN |
 *  36 | DataSN | Buffer Offset |
 * ```
 */
export interface DataOut {
  /** The last PDU of its burst. */
  readonly final: boolean;
  readonly initiatorTaskTag: number;
  /** The tag of the R2T that asked for it, or `NO_TAG` for unsolicited data. */
  readonly targetTransferTag: number;
  /** Counts from 0 within one burst. */
  readonly dataSN: number;
  readonly bufferOffset: number;
}

/** Reads the 48-byte header at `at`. Every value of its fields can be sent. */
export function decodeDataOut(bytes: Uint8Array, at: number): DataOut {
  return {
    final: (byteAt(bytes, at + 1) & FINAL) !== 0,
    initiatorTaskTag: u32At(bytes, at + 16),
    targetTransferTag: u32At(bytes, at + 20),
    dataSN: u32At(bytes, at + 36),
    bufferOffset: u32At(bytes, at + 40),
  };
}
