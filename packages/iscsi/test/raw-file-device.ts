import { closeSync, fdatasync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import type { BlockDevice } from "@ingot/iscsi";

const sync = promisify(fdatasync);

/** A raw image file, read and written through the page cache without waiting for a thread. */
export class RawFileDevice implements BlockDevice {
  readonly sizeBytes: number;
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = openSync(path, "r+");
    this.sizeBytes = fstatSync(this.#fd).size;
  }

  read(offset: number, into: Uint8Array): void {
    if (readSync(this.#fd, into, 0, into.length, offset) !== into.length) throw new Error(`short read at ${offset}`);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (writeSync(this.#fd, bytes, 0, bytes.length, offset) !== bytes.length)
      throw new Error(`short write at ${offset}`);
  }

  flush(): Promise<void> {
    return sync(this.#fd);
  }

  discard(offset: number, length: number): void {
    const zeros = new Uint8Array(Math.min(length, 1_048_576));
    for (let at = 0; at < length; at += zeros.length) {
      this.write(offset + at, zeros.subarray(0, Math.min(zeros.length, length - at)));
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
