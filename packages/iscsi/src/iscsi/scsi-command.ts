import { IscsiError } from "../errors.ts";
import { byteAt, u16At, u32At } from "../bytes.ts";
import { ahsLengthOf, BHS_BYTES, FINAL } from "./bhs.ts";

/** Additional header segment that carries the bytes of a CDB after the 16th (RFC 7143 §11.2.2.3). */
const AHS_EXTENDED_CDB = 1;

/** Byte 1 of a SCSI Command. */
const READ = 0x40;
const WRITE = 0x20;

/**
 * SCSI Command (RFC 7143 §11.3).
 *
 * ```
 *   0 | .I 0x01 | F R W . . ATTR | Reserved |
 *   4 | TotalAHSLength | DataSegmentLength |
 *   8 | Logical Unit Number |
 *  16 | Initiator Task Tag | Expected Data Transfer Length |
 *  24 | CmdSN | ExpStatSN |
 *  32 | CDB, 16 bytes |
 *  48 | AHS | Header-Digest | immediate data | Data-Digest |
 * ```
 */
export interface ScsiCommand {
  /** No unsolicited Data-Out follows. */
  readonly final: boolean;
  readonly read: boolean;
  readonly write: boolean;
  /** Task attribute, 0 to 7. */
  readonly attribute: number;
  readonly initiatorTaskTag: number;
  /** Bytes that the initiator is ready to take or to give. */
  readonly expectedDataTransferLength: number;
  /** A view of the CDB in the receive buffer (16 bytes), or a copy with the extended CDB appended. */
  readonly cdb: Uint8Array;
}

/** Reads the BHS at `at`; throws `malformedPdu` when its additional headers do not add up. */
export function decodeScsiCommand(bytes: Uint8Array, at: number): ScsiCommand {
  const flags = byteAt(bytes, at + 1);
  const ahsLength = ahsLengthOf(bytes, at);
  return {
    final: (flags & FINAL) !== 0,
    read: (flags & READ) !== 0,
    write: (flags & WRITE) !== 0,
    attribute: flags & 7,
    initiatorTaskTag: u32At(bytes, at + 16),
    expectedDataTransferLength: u32At(bytes, at + 20),
    // A copy: commands look at it as long as they run. (`slice` of a Buffer would be none.)
    cdb: ahsLength === 0 ? Uint8Array.prototype.slice.call(bytes, at + 32, at + 48) : extendedCdb(bytes, at, ahsLength),
  };
}

function extendedCdb(bytes: Uint8Array, at: number, ahsLength: number): Uint8Array {
  const end = at + BHS_BYTES + ahsLength;
  let cdb = bytes.slice(at + 32, at + 48);
  for (let ahs = at + BHS_BYTES; ahs < end;) {
    // AHSLength counts the bytes after AHSType, the reserved byte included, the padding not.
    const length = u16At(bytes, ahs);
    const next = ahs + ((3 + length + 3) & ~3);
    if (length === 0 || next > end) {
      throw new IscsiError(
        "malformedPdu",
        `SCSI Command: AHS of ${length} bytes at ${ahs - at} does not fit ${ahsLength}`,
      );
    }
    if ((byteAt(bytes, ahs + 2) & 0x3f) === AHS_EXTENDED_CDB) {
      const joined = new Uint8Array(cdb.length + length - 1);
      joined.set(cdb);
      joined.set(bytes.subarray(ahs + 4, ahs + 3 + length), cdb.length);
      cdb = joined;
    }
    ahs = next;
  }
  return cdb;
}
