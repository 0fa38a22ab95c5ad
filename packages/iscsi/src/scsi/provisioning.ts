import type { BlockDevice } from "../block-device.ts";
import { byteAt, u16At, u32At, u64At } from "../bytes.ts";
import { MAX_PARAMETER_BYTES, MAX_UNMAP_DESCRIPTORS } from "../limits.ts";
import { blockRangeOf, MAX_TRANSFER_BLOCKS, requireInside, requireNoProtection } from "./block-range.ts";
import type { BlockRange } from "./block-range.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer, GOOD } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import { CollectedData, requireDataOut } from "./collected-data.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

const UNMAP = 0x42;
const WRITE_SAME_10 = 0x41;
const WRITE_SAME_16 = 0x93;
const GET_LBA_STATUS = { opcode: 0x9e, serviceAction: 0x12 };

/** The longest WRITE SAME, reported in VPD page B0h: no more than what one WRITE may carry. */
export const MAX_WRITE_SAME_BLOCKS: number = MAX_TRANSFER_BLOCKS;

/** Pieces in which a repeated block is written. */
const PIECE_BYTES = 262_144;

/** Block descriptors that GET LBA STATUS gives at most; the initiator asks on from there. */
const MAX_STATUS_DESCRIPTORS = 256;

/** UNMAP (SBC-3 §5.28): a header of 8 bytes and descriptors of 16. */
function unmap({ cdb, nexus, unit }: CommandContext): Execution {
  // ANCHOR is not offered (VPD page B2h, ANC_SUP 0).
  if ((byteAt(cdb, 1) & 0x01) !== 0) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  const length = u16At(cdb, 7);
  if (length === 0) return GOOD;
  if (length < 8) throw new CheckCondition(SenseOf.parameterListLengthError);
  return new CollectedData(length, async (bytes) => {
    for (const range of unmapRanges(bytes, nexus.device.sizeBytes)) {
      unit.requireNoSanitize();
      await nexus.device.discard(range.lba * BLOCK_BYTES, range.blockCount * BLOCK_BYTES);
    }
    if (!unit.identity.writeCache) await nexus.device.flush();
  });
}

function unmapRanges(bytes: Uint8Array, sizeBytes: number): BlockRange[] {
  if (bytes.length < 8) throw new CheckCondition(SenseOf.parameterListLengthError);
  // A descriptor that is cut short is ignored (SBC-3 §5.28.2).
  const count = Math.floor(Math.min(u16At(bytes, 2), bytes.length - 8) / 16);
  if (count > MAX_UNMAP_DESCRIPTORS) throw new CheckCondition(SenseOf.invalidFieldInParameterList);
  const ranges: BlockRange[] = [];
  for (let at = 8; at < 8 + count * 16; at += 16) {
    const range = { lba: u64At(bytes, at), blockCount: u32At(bytes, at + 8) };
    if (range.blockCount === 0 && range.lba <= sizeBytes / BLOCK_BYTES) continue;
    requireInside(range, sizeBytes);
    ranges.push(range);
  }
  return ranges;
}

/** Bits of byte 1 of WRITE SAME. */
const ANCHOR = 0x10;
const UNMAP_BIT = 0x08;
const NO_DATA_OUT = 0x01;

/** WRITE SAME (SBC-3 §5.43, §5.45): one block, written over the whole range, or the range unmapped when the block is zeros. */
function writeSame({ cdb, nexus, unit, dataOutLength }: CommandContext): Execution {
  requireNoProtection(cdb);
  const flags = byteAt(cdb, 1);
  const sixteen = byteAt(cdb, 0) === WRITE_SAME_16;
  // ANCHOR is not offered; LBDATA and PBDATA (bits 1 and 2) are obsolete; NDOB exists in the 16-byte form only.
  if ((flags & (ANCHOR | 0x06)) !== 0 || (!sixteen && (flags & NO_DATA_OUT) !== 0))
    throw new CheckCondition(SenseOf.invalidFieldInCdb);
  const range = blockRangeOf(cdb);
  if (range.blockCount === 0 || range.blockCount > MAX_WRITE_SAME_BLOCKS)
    throw new CheckCondition(SenseOf.invalidFieldInCdb);
  requireInside(range, nexus.device.sizeBytes);
  requireDataOut(dataOutLength, (flags & NO_DATA_OUT) === 0 ? BLOCK_BYTES : 0);
  const run = async (block: Uint8Array): Promise<void> => {
    unit.requireNoSanitize();
    if ((flags & UNMAP_BIT) !== 0 && block.every((byte) => byte === 0)) {
      await nexus.device.discard(range.lba * BLOCK_BYTES, range.blockCount * BLOCK_BYTES);
    } else {
      await writeRepeated(nexus.device, range, block);
    }
    if (!unit.identity.writeCache) await nexus.device.flush();
  };
  if ((flags & NO_DATA_OUT) !== 0) return { kind: "pending", done: run(new Uint8Array(BLOCK_BYTES)).then(() => GOOD) };
  return new CollectedData(BLOCK_BYTES, run);
}

