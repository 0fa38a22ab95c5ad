import type { BlockDevice } from "../block-device.ts";
import { byteAt } from "../bytes.ts";
import { MAX_COMPARE_AND_WRITE_BLOCKS } from "../limits.ts";
import { blockRangeOf, requireInside, requireNoProtection, requireTransferable } from "./block-range.ts";
import type { BlockRange } from "./block-range.ts";
import { CollectedData, requireDataOut } from "./collected-data.ts";
import type { Command, CommandContext } from "./command.ts";
import { GOOD, goodAfter } from "./execution.ts";
import type { DataInExecution, DataOutExecution, Execution } from "./execution.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

/** Operation codes of this file (SBC-3 §5.1). */
const BlockOpcode = {
  read6: 0x08,
  write6: 0x0a,
  read10: 0x28,
  write10: 0x2a,
  writeAndVerify10: 0x2e,
  verify10: 0x2f,
  prefetch10: 0x34,
  synchronizeCache10: 0x35,
  read16: 0x88,
  compareAndWrite: 0x89,
  write16: 0x8a,
  orWrite16: 0x8b,
  writeAndVerify16: 0x8e,
  verify16: 0x8f,
  prefetch16: 0x90,
  synchronizeCache16: 0x91,
  read12: 0xa8,
  write12: 0xaa,
  writeAndVerify12: 0xae,
  verify12: 0xaf,
} as const;

/** FUA of byte 1: the data must be on stable storage before GOOD. */
const FUA = 0x08;
/** BYTCHK of byte 1, bits 1 and 2. */
const BYTE_CHECK = 0x06;

/** READ: the device reads straight into the reply. */
class BlockRead implements DataInExecution {
  readonly kind = "dataIn";
  readonly length: number;
  readonly #device: BlockDevice;
  readonly #start: number;

  constructor(device: BlockDevice, range: BlockRange) {
    this.#device = device;
    this.#start = range.lba * BLOCK_BYTES;
    this.length = range.blockCount * BLOCK_BYTES;
  }

  produce(offset: number, into: Uint8Array): void | Promise<void> {
    return this.#device.read(this.#start + offset, into);
  }
}

/** WRITE: pieces go to the device as they come. */
class BlockWrite implements DataOutExecution {
  readonly kind = "dataOut";
  readonly granularity = BLOCK_BYTES;
  readonly length: number;
  readonly #unit: LogicalUnit;
  readonly #device: BlockDevice;
  readonly #start: number;
  readonly #flush: boolean;

  constructor({ unit, nexus }: CommandContext, range: BlockRange, flush: boolean) {
    this.#unit = unit;
    this.#device = nexus.device;
    this.#start = range.lba * BLOCK_BYTES;
    this.length = range.blockCount * BLOCK_BYTES;
    this.#flush = flush;
  }

  consume(offset: number, bytes: Uint8Array): void | Promise<void> {
    // A sanitize may have begun while the data was on its way; what it overwrote must not come back.
    if (this.#unit.sanitizing !== undefined) this.#unit.requireNoSanitize();
    return this.#device.write(this.#start + offset, bytes);
  }

  finish(): void | Promise<void> {
    return this.#flush ? this.#device.flush() : undefined;
  }
}

/** What is on the disk is compared with what comes. */
class BlockCompare implements DataOutExecution {
  readonly kind = "dataOut";
  readonly granularity = BLOCK_BYTES;
  readonly length: number;
  readonly #device: BlockDevice;
  readonly #start: number;

  constructor(device: BlockDevice, range: BlockRange) {
    this.#device = device;
    this.#start = range.lba * BLOCK_BYTES;
    this.length = range.blockCount * BLOCK_BYTES;
  }

  async consume(offset: number, bytes: Uint8Array): Promise<void> {
    const stored = new Uint8Array(bytes.length);
    await this.#device.read(this.#start + offset, stored);
    requireEqual(stored, bytes, offset);
  }

