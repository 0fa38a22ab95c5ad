import { type BlockDevice, checkRange } from "./block-device.ts";
import { DiskError } from "./errors.ts";
import { SECTOR_BYTES } from "./limits.ts";
import type { DurableFile } from "./volume.ts";

/** Zeros are written in pieces of this size where no hole can be punched. */
const ZEROS_BYTES = 1024 * 1024;

/** A raw image as a disk: byte n of the disk is byte n of the file. */
export class RawDisk implements BlockDevice {
  readonly sizeBytes: number;
  readonly #file: DurableFile;
  readonly #readOnly: boolean;

  private constructor(file: DurableFile, sizeBytes: number, readOnly: boolean) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
    this.#readOnly = readOnly;
  }

  /** Takes over the file. DiskError `empty` or `not-whole-sectors`. */
  static async open(file: DurableFile, options: { readOnly?: boolean } = {}): Promise<RawDisk> {
    const { sizeBytes } = await file.measure();
    if (sizeBytes === 0) throw new DiskError("empty", "raw disk: the file is empty");
    if (sizeBytes % SECTOR_BYTES !== 0) {
      throw new DiskError("not-whole-sectors", `raw disk: ${sizeBytes} bytes is not a multiple of ${SECTOR_BYTES}`);
    }
    return new RawDisk(file, sizeBytes, options.readOnly ?? false);
  }

  /** See BlockDevice. */
  read(offset: number, into: Uint8Array): void | Promise<void> {
    checkRange("raw disk: read", this.sizeBytes, offset, into.length);
    return this.#file.read(offset, into);
  }

  /** See BlockDevice. DiskError `read-only`. */
  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    checkRange("raw disk: write", this.sizeBytes, offset, bytes.length);
    this.#refuseIfReadOnly("write");
    return this.#file.write(offset, bytes);
  }

  /** See BlockDevice. */
  async flush(): Promise<void> {
    if (!this.#readOnly) await this.#file.sync();
  }

  /** See BlockDevice. DiskError `read-only`. */
  async discard(offset: number, length: number): Promise<void> {
    checkRange("raw disk: discard", this.sizeBytes, offset, length);
    this.#refuseIfReadOnly("discard");
    if (length === 0 || (await this.#file.punchHole(offset, length))) return;
    const zeros = new Uint8Array(Math.min(ZEROS_BYTES, length));
    for (let done = 0; done < length; done += zeros.length) {
      await this.#file.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
    }
  }

  /** May be called twice. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #refuseIfReadOnly(what: string): void {
    if (this.#readOnly) throw new DiskError("read-only", `raw disk: ${what} on a read-only disk`);
  }
}
