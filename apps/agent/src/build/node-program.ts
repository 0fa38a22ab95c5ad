import { AgentError } from "../errors.ts";

const PROGRAM_HEADER_BYTES = 56;
const LOADED_SEGMENT = 1;

/**
 * A program without what only debuggers read: everything after its last loaded byte, and the table that points there. A fifth of
 * Node. Takes 64-bit little-endian ELF, throws `surroundings` for anything else.
 */
export function withoutSymbols(program: Uint8Array): Uint8Array {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  if (program.length < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) {
    throw new AgentError("surroundings", "Node's program is not 64-bit little-endian ELF");
  }
  const headersAt = Number(view.getBigUint64(32, true));
  const headerCount = view.getUint16(56, true);
  let end = headersAt + headerCount * PROGRAM_HEADER_BYTES;
  for (let index = 0; index < headerCount; index++) {
    const at = headersAt + index * PROGRAM_HEADER_BYTES;
    if (view.getUint32(at, true) !== LOADED_SEGMENT) continue;
    end = Math.max(end, Number(view.getBigUint64(at + 8, true) + view.getBigUint64(at + 32, true)));
  }
  const stripped = program.slice(0, end);
  // e_shoff, e_shnum, e_shstrndx: no section table.
  stripped.fill(0, 40, 48);
  stripped.fill(0, 60, 64);
  return stripped;
}