async function writeRepeated(device: BlockDevice, range: BlockRange, block: Uint8Array): Promise<void> {
  const length = range.blockCount * BLOCK_BYTES;
  const piece = new Uint8Array(Math.min(PIECE_BYTES, length));
  for (let at = 0; at < piece.length; at += BLOCK_BYTES) piece.set(block, at);
  for (let at = 0; at < length; at += piece.length) {
    await device.write(range.lba * BLOCK_BYTES + at, piece.subarray(0, Math.min(piece.length, length - at)));
  }
}

/** GET LBA STATUS (SBC-3 §5.5): which blocks from the given one on take up space. */
function getLbaStatus({ cdb, nexus }: CommandContext): Execution {
  const { device } = nexus;
  const start = u64At(cdb, 2);
  const allocationLength = u32At(cdb, 10);
  requireInside({ lba: start, blockCount: 1 }, device.sizeBytes);
  const room = Math.floor((Math.min(allocationLength, MAX_PARAMETER_BYTES) - 8) / 16);
  const descriptors = lbaStatusOf(device, start * BLOCK_BYTES, Math.max(1, Math.min(MAX_STATUS_DESCRIPTORS, room)));
  const bytes = new Uint8Array(8 + descriptors.length * 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  descriptors.forEach(({ offset, length, allocated }, i) => {
    const at = 8 + i * 16;
    view.setBigUint64(at, BigInt(offset / BLOCK_BYTES));
    view.setUint32(at + 8, length / BLOCK_BYTES);
    bytes[at + 12] = allocated ? 0 : 1;
  });
  return answer(bytes, allocationLength);
}

interface AllocationRun {
  readonly offset: number;
  length: number;
  readonly allocated: boolean;
}

function lbaStatusOf(device: BlockDevice, from: number, maximum: number): AllocationRun[] {
  const runs: AllocationRun[] = [];
  for (let offset = from; offset < device.sizeBytes;) {
    const rest = device.sizeBytes - offset;
    const { allocated, lengthBytes } = device.isAllocated?.(offset) ?? { allocated: true, lengthBytes: rest };
    // At least one block, so that a device that answers 0 cannot hold us here; a descriptor counts 32 bits of blocks.
    const length = Math.max(
      BLOCK_BYTES,
      Math.min(lengthBytes - (lengthBytes % BLOCK_BYTES), rest, 0xffff_ffff * BLOCK_BYTES),
    );
    const last = runs.at(-1);
    if (last?.allocated === allocated && last.length + length <= 0xffff_ffff * BLOCK_BYTES) last.length += length;
    else if (runs.length === maximum) break;
    else runs.push({ offset, length, allocated });
    offset += length;
  }
  return runs;
}

const U32 = [0xff, 0xff, 0xff, 0xff];

/** The commands of thin provisioning. */
export const PROVISIONING_COMMANDS: readonly Command[] = [
  { opcode: UNMAP, access: "writes", usage: [UNMAP, 0x01, 0, 0, 0, 0, 0x1f, 0xff, 0xff, 0x04], execute: unmap },
  {
    opcode: WRITE_SAME_10,
    access: "writes",
    usage: [WRITE_SAME_10, 0xf8, ...U32, 0x1f, 0xff, 0xff, 0x04],
    execute: writeSame,
  },
  {
    opcode: WRITE_SAME_16,
    access: "writes",
    usage: [WRITE_SAME_16, 0xf9, ...U32, ...U32, ...U32, 0x1f, 0x04],
    execute: writeSame,
  },
  {
    ...GET_LBA_STATUS,
    access: "reads",
    usage: [GET_LBA_STATUS.opcode, GET_LBA_STATUS.serviceAction, ...U32, ...U32, ...U32, 0, 0x04],
    execute: getLbaStatus,
  },
];
