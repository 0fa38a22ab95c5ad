import { byteAt, u16At } from "../bytes.ts";
import { CollectedData } from "./collected-data.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer, GOOD } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { BLOCK_BYTES } from "./logical-unit.ts";
import type { LogicalUnit } from "./logical-unit.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

const MODE_SELECT_6 = 0x15;
const MODE_SENSE_6 = 0x1a;
const MODE_SELECT_10 = 0x55;
const MODE_SENSE_10 = 0x5a;

const CACHING = 0x08;
const CONTROL = 0x0a;
const ALL_PAGES = 0x3f;
const ALL_SUBPAGES = 0xff;

/** Page control of MODE SENSE (SPC-4 §6.13.1). */
const PageControl = { current: 0, changeable: 1, default: 2, saved: 3 } as const;

/** Device-specific parameter of the header (SBC-3 §6.5.1). */
const WRITE_PROTECTED = 0x80;
const DPO_FUA = 0x10;

/** Bits of the control mode page (SPC-4 §7.5.8). */
const D_SENSE = 0x04;
const SOFTWARE_WRITE_PROTECT = 0x08;

/** Caching page 08h (SBC-3 §6.5.5); WCE is what the store really does, and not changeable. */
function cachingPage(unit: LogicalUnit, control: number): Uint8Array {
  const page = new Uint8Array(20);
  page[0] = CACHING;
  page[1] = page.length - 2;
  if (control !== PageControl.changeable && unit.identity.writeCache) page[2] = 0x04;
  return page;
}

/** Control page 0Ah (SPC-4 §7.5.8): unrestricted reordering, D_SENSE and SWP changeable. */
function controlPage(unit: LogicalUnit, control: number): Uint8Array {
  const page = new Uint8Array(12);
  page[0] = CONTROL;
  page[1] = page.length - 2;
  if (control === PageControl.changeable) {
    page[2] = D_SENSE;
    page[4] = SOFTWARE_WRITE_PROTECT;
    return page;
  }
  page[3] = 0x10; // QUEUE ALGORITHM MODIFIER: commands may be reordered
  if (control === PageControl.current) {
    page[2] = unit.descriptorSense ? D_SENSE : 0;
    page[4] = unit.softwareWriteProtect ? SOFTWARE_WRITE_PROTECT : 0;
  }
  page[8] = 0xff; // BUSY TIMEOUT PERIOD: unlimited
  page[9] = 0xff;
  return page;
}

function modeSense({ cdb, unit, nexus }: CommandContext): Execution {
  const ten = byteAt(cdb, 0) === MODE_SENSE_10;
  const control = byteAt(cdb, 2) >>> 6;
  if (control === PageControl.saved) throw new CheckCondition(SenseOf.savingParametersNotSupported);
  const pages = pagesFor(byteAt(cdb, 2) & 0x3f, byteAt(cdb, 3), unit, control);
  const withoutDescriptor = (byteAt(cdb, 1) & 0x08) !== 0;
  const descriptor = withoutDescriptor ? new Uint8Array(0) : blockDescriptor(nexus.device.sizeBytes);
  const headerLength = ten ? 8 : 4;
  const bytes = new Uint8Array(headerLength + descriptor.length + pages.reduce((sum, page) => sum + page.length, 0));
  const view = new DataView(bytes.buffer);
  const deviceSpecific = (unit.writeProtected ? WRITE_PROTECTED : 0) | DPO_FUA;
  if (ten) {
    view.setUint16(0, bytes.length - 2);
    bytes[3] = deviceSpecific;
    view.setUint16(6, descriptor.length);
  } else {
    bytes[0] = bytes.length - 1;
    bytes[2] = deviceSpecific;
    bytes[3] = descriptor.length;
  }
  bytes.set(descriptor, headerLength);
  let at = headerLength + descriptor.length;
  for (const page of pages) {
    bytes.set(page, at);
    at += page.length;
  }
  return answer(bytes, ten ? u16At(cdb, 7) : byteAt(cdb, 4));
}

