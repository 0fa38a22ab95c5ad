/**
 * The disk behind a logical unit, as this package needs it. Offsets and lengths are bytes, multiples of 512, and inside of the disk.
 * A call may answer at once (returning nothing) or later (returning a promise); answering at once is the fast path, no promise is made for it.
 * Any error that is thrown, or that a promise rejects with, is an I/O failure: the initiator is told MEDIUM ERROR.
 */
export interface BlockDevice {
  /** Size in bytes, a multiple of 512; must not change while open. */
  readonly sizeBytes: number;
  /** Fills `into` completely or fails. */
  read(offset: number, into: Uint8Array): void | Promise<void>;
  /** `bytes` is used again by the caller once the call has settled. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** After it resolves, every write that settled before survives a power cut. */
  flush(): Promise<void>;
  /** Afterwards the range reads as zeros. */
  discard(offset: number, length: number): void | Promise<void>;
  /** Whether the bytes at `offset` take up space, and for how many bytes from there this holds (GET LBA STATUS). */
  isAllocated?(offset: number): { readonly allocated: boolean; readonly lengthBytes: number };
}
