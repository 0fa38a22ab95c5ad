import { byteAt, u16At } from "../bytes.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { CheckCondition, SenseOf } from "./sense.ts";
import { vitalProductData } from "./vital-product-data.ts";

/** Operation code of INQUIRY, which is answered for every LUN (SPC-4 §6.6). */
export const INQUIRY = 0x12;

/** T10 vendor identification, product and revision, padded with blanks (SPC-4 §6.6.2). */
const VENDOR = "INGOT   ";
const PRODUCT = "Disk            ";
const REVISION = "0001";

/** Peripheral qualifier 011b and device type 1Fh: there is no such logical unit. */
const NO_UNIT = 0x7f;

/** Bit 0 of byte 1: a vital product data page is wanted. */
const EVPD = 0x01;

/**
 * Standard INQUIRY data (SPC-4 §6.6.2). It claims SAM-5, SPC-4, SBC-3 and iSCSI; a disk with 16-byte commands only
 * claims what the conformance suite then holds it to.
 */
function standardInquiry(): Uint8Array {
  const bytes = new Uint8Array(96);
  const view = new DataView(bytes.buffer);
  bytes[2] = 0x06; // VERSION: SPC-4
  bytes[3] = 0x12; // HISUP, RESPONSE DATA FORMAT 2
  bytes[4] = bytes.length - 5;
  bytes[5] = 0x18; // TPGS: implicit asymmetric access only; 3PC: EXTENDED COPY
  bytes[7] = 0x02; // CMDQUE
  const text = new TextEncoder();
  bytes.set(text.encode(VENDOR), 8);
  bytes.set(text.encode(PRODUCT), 16);
  bytes.set(text.encode(REVISION), 32);
  // Version descriptors (SPC-4 table 145): SAM-5, SPC-4, SBC-3, iSCSI.
  [0x00a0, 0x0460, 0x04c0, 0x0960].forEach((code, i) => view.setUint16(58 + i * 2, code));
  return bytes;
}

const STANDARD = standardInquiry();

function inquiry({ cdb, unit, nexus }: CommandContext): Execution {
  const allocationLength = u16At(cdb, 3);
  const page = byteAt(cdb, 2);
  if ((byteAt(cdb, 1) & EVPD) !== 0) return answer(vitalProductData(page, unit, nexus), allocationLength);
  if (page !== 0) throw new CheckCondition(SenseOf.invalidFieldInCdb);
  return answer(STANDARD, allocationLength);
}

/** What INQUIRY says for a LUN that is not there (SPC-4 §6.6.2 table 142). */
export function inquiryWithoutUnit(cdb: Uint8Array): Execution {
  if ((byteAt(cdb, 1) & EVPD) !== 0) throw new CheckCondition(SenseOf.logicalUnitNotSupported);
  const bytes = STANDARD.slice();
  bytes[0] = NO_UNIT;
  return answer(bytes, u16At(cdb, 3));
}

/** INQUIRY (SPC-4 §6.6): standard data, or a page of vital product data. */
export const INQUIRY_COMMAND: Command = {
  opcode: INQUIRY,
  access: "free",
  usage: [INQUIRY, 0x01, 0xff, 0xff, 0xff, 0x04],
  execute: inquiry,
};
