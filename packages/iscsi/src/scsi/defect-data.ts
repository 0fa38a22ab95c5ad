import { byteAt, u16At, u32At } from "../bytes.ts";
import type { Command, CommandContext } from "./command.ts";
import { answer } from "./execution.ts";
import type { Execution } from "./execution.ts";

const READ_DEFECT_DATA_10 = 0x37;
const READ_DEFECT_DATA_12 = 0xb7;

/** REQ_PLIST, REQ_GLIST and the address descriptor format; in the answer PLISTV, GLISTV and the format given. */
const LISTS_AND_FORMAT = 0x1f;

/** READ DEFECT DATA (SBC-3 §5.17, §5.18): bad sectors are the server's disk's business, so both lists are there and empty, in any format. */
function readDefectData10({ cdb }: CommandContext): Execution {
  return answer(Uint8Array.of(0, byteAt(cdb, 2) & LISTS_AND_FORMAT, 0, 0), u16At(cdb, 7));
}

function readDefectData12({ cdb }: CommandContext): Execution {
  return answer(Uint8Array.of(0, byteAt(cdb, 1) & LISTS_AND_FORMAT, 0, 0, 0, 0, 0, 0), u32At(cdb, 6));
}

const U32 = [0xff, 0xff, 0xff, 0xff];

/** READ DEFECT DATA, in both lengths. */
export const DEFECT_COMMANDS: readonly Command[] = [
  {
    opcode: READ_DEFECT_DATA_10,
    access: "looks",
    usage: [READ_DEFECT_DATA_10, 0, LISTS_AND_FORMAT, 0, 0, 0, 0, 0xff, 0xff, 0x04],
    execute: readDefectData10,
  },
  {
    opcode: READ_DEFECT_DATA_12,
    access: "looks",
    usage: [READ_DEFECT_DATA_12, LISTS_AND_FORMAT, ...U32, ...U32, 0, 0x04],
    execute: readDefectData12,
  },
];
