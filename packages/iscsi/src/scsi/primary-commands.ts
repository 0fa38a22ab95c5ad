import { byteAt, u32At } from "../bytes.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer, checkCondition, GOOD } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import { TARGET_PORT_GROUP } from "./vital-product-data.ts";
import { CheckCondition, encodeSense, SenseOf } from "./sense.ts";

const TEST_UNIT_READY = 0x00;
/** Operation code of REQUEST SENSE, which is answered for every LUN (SPC-4 §6.39). */
export const REQUEST_SENSE = 0x03;
const START_STOP_UNIT = 0x1b;
const PREVENT_ALLOW_MEDIUM_REMOVAL = 0x1e;
const READ_CAPACITY_10 = 0x25;
/** Operation code of REPORT LUNS, which is answered for every LUN (SPC-4 §6.33). */
export const REPORT_LUNS = 0xa0;
const READ_CAPACITY_16 = { opcode: 0x9e, serviceAction: 0x10 };
const REPORT_TARGET_PORT_GROUPS = { opcode: 0xa3, serviceAction: 0x0a };

/** REQUEST SENSE gives the oldest unit attention as data, and takes it away; else how far a SANITIZE is (SPC-4 §6.39). */
function requestSense({ cdb, nexus, unit }: CommandContext): Execution {
  const descriptorFormat = (byteAt(cdb, 1) & 0x01) !== 0 || unit.descriptorSense;
  const sense = nexus.unitAttentions.shift() ?? unit.sanitizing?.sense ?? SenseOf.none;
  return answer(encodeSense(sense, descriptorFormat), byteAt(cdb, 4));
}

/** REQUEST SENSE for a LUN that is not there: GOOD, with the reason as data (SPC-4 §6.39). */
export function requestSenseWithoutUnit(cdb: Uint8Array): Execution {
  return answer(encodeSense(SenseOf.logicalUnitNotSupported, (byteAt(cdb, 1) & 0x01) !== 0), byteAt(cdb, 4));
}

/** REPORT LUNS (SPC-4 §6.33): LUN 0 is the only one, and there is no well-known one. */
export function reportLuns(cdb: Uint8Array): Execution {
  const selectReport = byteAt(cdb, 2);
  const allocationLength = u32At(cdb, 6);
  if (selectReport > 2 || allocationLength < 16) return checkCondition(SenseOf.invalidFieldInCdb);
  const count = selectReport === 1 ? 0 : 1;
  const bytes = new Uint8Array(8 + count * 8);
  bytes[3] = count * 8;
  return answer(bytes, allocationLength);
}

/** START STOP UNIT: there is no motor and no tray; a stop makes written data stable, as a disk does when it parks (SBC-3 §5.25). */
function startStopUnit({ cdb, nexus }: CommandContext): Execution {
  const flags = byteAt(cdb, 4);
  const powerCondition = flags >>> 4;
  const start = (flags & 0x01) !== 0;
  const loadEject = (flags & 0x02) !== 0;
  const noFlush = (flags & 0x04) !== 0;
  if (powerCondition !== 0 || (loadEject && !start)) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  if (start || noFlush) return GOOD;
  return { kind: "pending", done: nexus.device.flush().then(() => GOOD) };
}

/** READ CAPACITY (10): FFFFFFFFh tells the initiator to use the 16-byte form (SBC-3 §5.15). */
function readCapacity10({ cdb, nexus }: CommandContext): Execution {
  // A logical block address without PMI is an error (SBC-3 §5.15.1).
  if ((byteAt(cdb, 8) & 0x01) === 0 && u32At(cdb, 2) !== 0) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.min(nexus.device.sizeBytes / BLOCK_BYTES - 1, 0xffff_ffff));
  view.setUint32(4, BLOCK_BYTES);
  return answer(bytes, bytes.length);
}

/** READ CAPACITY (16) (SBC-3 §5.16): LBPME and LBPRZ as in VPD page B2h. */
function readCapacity16({ cdb, nexus, unit }: CommandContext): Execution {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(nexus.device.sizeBytes / BLOCK_BYTES - 1));
  view.setUint32(8, BLOCK_BYTES);
  // LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT
  bytes[13] = Math.log2(unit.identity.physicalBlockBytes / BLOCK_BYTES);
  bytes[14] = 0xc0;
  return answer(bytes, u32At(cdb, 10));
}

/** REPORT TARGET PORT GROUPS (SPC-4 §6.37): all ports in one group, active/optimized, which is the only state there is. */
function reportTargetPortGroups({ cdb, nexus }: CommandContext): Execution {
  const isExtended = byteAt(cdb, 1) >>> 5 === 1;
  const count = nexus.targetPortCount;
  const ports = Array.from({ length: count }, (_, i) => [0, 0, (i + 1) >>> 8, (i + 1) & 0xff]).flat();
  const group = [0x00, 0x01, 0, TARGET_PORT_GROUP, 0, 0, 0, count, ...ports];
  const body = isExtended ? [0x10, 0, 0, 0, ...group] : group;
  return answer(Uint8Array.of(0, 0, body.length >>> 8, body.length, ...body), u32At(cdb, 6));
}

const U32 = [0xff, 0xff, 0xff, 0xff];

/** The commands that every SCSI device has, and the small ones of a disk. */
export const PRIMARY_COMMANDS: readonly Command[] = [
  { opcode: TEST_UNIT_READY, access: "looks", usage: [TEST_UNIT_READY, 0, 0, 0, 0, 0x04], execute: () => GOOD },
  { opcode: REQUEST_SENSE, access: "free", usage: [REQUEST_SENSE, 0x01, 0, 0, 0xff, 0x04], execute: requestSense },
  {
    opcode: START_STOP_UNIT,
    access: "looks",
    usage: [START_STOP_UNIT, 0x01, 0, 0x0f, 0xf7, 0x04],
    execute: startStopUnit,
  },
  {
    opcode: PREVENT_ALLOW_MEDIUM_REMOVAL,
    access: "looks",
    usage: [PREVENT_ALLOW_MEDIUM_REMOVAL, 0, 0, 0, 0x03, 0x04],
    // The medium cannot be taken out in any case.
    execute: () => GOOD,
  },
  {
    opcode: READ_CAPACITY_10,
    access: "looks",
    usage: [READ_CAPACITY_10, 0, ...U32, 0, 0, 0x01, 0x04],
    execute: readCapacity10,
  },
  {
    ...READ_CAPACITY_16,
    access: "looks",
    usage: [READ_CAPACITY_16.opcode, READ_CAPACITY_16.serviceAction, ...U32, ...U32, ...U32, 0x01, 0x04],
    execute: readCapacity16,
  },
  {
    opcode: REPORT_LUNS,
    access: "free",
    usage: [REPORT_LUNS, 0, 0xff, 0, 0, 0, ...U32, 0, 0x04],
    execute: ({ cdb }) => reportLuns(cdb),
  },
  {
    ...REPORT_TARGET_PORT_GROUPS,
    access: "looks",
    usage: [
      REPORT_TARGET_PORT_GROUPS.opcode,
      0xe0 | REPORT_TARGET_PORT_GROUPS.serviceAction,
      0,
      0,
      0,
      0,
      ...U32,
      0,
      0x04,
    ],
    execute: reportTargetPortGroups,
  },
];
