import { DiskError } from "./errors.ts";
import { SECTOR_BYTES } from "./limits.ts";

/**
 * What can be read by byte ranges of whole sectors. Answers at once (returns nothing) when the bytes are at hand,
 * so that hot reads cost no promise; otherwise returns a promise.
 */
export interface ReadableDevice {
  /** Multiple of 512. */
  readonly sizeBytes: number;
  /** Fills `into` completely from `offset`, or throws. Both MUST be multiples of 512. */
  read(offset: number, into: Uint8Array): void | Promise<void>;
  /** Whether the content at `offset` takes up space, and for how many bytes that answer holds at least. */
  isAllocated?(offset: number): { allocated: boolean; lengthBytes: number };
}

/** A disk. Ranges MUST be whole sectors inside the disk; otherwise DiskError `out-of-range`. */
export interface BlockDevice extends ReadableDevice {
  /** `bytes` MAY be reused by the caller as soon as this has returned nothing, or its promise has settled. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** After it resolves, every write and discard that had resolved before the call survives a power cut. */
  flush(): Promise<void>;
  /** Afterwards the range reads as zeros. Gives space back where the file system can. */
  discard(offset: number, length: number): void | Promise<void>;
}

/** Throws DiskError `out-of-range` unless the range is whole sectors inside a disk of `sizeBytes`. */
export function checkRange(what: string, sizeBytes: number, offset: number, length: number): void {
  const whole = offset % SECTOR_BYTES === 0 && length % SECTOR_BYTES === 0;
  if (!whole || offset < 0 || length < 0 || offset + length > sizeBytes) {
    throw new DiskError(
      "out-of-range",
      `${what}: ${length} bytes at ${offset} is not a range of whole sectors in a disk of ${sizeBytes} bytes`,
    );
  }
}
