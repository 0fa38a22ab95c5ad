import { libc } from "./libc-file.ts";

// <linux/fs.h>
const RWF_NOWAIT = 8;

/** Reads of one file that never wait for a disk. The descriptor stays the caller's. */
export class CachedReader {
  readonly #fd: number;
  /** `struct iovec` of one buffer: pointer, length. */
  readonly #vector = new BigUint64Array(2);
  readonly #vectorBytes = new Uint8Array(this.#vector.buffer);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Reads what the page cache has, from `offset` on (preadv2(2), RWF_NOWAIT). Returns the bytes read: fewer than `into` has when the rest
   * is not cached or the file ends, 0 also where the file system cannot say or the read fails: a plain read tells why.
   */
  read(into: Uint8Array<ArrayBuffer>, offset: number): number {
    const { preadv2, addressOf } = libc();
    this.#vector[0] = addressOf(into.buffer) + BigInt(into.byteOffset);
    this.#vector[1] = BigInt(into.length);
    return Math.max(0, Number(preadv2(this.#fd, this.#vectorBytes, 1, BigInt(offset), RWF_NOWAIT)));
  }
}
