import { byteAt, u32At } from "../bytes.ts";
import { MAX_COPY_SEGMENTS, MAX_COPY_TARGETS } from "../limits.ts";
import { CollectedData, requireDataOut } from "./collected-data.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer, GOOD } from "./execution.ts";
import type { Execution } from "./execution.ts";
import {
  BLOCK_TO_BLOCK_SEGMENT,
  CopyManagerStatus,
  copySegment,
  decodeCopyList,
  IDENTIFICATION_TARGET,
  MAX_COPY_PARAMETER_BYTES,
  MAX_DESCRIPTOR_LIST_BYTES,
} from "./extended-copy.ts";
import type { CopyList, CopyProgress, CopySegment } from "./extended-copy.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import type { LogicalUnit, Nexus } from "./logical-unit.ts";
import { CheckCondition, SenseOf } from "./sense.ts";
import { unitDesignators } from "./vital-product-data.ts";

const EXTENDED_COPY = { opcode: 0x83, serviceAction: 0x00 };
const COPY_STATUS = { opcode: 0x84, serviceAction: 0x00 };
const OPERATING_PARAMETERS = { opcode: 0x84, serviceAction: 0x03 };

/** 512-byte blocks are the unit of what is copied. */
const GRANULARITY_LOG2 = Math.log2(BLOCK_BYTES);
const MAX_SEGMENT_BYTES = 0xffff * BLOCK_BYTES;

/**
 * EXTENDED COPY(LID1) (SPC-4 §6.4) within this disk: our copy manager reaches nothing else. Block to block segments, targets named by a
 * designator of VPD page 83h.
 */
function extendedCopy({ cdb, unit, nexus, dataOutLength }: CommandContext): Execution {
  const length = u32At(cdb, 10);
  if (length === 0) return GOOD;
  // What is longer than all we can take is collected only as far as it takes to say so.
  requireDataOut(dataOutLength, length);
  return new CollectedData(Math.min(length, MAX_COPY_PARAMETER_BYTES), async (bytes) => {
    if (length > MAX_COPY_PARAMETER_BYTES) throw new CheckCondition(SenseOf.parameterListLengthError);
    const list = decodeCopyList(bytes);
    const progress: CopyProgress = { listId: list.listId, status: CopyManagerStatus.inProgress, segments: 0, bytes: 0 };
    if (!list.isUnnamed) unit.lastCopies.set(nexus, progress);
    await copy(list, unit, nexus, progress);
  });
}

async function copy(list: CopyList, unit: LogicalUnit, nexus: Nexus, progress: CopyProgress): Promise<void> {
  const own = unitDesignators(unit).map((designator) => designator.toHex());
  progress.status = CopyManagerStatus.completedWithErrors;
  for (const segment of list.segments) {
    requireReachable(list, segment, own, nexus.device.sizeBytes / BLOCK_BYTES);
    unit.requireNoSanitize();
    await copySegment(nexus.device, segment);
    progress.segments++;
    progress.bytes += segment.blockCount * BLOCK_BYTES;
  }
  if (!unit.identity.writeCache) await nexus.device.flush();
  progress.status = CopyManagerStatus.completed;
}

/** Throws COPY ABORTED unless both ends are this disk, and on it. */
function requireReachable(list: CopyList, segment: CopySegment, own: readonly string[], blockCount: number): void {
  for (const index of [segment.source, segment.destination]) {
    const target = list.targets[index];
    if (target === undefined || !own.includes(target.toHex())) throw new CheckCondition(SenseOf.unreachableCopyTarget);
  }
  const end = Math.max(segment.sourceLba, segment.destinationLba) + segment.blockCount;
  if (end > blockCount) throw new CheckCondition(SenseOf.copyAborted);
}

/** RECEIVE COPY STATUS(LID1) (SPC-4 §6.24): of the last copy of this session, given once. */
function copyStatus({ cdb, unit, nexus }: CommandContext): Execution {
  const progress = unit.lastCopies.get(nexus);
  if (progress === undefined || progress.listId !== byteAt(cdb, 2)) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  if (progress.status !== CopyManagerStatus.inProgress) unit.lastCopies.delete(nexus);
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  bytes[4] = progress.status;
  view.setUint16(5, progress.segments);
  view.setUint32(8, progress.bytes);
  return answer(bytes, u32At(cdb, 10));
}

/** RECEIVE COPY OPERATING PARAMETERS (SPC-4 §6.23). */
function operatingParameters({ cdb }: CommandContext): Execution {
  const types = [BLOCK_TO_BLOCK_SEGMENT, IDENTIFICATION_TARGET];
  const bytes = new Uint8Array(44 + types.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  bytes[4] = 0x01; // SNLID: LIST ID USAGE 11b is known
  view.setUint16(8, MAX_COPY_TARGETS);
  view.setUint16(10, MAX_COPY_SEGMENTS);
  view.setUint32(12, MAX_DESCRIPTOR_LIST_BYTES);
  view.setUint32(16, MAX_SEGMENT_BYTES);
  view.setUint16(34, 1); // TOTAL CONCURRENT COPIES, and those of one session
  bytes[36] = 1;
  bytes[37] = GRANULARITY_LOG2;
  bytes[43] = types.length;
  bytes.set(types, 44);
  return answer(bytes, u32At(cdb, 10));
}

const U32 = [0xff, 0xff, 0xff, 0xff];

/** Third-party copy, of which this disk is all three parties. */
export const EXTENDED_COPY_COMMANDS: readonly Command[] = [
  {
    ...EXTENDED_COPY,
    access: "writes",
    usage: [EXTENDED_COPY.opcode, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, ...U32, 0, 0x04],
    execute: extendedCopy,
  },
  {
    ...COPY_STATUS,
    access: "looks",
    usage: [COPY_STATUS.opcode, COPY_STATUS.serviceAction, 0xff, 0, 0, 0, 0, 0, 0, 0, ...U32, 0, 0x04],
    execute: copyStatus,
  },
  {
    ...OPERATING_PARAMETERS,
    access: "looks",
    usage: [OPERATING_PARAMETERS.opcode, OPERATING_PARAMETERS.serviceAction, 0, 0, 0, 0, 0, 0, 0, 0, ...U32, 0, 0x04],
    execute: operatingParameters,
  },
];
