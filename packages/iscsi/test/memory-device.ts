import type { BlockDevice } from "@ingot/iscsi";

const UNIT_BYTES = 4096;

/** A disk in memory that answers at once and knows which 4 KiB units were written. */
export class MemoryDevice implements BlockDevice {
  readonly sizeBytes: number;
  readonly bytes: Uint8Array;
  readonly #allocated: Uint8Array;
  /** Calls of `flush`. */
  flushes = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.bytes = new Uint8Array(sizeBytes);
    this.#allocated = new Uint8Array(Math.ceil(sizeBytes / UNIT_BYTES));
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  write(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
    this.#allocated.fill(1, Math.floor(offset / UNIT_BYTES), Math.ceil((offset + bytes.length) / UNIT_BYTES));
  }

  async flush(): Promise<void> {
    this.flushes++;
  }

  discard(offset: number, length: number): void {
    this.bytes.fill(0, offset, offset + length);
    const first = Math.ceil(offset / UNIT_BYTES);
    const end = Math.floor((offset + length) / UNIT_BYTES);
    if (end > first) this.#allocated.fill(0, first, end);
  }

  isAllocated(offset: number): { allocated: boolean; lengthBytes: number } {
    const unit = Math.floor(offset / UNIT_BYTES);
    return { allocated: this.#allocated[unit] === 1, lengthBytes: (unit + 1) * UNIT_BYTES - offset };
  }
}
