// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { createHash } from "node:crypto";
import { MAX_COMPARE_AND_WRITE_BLOCKS, MAX_UNMAP_DESCRIPTORS } from "../limits.ts";
import { MAX_TRANSFER_BLOCKS } from "./block-range.ts";
import type { LogicalUnit, Nexus } from "./logical-unit.ts";
import { MAX_WRITE_SAME_BLOCKS } from "./provisioning.ts";
import { CheckCondition, SenseOf } from "./sense.ts";

/** Pages of vital product data (SPC-4 §7.8, SBC-3 §6.6). */
const VpdPage = {
  supportedPages: 0x00,
  unitSerialNumber: 0x80,
  deviceIdentification: 0x83,
  blockLimits: 0xb0,
  blockDeviceCharacteristics: 0xb1,
  logicalBlockProvisioning: 0xb2,
} as const;

/** The stores keep ranges of 4 KiB: smaller discards do not give space back. */
const OPTIMAL_GRANULARITY_BLOCKS = 8;
const PREFERRED_TRANSFER_BLOCKS = 512;

/** Code sets and designator types of page 83h (SPC-4 §7.8.6). */
const BINARY = 1;
const ASCII = 2;
const UTF8 = 3;
/** Protocol identifier iSCSI, PIV set, association "target port". */
const ISCSI_PORT = { codeSet: 0x50, association: 0x90 };

/** All target ports are alike, so one group holds them all (SPC-4 §5.15). */
export const TARGET_PORT_GROUP = 1;

/** One page, ready to be cut to the allocation length; throws INVALID FIELD IN CDB for a page that is not there. */
export function vitalProductData(page: number, unit: LogicalUnit, nexus: Nexus): Uint8Array {
  switch (page) {
    case VpdPage.supportedPages:
      return vpd(page, Uint8Array.from(Object.values(VpdPage).toSorted((a, b) => a - b)));
    case VpdPage.unitSerialNumber:
      return vpd(page, new TextEncoder().encode(serialNumberOf(unit.identity.id)));
    case VpdPage.deviceIdentification:
      return vpd(page, deviceIdentification(unit, nexus));
    case VpdPage.blockLimits:
      return vpd(page, blockLimits());
    case VpdPage.blockDeviceCharacteristics:
      return vpd(page, blockDeviceCharacteristics(nexus.device.isAllocated !== undefined));
    case VpdPage.logicalBlockProvisioning:
      return vpd(page, logicalBlockProvisioning(nexus.device.isAllocated !== undefined));
    default:
      throw new CheckCondition(SenseOf.invalidFieldInCdb);
  }
}

/** 16 hex digits that follow from the disk's id alone: initiators compare it after a reconnect. */
function serialNumberOf(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 16);
}

function vpd(page: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + body.length);
  bytes[1] = page;
  bytes[2] = body.length >>> 8;
  bytes[3] = body.length;
  bytes.set(body, 4);
  return bytes;
}

/** What page 83h calls the unit, whatever port is asked: code set, type, and value (T10 vendor ID, NAA). */
export function unitDesignators(unit: LogicalUnit): Uint8Array[] {
  const serial = serialNumberOf(unit.identity.id);
  return [
    Uint8Array.of(ASCII, 0x01, ...new TextEncoder().encode(`INGOT   ${serial}`)),
    // NAA 3h, "locally assigned": the one form of eight bytes that needs no registered company number.
    Uint8Array.of(BINARY, 0x03, ...Uint8Array.fromHex(`3${serial.slice(1)}`)),
  ];
}

/** Page 83h: the unit's designators; relative port, port group and SCSI name for the port. */
function deviceIdentification(unit: LogicalUnit, nexus: Nexus): Uint8Array {
  const port = nexus.targetPort;
  // A SCSI name string ends with a NUL and is padded to words (SPC-4 §7.8.6.10).
  const portName = new TextEncoder().encode(`${nexus.targetName},t,0x${port.toString(16).padStart(4, "0")}\0`);
  const paddedName = new Uint8Array((portName.length + 3) & ~3);
  paddedName.set(portName);
  const designators = [
    ...unitDesignators(unit).map(([codeSet = 0, type = 0, ...value]) =>
      designator(codeSet, type, Uint8Array.from(value)),
    ),
    designator(ISCSI_PORT.codeSet | BINARY, ISCSI_PORT.association | 0x04, Uint8Array.of(0, 0, port >>> 8, port)),
    designator(ISCSI_PORT.codeSet | BINARY, ISCSI_PORT.association | 0x05, Uint8Array.of(0, 0, 0, TARGET_PORT_GROUP)),
    designator(ISCSI_PORT.codeSet | UTF8, ISCSI_PORT.association | 0x08, paddedName),
  ];
  const body = new Uint8Array(designators.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of designators) {
    body.set(one, at);
    at += one.length;
  }
  return body;
}

function designator(codeSet: number, type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + value.length);
  bytes.set([codeSet, type, 0, value.length]);
  bytes.set(value, 4);
  return bytes;
}

/** Page B0h (SBC-3 §6.6.4); its length must be 3Ch because SBC-3 is claimed. */
function blockLimits(): Uint8Array {
  const body = new Uint8Array(0x3c);
  const view = new DataView(body.buffer);
  body[0] = 0x01; // WSNZ: WRITE SAME of "0 blocks" is refused rather than running to the end of the disk
  body[1] = MAX_COMPARE_AND_WRITE_BLOCKS;
  view.setUint16(2, OPTIMAL_GRANULARITY_BLOCKS);
  view.setUint32(4, MAX_TRANSFER_BLOCKS);
  view.setUint32(8, PREFERRED_TRANSFER_BLOCKS);
  view.setUint32(16, 0xffff_ffff); // MAXIMUM UNMAP LBA COUNT: no limit
  view.setUint32(20, MAX_UNMAP_DESCRIPTORS);
  view.setUint32(24, OPTIMAL_GRANULARITY_BLOCKS);
  view.setUint32(28, 0x8000_0000); // UGAVALID, alignment 0
  view.setBigUint64(32, BigInt(MAX_WRITE_SAME_BLOCKS));
  return body;
}

/**
 * Page B1h (SBC-3 §6.6.2): rotation rate 1 means "does not rotate", so that nobody schedules for a disk head.
 * WABEREQ 01b: after a BLOCK ERASE, which is there when the device can tell what is allocated, reads succeed.
 */
function blockDeviceCharacteristics(hasBlockErase: boolean): Uint8Array {
  const body = new Uint8Array(0x3c);
  body[1] = 1;
  body[3] = hasBlockErase ? 0x40 : 0;
  return body;
}

/** Page B2h: LBPU, LBPWS, LBPWS10, LBPRZ; thin when the device can tell what is allocated, else resource provisioned. */
function logicalBlockProvisioning(thin: boolean): Uint8Array {
  return Uint8Array.of(0, 0xe4, thin ? 0x02 : 0x01, 0);
}
