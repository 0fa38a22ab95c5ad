import type { BlockDevice } from "../block-device.ts";
import { byteAt, u16At } from "../bytes.ts";
import { CollectedData, requireDataOut } from "./collected-data.ts";
import type { Command, CommandContext } from "./command.ts";
import { checkCondition, GOOD } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import type { LogicalUnit, Nexus } from "./logical-unit.ts";
import { SanitizeOperation } from "./sanitize.ts";
import type { SanitizePlan } from "./sanitize.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

/** Operation code of SANITIZE. */
export const SANITIZE = 0x48;

/** Service actions (SBC-3 §5.20.1). There is no CRYPTOGRAPHIC ERASE: nothing is encrypted. */
const ServiceAction = { overwrite: 0x01, blockErase: 0x02, exitFailureMode: 0x1f } as const;

/** Bits of byte 1. */
const IMMED = 0x80;
const RESERVED = 0x40;
const AUSE = 0x20;

/** Bits of byte 0 of the parameter list of OVERWRITE (SBC-3 §5.20.2.2). */
const INVERT = 0x80;
const TEST = 0x60;
const OVERWRITE_COUNT = 0x1f;
const HEADER_BYTES = 4;

/** Checks what all service actions share; returns the parameter list length. */
function parameterListLength(cdb: Uint8Array): number {
  const hasReserved = (byteAt(cdb, 1) & RESERVED) !== 0 || cdb.subarray(2, 7).some((byte) => byte !== 0);
  if (hasReserved) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  return u16At(cdb, 7);
}

function requireNoParameters(cdb: Uint8Array): void {
  if (parameterListLength(cdb) !== 0) throw new CheckCondition(SenseOf.invalidFieldInCdb);
}

function begin(unit: LogicalUnit, nexus: Nexus, cdb: Uint8Array, plan: SanitizePlan): SanitizeOperation {
  const devices = [...unit.nexuses].map(({ device }) => device);
  const allowsExit = (byteAt(cdb, 1) & AUSE) !== 0;
  const operation = new SanitizeOperation(plan, allowsExit, nexus.device.sizeBytes, devices);
  unit.sanitize(operation);
  return operation;
}

function isImmediate(cdb: Uint8Array): boolean {
  return (byteAt(cdb, 1) & IMMED) !== 0;
}

function blockErase({ unit, nexus, cdb }: CommandContext): Execution {
  requireNoParameters(cdb);
  const { ended } = begin(unit, nexus, cdb, { kind: "blockErase" });
  if (isImmediate(cdb)) return GOOD;
  const done = ended.then((sense) => (sense === undefined ? GOOD : checkCondition(sense)));
  return { kind: "pending", done, outlivesCommand: true };
}

function overwrite({ unit, nexus, cdb, dataOutLength }: CommandContext): Execution {
  const length = parameterListLength(cdb);
  if (length <= HEADER_BYTES || length > HEADER_BYTES + BLOCK_BYTES)
    throw new CheckCondition(SenseOf.invalidFieldInCdb);
  requireDataOut(dataOutLength, length);
  const collecting = new CollectedData(length, async (list) => {
    const plan = overwritePlan(list);
    // Another one may have begun while the data was on its way.
    unit.requireNoSanitize();
    const { ended } = begin(unit, nexus, cdb, plan);
    if (isImmediate(cdb)) return;
    const sense = await ended;
    if (sense !== undefined) throw new CheckCondition(sense);
  });
  return {
    kind: "dataOut",
    length,
    granularity: collecting.granularity,
    consume: (offset, bytes) => collecting.consume(offset, bytes),
    finish: (received) => collecting.finish(received),
    outlivesCommand: true,
  };
}

function overwritePlan(list: Uint8Array): SanitizePlan {
  const flags = byteAt(list, 0);
  const patternLength = u16At(list, 2);
  const passes = flags & OVERWRITE_COUNT;
  const isWrong =
    passes === 0 ||
    (flags & TEST) !== 0 ||
    byteAt(list, 1) !== 0 ||
    patternLength === 0 ||
    patternLength !== list.length - HEADER_BYTES;
  if (isWrong) throw new CheckCondition(SenseOf.invalidFieldInParameterList);
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < BLOCK_BYTES; at += patternLength) {
    block.set(list.subarray(HEADER_BYTES, HEADER_BYTES + Math.min(patternLength, BLOCK_BYTES - at)), at);
  }
  return { kind: "overwrite", block, passes, invert: (flags & INVERT) !== 0 };
}

/** EXIT FAILURE MODE: only after a SANITIZE that allowed it by AUSE; without a failure it does nothing (SBC-3 §5.20.2.5). */
function exitFailureMode({ unit, cdb }: CommandContext): Execution {
  requireNoParameters(cdb);
  if (unit.sanitizing?.allowsExit === false) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  unit.exitSanitizeFailure();
  return GOOD;
}

const usageOf = (serviceAction: number): number[] => [SANITIZE, 0xa0 | serviceAction, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04];

/** An erased block must be seen to take up no space; a device that cannot tell offers OVERWRITE alone. */
function tellsAllocation(device: BlockDevice): boolean {
  return device.isAllocated !== undefined;
}

/** SANITIZE (SBC-3 §5.20). */
export const SANITIZE_COMMANDS: readonly Command[] = [
  {
    opcode: SANITIZE,
    serviceAction: ServiceAction.overwrite,
    access: "writes",
    usage: usageOf(ServiceAction.overwrite),
    execute: overwrite,
  },
  {
    opcode: SANITIZE,
    serviceAction: ServiceAction.blockErase,
    access: "writes",
    usage: usageOf(ServiceAction.blockErase),
    isOffered: tellsAllocation,
    execute: blockErase,
  },
  {
    opcode: SANITIZE,
    serviceAction: ServiceAction.exitFailureMode,
    access: "writes",
    usage: usageOf(ServiceAction.exitFailureMode),
    execute: exitFailureMode,
  },
];
