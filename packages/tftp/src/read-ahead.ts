import { DATA_HEADER_BYTES, Opcode } from "./packet.ts";

/**
 * The two parts of a file that a transfer holds in memory, as DATA packets ready to be sent. Both buffers are made
 * once; nothing is allocated per packet but a view.
 *
 * ```
 *  loading:  | room for headers |      the part's bytes, as read       |
 *  ready:    | 03 block | data | 03 block | data | ... | 03 block | data |
 * ```
 */
export class ReadAhead {
  readonly #blksize: number;
  readonly #partBlocks: number;
  readonly #sizeBytes: number;
  readonly #buffers: [Uint8Array | undefined, Uint8Array | undefined] = [undefined, undefined];

  /** @param partBlocks blocks of every part but the last one. */
  constructor(shape: { readonly blksize: number; readonly partBlocks: number; readonly sizeBytes: number }) {
    this.#blksize = shape.blksize;
    this.#partBlocks = shape.partBlocks;
    this.#sizeBytes = shape.sizeBytes;
  }

  /** Where the bytes of a part are to be read to. Part n takes the place of part n - 2. */
  roomFor(part: number): Uint8Array {
    const buffer = this.#bufferOf(part);
    const start = this.#blocksOf(part) * DATA_HEADER_BYTES;
    return buffer.subarray(start, start + this.#bytesOf(part));
  }

  /** Makes packets of the bytes that were read. */
  finish(part: number): void {
    const buffer = this.#bufferOf(part);
    const blocks = this.#blocksOf(part);
    const bytes = this.#bytesOf(part);
    const firstBlock = part * this.#partBlocks + 1;
    for (let index = 0; index < blocks; index += 1) {
      const from = index * this.#blksize;
      const read = blocks * DATA_HEADER_BYTES + from;
      const packet = from + index * DATA_HEADER_BYTES;
      // Packets move towards the front, in order: none is written over bytes that are still to be moved.
      buffer.copyWithin(packet + DATA_HEADER_BYTES, read, read + Math.min(this.#blksize, bytes - from));
      const block = (firstBlock + index) & 0xffff;
      buffer[packet] = 0;
      buffer[packet + 1] = Opcode.data;
      buffer[packet + 2] = block >>> 8;
      buffer[packet + 3] = block & 0xff;
    }
  }

  /** The DATA packet of a block (counted from 1) of a part that is ready: a view, valid until the part is replaced. */
  packetOf(block: number): Uint8Array {
    const part = Math.floor((block - 1) / this.#partBlocks);
    const index = (block - 1) % this.#partBlocks;
    const start = index * (this.#blksize + DATA_HEADER_BYTES);
    const dataBytes = Math.min(this.#blksize, this.#bytesOf(part) - index * this.#blksize);
    return this.#bufferOf(part).subarray(start, start + DATA_HEADER_BYTES + dataBytes);
  }

  /** Bytes of the file in a part. */
  #bytesOf(part: number): number {
    const partBytes = this.#partBlocks * this.#blksize;
    return Math.max(0, Math.min(partBytes, this.#sizeBytes - part * partBytes));
  }

  /** Blocks of a part, counting the short or empty one that ends the file. */
  #blocksOf(part: number): number {
    const blockCount = Math.floor(this.#sizeBytes / this.#blksize) + 1;
    return Math.min(this.#partBlocks, blockCount - part * this.#partBlocks);
  }

  #bufferOf(part: number): Uint8Array {
    const slot = part % 2 === 0 ? 0 : 1;
    // No later part is larger than the first one that takes the slot.
    return (this.#buffers[slot] ??= new Uint8Array(this.#blocksOf(part) * DATA_HEADER_BYTES + this.#bytesOf(part)));
  }
}
