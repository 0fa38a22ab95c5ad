import { HEADER_BYTES, MAC_BYTES, PACKET_BYTES, ROW_PACKETS } from "./limits.ts";
import type { PacketMemory } from "./packet.ts";

/** Where the bytes of a packet begin that parity covers: piece, offset, total and payload. */
const COVERED_FROM = 12;

/** 32-bit words that parity covers. */
const COVERED_WORDS: number = (PACKET_BYTES - MAC_BYTES - COVERED_FROM) / 4;

/**
 * The XOR of the packets of each column of a block. A packet that is the only one missing in its column is the XOR of the others and the column's parity
 * packet. A column has one packet of each row, so a whole row may be lost: losses come in bursts, and the kernel hands rows on as one.
 */
export class ParityColumns {
  readonly #sums = new Uint32Array(ROW_PACKETS * COVERED_WORDS);

  /** Adds the packet at `start`, header and all, to a column. */
  add(column: number, memory: PacketMemory, start: number): void {
    const sums = this.#sums;
    const to = column * COVERED_WORDS;
    // Words are read in place where they can be.
    const inPlace = memory.words !== undefined && start % 4 === 0;
    const words = inPlace ? memory.words : copyOf(memory.bytes, start + COVERED_FROM);
    const from = inPlace ? (start + COVERED_FROM) / 4 : 0;
    for (let index = 0; index < COVERED_WORDS; index++) {
      // Both are inside: the fallbacks are for the compiler.
      sums[to + index] = (sums[to + index] ?? 0) ^ (words[from + index] ?? 0);
    }
  }

  /** Writes a column's sum as the covered part of the packet at `start`: for the parity packet, or for the only packet missing. */
  write(column: number, bytes: Uint8Array, start: number): void {
    const sum = new Uint8Array(this.#sums.buffer, column * COVERED_WORDS * 4, COVERED_WORDS * 4);
    bytes.set(sum, start + COVERED_FROM);
  }

  /** The payload of the packet that `write` would write: a view. */
  payloadOf(column: number): Uint8Array {
    const from = HEADER_BYTES - COVERED_FROM;
    return new Uint8Array(this.#sums.buffer, column * COVERED_WORDS * 4 + from, COVERED_WORDS * 4 - from);
  }

  /** Piece, offset and total of that packet. */
  placeOf(column: number): { readonly piece: number; readonly offset: number; readonly total: number } {
    const view = new DataView(this.#sums.buffer, column * COVERED_WORDS * 4);
    return { piece: view.getUint32(0), offset: view.getUint32(4), total: view.getUint32(8) };
  }

  clear(): void {
    this.#sums.fill(0);
  }
}

function copyOf(bytes: Uint8Array, start: number): Uint32Array {
  return new Uint32Array(bytes.slice(start, start + COVERED_WORDS * 4).buffer);
}
