import { byteAt, u16At, u32At, u64At } from "../bytes.ts";
import { MAX_TRANSFER_BYTES } from "../limits.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

/** The blocks that a CDB is about. */
export interface BlockRange {
  readonly lba: number;
  readonly blockCount: number;
}

/** The most blocks of one transfer, as reported in VPD page B0h. */
export const MAX_TRANSFER_BLOCKS: number = MAX_TRANSFER_BYTES / BLOCK_BYTES;

/** LBA and length of a 6-, 10-, 12- or 16-byte CDB in the layout that READ and its relatives share (SBC-3 §5). */
export function blockRangeOf(cdb: Uint8Array): BlockRange {
  const opcode = byteAt(cdb, 0);
  switch (opcode >>> 5) {
    case 0:
      // A length of 0 means 256 blocks in the 6-byte CDBs only.
      return { lba: u32At(cdb, 0) & 0x1f_ffff, blockCount: byteAt(cdb, 4) || 256 };
    case 4:
      return { lba: u64At(cdb, 2), blockCount: u32At(cdb, 10) };
    case 5:
      return { lba: u32At(cdb, 2), blockCount: u32At(cdb, 6) };
    default:
      return { lba: u32At(cdb, 2), blockCount: u16At(cdb, 7) };
  }
}

/** Throws LOGICAL BLOCK ADDRESS OUT OF RANGE unless the range lies on the disk; an empty range may stand at its very end only. */
export function requireInside(range: BlockRange, sizeBytes: number): void {
  const size = sizeBytes / BLOCK_BYTES;
  if (range.lba >= size || range.lba + range.blockCount > size)
    throw new CheckCondition(SenseOf.logicalBlockAddressOutOfRange);
}

/** Throws INVALID FIELD IN CDB when the transfer is longer than VPD page B0h allows. */
export function requireTransferable(range: BlockRange): void {
  if (range.blockCount > MAX_TRANSFER_BLOCKS) throw new CheckCondition(SenseOf.invalidFieldInCdb);
}

/** Throws INVALID FIELD IN CDB when protection information is asked for: the disk has none. */
export function requireNoProtection(cdb: Uint8Array): void {
  if ((byteAt(cdb, 1) & 0xe0) !== 0) throw new CheckCondition(SenseOf.invalidFieldInCdb);
}
