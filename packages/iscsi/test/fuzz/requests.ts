import { pdu, text } from "../initiator.ts";
import type { PduFields } from "../initiator.ts";
import type { Random } from "./random.ts";

/** Blocks of the disk that is fuzzed. */
export const DISK_BLOCKS = 512;

/** The most data that a command is offered. */
const MOST_DATA = 300_000;

/** Operation codes with the length of their CDB; groups that exist twice are there twice as often. */
const OPCODES: readonly number[] = [
  0x00, 0x03, 0x04, 0x08, 0x0a, 0x12, 0x15, 0x16, 0x17, 0x1a, 0x1b, 0x1d, 0x1e, 0x25, 0x28, 0x28, 0x2a, 0x2a, 0x2e,
  0x2f, 0x34, 0x35, 0x37, 0x3b, 0x3c, 0x41, 0x42, 0x48, 0x4d, 0x53, 0x55, 0x56, 0x57, 0x5a, 0x5e, 0x5f, 0x5f, 0x7f,
  0x83, 0x84, 0x88, 0x89, 0x8a, 0x8b, 0x8e, 0x8f, 0x90, 0x91, 0x93, 0x9c, 0x9e, 0xa0, 0xa3, 0xa4, 0xa8, 0xaa, 0xae,
  0xaf, 0xb7,
];

/** Logins, logouts, data, what only targets send, and what nobody knows; not SCSI commands and task management. */
const OTHER_OPCODES: readonly number[] = [
  0x03, 0x05, 0x06, 0x07, 0x0f, 0x10, 0x1c, 0x1f, 0x20, 0x21, 0x25, 0x31, 0x3e, 0x3f,
];

/** A CDB that is likely to mean something: an address on the disk, a short length, few flags. */
export function cdbOf(random: Random): number[] {
  const opcode = random.pick(OPCODES);
  const cdb = Array.from({ length: 16 }, () => (random.chance(0.15) ? random.below(256) : 0));
  cdb[0] = opcode;
  cdb[1] = random.chance(0.4) ? random.below(32) : 0;
  const lba = random.below(DISK_BLOCKS + 2);
  const blocks = random.chance(0.9) ? random.below(24) : random.below(DISK_BLOCKS * 2);
  if (opcode < 0x20) cdb[4] = random.below(256);
  else if (opcode < 0x80) put(cdb, { lbaAt: 2, lbaBytes: 4, lba, lengthAt: 7, lengthBytes: 2, blocks });
  else if (opcode < 0xa0) put(cdb, { lbaAt: 2, lbaBytes: 8, lba, lengthAt: 10, lengthBytes: 4, blocks });
  else put(cdb, { lbaAt: 2, lbaBytes: 4, lba, lengthAt: 6, lengthBytes: 4, blocks });
  if (random.chance(0.2)) cdb[random.below(16)] = random.below(256);
  return cdb;
}

function put(
  cdb: number[],
  at: { lbaAt: number; lbaBytes: number; lba: number; lengthAt: number; lengthBytes: number; blocks: number },
): void {
  const number = (start: number, count: number, value: number): void => {
    for (let i = 0; i < count; i++) cdb[start + count - 1 - i] = i < 4 ? (value >>> (8 * i)) & 0xff : 0;
  };
  number(at.lbaAt, at.lbaBytes, at.lba);
  number(at.lengthAt, at.lengthBytes, at.blocks);
}

/** Parameter data that is likely to mean something: the lengths in front of lists are often right. */
export function parameterData(random: Random, length: number): Uint8Array {
  if (random.chance(0.3)) return random.bytes(length);
  const data = new Uint8Array(length);
  if (length >= 2 && random.chance(0.7)) new DataView(data.buffer).setUint16(0, Math.max(0, length - 2));
  if (length >= 4 && random.chance(0.7)) new DataView(data.buffer).setUint16(2, Math.max(0, length - 8));
  for (let i = 4; i < Math.min(length, 64); i++) if (random.chance(0.2)) data[i] = random.below(256);
  return data;
}

