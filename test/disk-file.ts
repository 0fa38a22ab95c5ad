import { closeSync, openSync, readSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";

const BLOCK_BYTES = 4096;

/** A file that is a machine's disk; the machine may be running, and sees what changes here when it reads it. */
export class DiskFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** An empty disk, of holes. */
  static create(path: string, sizeBytes: number): DiskFile {
    writeFileSync(path, "");
    truncateSync(path, sizeBytes);
    return new DiskFile(path);
  }

  /** What it takes on the disk that it lies on: holes take nothing. */
  get allocatedBytes(): number {
    return statSync(this.path).blocks * 512;
  }

  /** Where a text stands that does not cross blocks of 4 KiB. */
  find(text: string): number {
    const fd = openSync(this.path, "r");
    const block = Buffer.alloc(BLOCK_BYTES);
    try {
      for (let offset = 0; readSync(fd, block, 0, block.length, offset) > 0; offset += block.length) {
        if (block.includes(text)) return offset + block.indexOf(text);
      }
    } finally {
      closeSync(fd);
    }
    throw new Error(`${this.path} does not hold ${JSON.stringify(text)}`);
  }

  textAt(offset: number, length: number): string {
    const fd = openSync(this.path, "r");
    const bytes = Buffer.alloc(length);
    readSync(fd, bytes, 0, length, offset);
    closeSync(fd);
    return bytes.toString();
  }

  overwrite(offset: number, text: string): void {
    const fd = openSync(this.path, "r+");
    writeSync(fd, Buffer.from(text), 0, text.length, offset);
    closeSync(fd);
  }
}