function pagesFor(page: number, subpage: number, unit: LogicalUnit, control: number): Uint8Array[] {
  if (subpage !== 0 && subpage !== ALL_SUBPAGES) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  if (page === CACHING) return [cachingPage(unit, control)];
  if (page === CONTROL) return [controlPage(unit, control)];
  if (page === ALL_PAGES) return [cachingPage(unit, control), controlPage(unit, control)];
  throw new CheckCondition(SenseOf.invalidFieldInCdb);
}

/** Short block descriptor (SBC-3 §6.5.2.2); a disk above 2^32 blocks says "more than fits". */
function blockDescriptor(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.min(sizeBytes / BLOCK_BYTES, 0xffff_ffff));
  view.setUint32(4, BLOCK_BYTES);
  return bytes;
}

/** MODE SELECT: takes the pages it knows when only changeable bits differ from what is (SPC-4 §6.11). */
function modeSelect({ cdb, unit, nexus }: CommandContext): Execution {
  const ten = byteAt(cdb, 0) === MODE_SELECT_10;
  const flags = byteAt(cdb, 1);
  // PF must be set; SP is refused because nothing is saved.
  if ((flags & 0x10) === 0 || (flags & 0x01) !== 0) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  const length = ten ? u16At(cdb, 7) : byteAt(cdb, 4);
  if (length === 0) return GOOD;
  return new CollectedData(length, (bytes) => {
    const headerLength = ten ? 8 : 4;
    if (bytes.length < headerLength) throw new CheckCondition(SenseOf.parameterListLengthError);
    const descriptorLength = ten ? u16At(bytes, 6) : byteAt(bytes, 3);
    const changed = { swp: unit.softwareWriteProtect, dSense: unit.descriptorSense };
    for (let at = headerLength + descriptorLength; at < bytes.length;) {
      if (at + 2 > bytes.length || at + 2 + byteAt(bytes, at + 1) > bytes.length) {
        throw new CheckCondition(SenseOf.parameterListLengthError);
      }
      const page = bytes.subarray(at, at + 2 + byteAt(bytes, at + 1));
      selectPage(page, unit, changed);
      at += page.length;
    }
    if (changed.swp === unit.softwareWriteProtect && changed.dSense === unit.descriptorSense) return;
    unit.softwareWriteProtect = changed.swp;
    unit.descriptorSense = changed.dSense;
    unit.attention(SenseOf.modeParametersChanged, nexus);
  });
}

function selectPage(page: Uint8Array, unit: LogicalUnit, changed: { swp: boolean; dSense: boolean }): void {
  const code = byteAt(page, 0) & 0x7f;
  const build = code === CACHING ? cachingPage : code === CONTROL ? controlPage : undefined;
  if (build === undefined) throw new CheckCondition(SenseOf.invalidFieldInParameterList);
  const current = build(unit, PageControl.current);
  const changeable = build(unit, PageControl.changeable);
  if (page.length !== current.length) throw new CheckCondition(SenseOf.invalidFieldInParameterList);
  for (let i = 2; i < page.length; i++) {
    if (((byteAt(page, i) ^ byteAt(current, i)) & ~byteAt(changeable, i)) !== 0)
      throw new CheckCondition(SenseOf.invalidFieldInParameterList);
  }
  if (code === CONTROL) {
    changed.dSense = (byteAt(page, 2) & D_SENSE) !== 0;
    changed.swp = (byteAt(page, 4) & SOFTWARE_WRITE_PROTECT) !== 0;
  }
}

/** Mode parameters: how the disk behaves. */
export const MODE_COMMANDS: readonly Command[] = [
  { opcode: MODE_SENSE_6, access: "reads", usage: [MODE_SENSE_6, 0x08, 0xff, 0xff, 0xff, 0x04], execute: modeSense },
  {
    opcode: MODE_SENSE_10,
    access: "reads",
    usage: [MODE_SENSE_10, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0x04],
    execute: modeSense,
  },
  { opcode: MODE_SELECT_6, access: "flushes", usage: [MODE_SELECT_6, 0x11, 0, 0, 0xff, 0x04], execute: modeSelect },
  {
    opcode: MODE_SELECT_10,
    access: "flushes",
    usage: [MODE_SELECT_10, 0x11, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04],
    execute: modeSelect,
  },
];