/** How long the data of a command is offered to be: mostly what the CDB says in blocks or bytes. */
export function expectedLength(random: Random, cdb: readonly number[]): number {
  const opcode = cdb[0] ?? 0;
  const short = opcode < 0x20 ? (cdb[4] ?? 0) : opcode < 0x80 ? ((cdb[7] ?? 0) << 8) | (cdb[8] ?? 0) : (cdb[13] ?? 0);
  return Math.min(MOST_DATA, random.pick([short * 512, short * 512, short, short, random.below(2048), 512, 24, 0]));
}

/** Requests other than SCSI commands and their data. */
export function otherRequest(random: Random, itt: number, cmdSN: number, openTags: readonly number[]): Uint8Array {
  const immediate = random.chance(0.8);
  const common: PduFields = { itt, cmdSN, immediate };
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2: {
      const bytes = pdu("taskManagement", {
        ...common,
        immediate: true,
        flags: 0x80 | random.pick([1, 1, 1, 2, 3, 4, 5, 6, 8, 9, 0x7f]),
        word20: openTags.length > 0 && random.chance(0.7) ? random.pick(openTags) : random.edgy(),
      });
      new DataView(bytes.buffer).setUint32(32, (cmdSN + random.below(5) - 3) >>> 0);
      return bytes;
    }
    case 3:
    case 4:
    case 5: {
      const length = random.pick([0, 0, 4, 100, 8192]);
      const word20 = random.chance(0.9) ? 0xffff_ffff : random.edgy();
      return pdu("nopOut", {
        ...common,
        itt: random.chance(0.2) ? 0xffff_ffff : itt,
        word20,
        data: random.bytes(length),
      });
    }
    case 6:
    case 7: {
      const keys = random.pick([
        "SendTargets=",
        "SendTargets=All",
        "MaxRecvDataSegmentLength=512",
        "X-a=b",
        "A",
        "HeaderDigest=CRC32C",
      ]);
      const flags = random.pick([0x80, 0x80, 0x80, 0x00, 0x40, 0xc0]);
      return pdu("text", {
        ...common,
        flags,
        word20: random.chance(0.8) ? 0xffff_ffff : random.below(3),
        data: text(keys),
      });
    }
    case 8:
      return pdu("snack", { ...common, immediate: false });
    default:
      return pdu("nopOut", { ...common, word20: 0xffff_ffff }).with(0, 0x40 | random.pick(OTHER_OPCODES));
  }
}

/** Changes what a parser looks at: lengths, flags, tags, numbers, or any byte of the header. */
export function mutate(random: Random, original: Uint8Array): Uint8Array {
  const bytes = original.slice();
  const view = new DataView(bytes.buffer);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    switch (random.below(9)) {
      case 0: // DataSegmentLength
        view.setUint32(
          4,
          ((bytes[4] ?? 0) << 24) | (random.chance(0.5) ? random.below(1024) : random.edgy() & 0xff_ffff),
        );
        break;
      case 1: // TotalAHSLength
        bytes[4] = random.pick([0, 1, 2, 4, 255]);
        break;
      case 2:
        bytes[1] = random.below(256);
        break;
      case 3: // ITT, TTT, numbers
        view.setUint32(random.pick([16, 20, 24, 28, 36, 40]), random.edgy());
        break;
      case 4:
        view.setUint32(random.pick([8, 12]), random.edgy());
        break;
      case 5:
        bytes[random.below(48)] = random.below(256);
        break;
      case 6:
        bytes[random.below(bytes.length)] = random.below(256);
        break;
      case 7: // the immediate bit
        bytes[0] = (bytes[0] ?? 0) ^ 0x40;
        break;
      default:
        return withAhs(random, original);
    }
  }
  return bytes;
}

/** An additional header that is right, or nearly. */
function withAhs(random: Random, original: Uint8Array): Uint8Array {
  const words = 1 + random.below(6);
  const bytes = new Uint8Array(original.length + words * 4);
  bytes.set(original.subarray(0, 48));
  bytes.set(original.subarray(48), 48 + words * 4);
  bytes[4] = words;
  new DataView(bytes.buffer).setUint16(48, random.chance(0.7) ? words * 4 - 3 : random.below(64));
  bytes[50] = random.pick([1, 1, 2, 0x41, 0]);
  return bytes;
}