  finish(): void {}
}

function requireEqual(stored: Uint8Array, given: Uint8Array, offset: number): void {
  const different = stored.findIndex((byte, i) => byte !== given[i]);
  if (different >= 0) throw new CheckCondition({ ...SenseOf.miscompareDuringVerify, information: offset + different });
}

function rangeOnDisk({ cdb, nexus }: CommandContext): BlockRange {
  const range = blockRangeOf(cdb);
  requireInside(range, nexus.device.sizeBytes);
  return range;
}

function read(context: CommandContext): Execution {
  const { cdb, nexus } = context;
  const six = cdb[0] === BlockOpcode.read6;
  if (!six) requireNoProtection(cdb);
  const range = rangeOnDisk(context);
  requireTransferable(range);
  const execution = new BlockRead(nexus.device, range);
  // FUA on a read: what is cached must be stable before it is read (SBC-3 §4.15).
  if (!six && (byteAt(cdb, 1) & FUA) !== 0 && context.unit.identity.writeCache)
    return readAfterFlush(nexus.device, execution);
  return execution;
}

function readAfterFlush(device: BlockDevice, execution: BlockRead): DataInExecution {
  let flushed: Promise<void> | undefined;
  return {
    kind: "dataIn",
    length: execution.length,
    async produce(offset, into) {
      flushed ??= device.flush();
      await flushed;
      await execution.produce(offset, into);
    },
  };
}

function write(context: CommandContext): Execution {
  const { cdb, unit } = context;
  const six = cdb[0] === BlockOpcode.write6;
  if (!six) requireNoProtection(cdb);
  const range = rangeOnDisk(context);
  requireTransferable(range);
  return new BlockWrite(context, range, !unit.identity.writeCache || (!six && (byteAt(cdb, 1) & FUA) !== 0));
}

/** WRITE AND VERIFY: written, read back, compared and made stable, whatever BYTCHK says. */
function writeAndVerify(context: CommandContext): Execution {
  const { cdb, nexus } = context;
  requireNoProtection(cdb);
  const range = rangeOnDisk(context);
  requireTransferable(range);
  const byteCheck = byteAt(cdb, 1) & BYTE_CHECK;
  if (byteCheck > 2) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  const writing = new BlockWrite(context, range, true);
  const comparing = new BlockCompare(nexus.device, range);
  return {
    kind: "dataOut",
    length: writing.length,
    granularity: BLOCK_BYTES,
    async consume(offset, bytes) {
      await writing.consume(offset, bytes);
      await comparing.consume(offset, bytes);
    },
    finish: () => writing.finish(),
  };
}

/** VERIFY: BYTCHK 0 reads the blocks, 1 compares them with as many bytes, 3 compares each with one block (SBC-3 §5.33). */
function verify(context: CommandContext): Execution {
  const { cdb, nexus } = context;
  requireNoProtection(cdb);
  const range = rangeOnDisk(context);
  const start = range.lba * BLOCK_BYTES;
  switch ((byteAt(cdb, 1) & BYTE_CHECK) >>> 1) {
    case 0:
      return { kind: "pending", done: readThrough(nexus.device, range).then(() => GOOD) };
    case 1:
      requireTransferable(range);
      return new BlockCompare(nexus.device, range);
    case 3:
      requireTransferable(range);
      if (range.blockCount === 0) return GOOD;
      return new CollectedData(BLOCK_BYTES, async (pattern) => {
        const stored = new Uint8Array(BLOCK_BYTES);
        for (let i = 0; i < range.blockCount; i++) {
          await nexus.device.read(start + i * BLOCK_BYTES, stored);
          requireEqual(stored.subarray(0, pattern.length), pattern, i * BLOCK_BYTES);
        }
      });
    default:
      throw new CheckCondition(SenseOf.invalidFieldInCdb);
  }
}

/** Reads blocks for the sake of reading them; a piece at a time. */
async function readThrough(device: BlockDevice, range: BlockRange): Promise<void> {
  const piece = new Uint8Array(262_144);
  const end = (range.lba + range.blockCount) * BLOCK_BYTES;
  for (let at = range.lba * BLOCK_BYTES; at < end; at += piece.length) {
    await device.read(at, piece.subarray(0, Math.min(piece.length, end - at)));
  }
}

function synchronizeCache(context: CommandContext): Execution {
  rangeOnDisk(context);
  return goodAfter(context.nexus.device.flush());
}

/** PRE-FETCH is a hint; whoever caches does so by itself. */
function prefetch(context: CommandContext): Execution {
  rangeOnDisk(context);
  return GOOD;
}

/** COMPARE AND WRITE (SBC-3 §5.2): half of the data is compared, the other half written if all is equal, with nothing in between. */
function compareAndWrite(context: CommandContext): Execution {
  const { cdb, nexus, unit, dataOutLength } = context;
  requireNoProtection(cdb);
  const range = { lba: blockRangeOf(cdb).lba, blockCount: byteAt(cdb, 13) };
  requireInside(range, nexus.device.sizeBytes);
  if (range.blockCount > MAX_COMPARE_AND_WRITE_BLOCKS) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  const length = range.blockCount * BLOCK_BYTES;
  requireDataOut(dataOutLength, length * 2);
  if (length === 0) return GOOD;
  const start = range.lba * BLOCK_BYTES;
  const fua = (byteAt(cdb, 1) & FUA) !== 0 || !unit.identity.writeCache;
  return new CollectedData(length * 2, (bytes) =>
    unit.exclusively(async () => {
      const stored = new Uint8Array(length);
      await nexus.device.read(start, stored);
      requireEqual(stored, bytes.subarray(0, length), 0);
      unit.requireNoSanitize();
      await nexus.device.write(start, bytes.subarray(length));
      if (fua) await nexus.device.flush();
    }),
  );
}

/** ORWRITE: the blocks become what they were, with the given bits set (SBC-3 §5.12). */
function orWrite(context: CommandContext): Execution {
  const { cdb, nexus, unit } = context;
  requireNoProtection(cdb);
  const range = rangeOnDisk(context);
  requireTransferable(range);
  const writing = new BlockWrite(context, range, !unit.identity.writeCache || (byteAt(cdb, 1) & FUA) !== 0);
  const start = range.lba * BLOCK_BYTES;
  return {
    kind: "dataOut",
    length: writing.length,
    granularity: BLOCK_BYTES,
    consume: (offset, bytes) =>
      unit.exclusively(async () => {
        const merged = new Uint8Array(bytes.length);
        await nexus.device.read(start + offset, merged);
        for (const [i, byte] of bytes.entries()) merged[i] = byteAt(merged, i) | byte;
        await writing.consume(offset, merged);
      }),
    finish: () => writing.finish(),
  };
}

const U32 = [0xff, 0xff, 0xff, 0xff];
const six = (opcode: number): number[] => [opcode, 0x1f, 0xff, 0xff, 0xff, 0x04];
const ten = (opcode: number, flags: number): number[] => [opcode, flags, ...U32, 0x1f, 0xff, 0xff, 0x04];
const twelve = (opcode: number, flags: number): number[] => [opcode, flags, ...U32, ...U32, 0x1f, 0x04];
const sixteen = (opcode: number, flags: number): number[] => [opcode, flags, ...U32, ...U32, ...U32, 0x1f, 0x04];

const op = BlockOpcode;

/** The commands that move blocks, and those that only look at them. */
export const READ_WRITE_COMMANDS: readonly Command[] = [
  { opcode: op.read6, access: "reads", usage: six(op.read6), execute: read },
  { opcode: op.read10, access: "reads", usage: ten(op.read10, 0xf8), execute: read },
  { opcode: op.read12, access: "reads", usage: twelve(op.read12, 0xf8), execute: read },
  { opcode: op.read16, access: "reads", usage: sixteen(op.read16, 0xf8), execute: read },
  { opcode: op.write6, access: "writes", usage: six(op.write6), execute: write },
  { opcode: op.write10, access: "writes", usage: ten(op.write10, 0xf8), execute: write },
  { opcode: op.write12, access: "writes", usage: twelve(op.write12, 0xf8), execute: write },
  { opcode: op.write16, access: "writes", usage: sixteen(op.write16, 0xf8), execute: write },
  { opcode: op.writeAndVerify10, access: "writes", usage: ten(op.writeAndVerify10, 0xf6), execute: writeAndVerify },
  { opcode: op.writeAndVerify12, access: "writes", usage: twelve(op.writeAndVerify12, 0xf6), execute: writeAndVerify },
  { opcode: op.writeAndVerify16, access: "writes", usage: sixteen(op.writeAndVerify16, 0xf6), execute: writeAndVerify },
  { opcode: op.verify10, access: "reads", usage: ten(op.verify10, 0xf6), execute: verify },
  { opcode: op.verify12, access: "reads", usage: twelve(op.verify12, 0xf6), execute: verify },
  { opcode: op.verify16, access: "reads", usage: sixteen(op.verify16, 0xf6), execute: verify },
  { opcode: op.prefetch10, access: "reads", usage: ten(op.prefetch10, 0x02), execute: prefetch },
  { opcode: op.prefetch16, access: "reads", usage: sixteen(op.prefetch16, 0x02), execute: prefetch },
  {
    opcode: op.synchronizeCache10,
    access: "flushes",
    usage: ten(op.synchronizeCache10, 0x02),
    execute: synchronizeCache,
  },
  {
    opcode: op.synchronizeCache16,
    access: "flushes",
    usage: sixteen(op.synchronizeCache16, 0x02),
    execute: synchronizeCache,
  },
  {
    opcode: op.compareAndWrite,
    access: "writes",
    usage: [op.compareAndWrite, 0xf8, ...U32, ...U32, 0, 0, 0, 0xff, 0x1f, 0x04],
    execute: compareAndWrite,
  },
  { opcode: op.orWrite16, access: "writes", usage: sixteen(op.orWrite16, 0xf8), execute: orWrite },
];
