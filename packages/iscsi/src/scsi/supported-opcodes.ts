import { byteAt, u16At, u32At } from "../bytes.ts";
import { hasServiceActions } from "./command.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer } from "./execution.ts";
import type { Execution } from "./execution.ts";
import { invalidCdbByte } from "./sense.ts";

const MAINTENANCE_IN = 0xa3;
const SUPPORTED_OPCODES = 0x0c;
const SUPPORTED_TASK_MANAGEMENT = 0x0d;

/** Return command timeouts descriptor: asked for by bit 7 of byte 2. */
const RCTD = 0x80;
const TIMEOUTS_BYTES = 12;

/**
 * REPORT SUPPORTED OPERATION CODES (SPC-4 §6.35) and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (§6.36) over `commands`,
 * themselves included.
 */
export function supportedOpcodeCommands(commands: readonly Command[]): Command[] {
  const own: Command[] = [
    {
      opcode: MAINTENANCE_IN,
      serviceAction: SUPPORTED_OPCODES,
      access: "looks",
      usage: [MAINTENANCE_IN, SUPPORTED_OPCODES, 0x87, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
      execute: (context) => report(all, context),
    },
    {
      opcode: MAINTENANCE_IN,
      serviceAction: SUPPORTED_TASK_MANAGEMENT,
      access: "looks",
      usage: [MAINTENANCE_IN, SUPPORTED_TASK_MANAGEMENT, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
      // ABORT TASK, ABORT TASK SET, CLEAR TASK SET, LOGICAL UNIT RESET, TARGET RESET.
      execute: ({ cdb }) => answer(Uint8Array.of(0xda, 0, 0, 0), u32At(cdb, 6)),
    },
  ];
  const all = [...commands, ...own].toSorted(
    (a, b) => a.opcode - b.opcode || (a.serviceAction ?? 0) - (b.serviceAction ?? 0),
  );
  return own;
}

function report(all: readonly Command[], { cdb, nexus }: CommandContext): Execution {
  const commands = all.filter((command) => command.isOffered?.(nexus.device) !== false);
  const withTimeouts = (byteAt(cdb, 2) & RCTD) !== 0;
  const reportingOptions = byteAt(cdb, 2) & 0x07;
  const allocationLength = u32At(cdb, 6);
  if (reportingOptions === 0) return answer(reportAll(commands, withTimeouts), allocationLength);
  if (reportingOptions > 3) throw invalidCdbByte(2);
  return answer(reportOne(commands, reportingOptions, byteAt(cdb, 3), u16At(cdb, 4), withTimeouts), allocationLength);
}

function reportAll(commands: readonly Command[], withTimeouts: boolean): Uint8Array {
  const descriptorLength = 8 + (withTimeouts ? TIMEOUTS_BYTES : 0);
  const bytes = new Uint8Array(4 + commands.length * descriptorLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length - 4);
  commands.forEach((command, i) => {
    const at = 4 + i * descriptorLength;
    bytes[at] = command.opcode;
    view.setUint16(at + 2, command.serviceAction ?? 0);
    bytes[at + 5] = (command.serviceAction === undefined ? 0 : 0x01) | (withTimeouts ? 0x02 : 0);
    view.setUint16(at + 6, command.usage.length);
    if (withTimeouts) view.setUint16(at + 8, TIMEOUTS_BYTES - 2);
  });
  return bytes;
}

/** One command: option 1 by operation code, 2 with service action, 3 either way (SPC-4 table 260). */
function reportOne(
  commands: readonly Command[],
  option: number,
  opcode: number,
  serviceAction: number,
  withTimeouts: boolean,
): Uint8Array {
  const candidates = commands.filter((command) => command.opcode === opcode);
  const actions = candidates.length > 0 && hasServiceActions(opcode);
  if ((option === 1 && actions) || (option === 2 && candidates.length > 0 && !actions)) throw invalidCdbByte(2);
  const found = candidates.find((command) => (command.serviceAction ?? 0) === (option === 1 ? 0 : serviceAction));
  if (found === undefined) return Uint8Array.of(0, 0x01, 0, 0);
  const bytes = new Uint8Array(4 + found.usage.length + (withTimeouts ? TIMEOUTS_BYTES : 0));
  bytes[1] = 0x03 | (withTimeouts ? 0x80 : 0);
  bytes[3] = found.usage.length;
  bytes.set(found.usage, 4);
  if (withTimeouts) bytes[4 + found.usage.length + 1] = TIMEOUTS_BYTES - 2;
  return bytes;
}
