const HEADER_BYTES = 48;

/**
 * Cuts a TCP stream into iSCSI PDUs (RFC 7143 §11.2, no digests) and shows the caller each header and, for those that are
 * short enough, the data segment; long ones pass uncopied.
 */
export class PduSplitter {
  readonly #found: (header: Buffer, data: Buffer) => void;
  readonly #maxShownBytes: number;
  #pending: Buffer = Buffer.alloc(0);
  /** Bytes of a long data segment that are still to come. */
  #skip = 0;

  /** @param maxShownBytes data segments above this are given as empty */
  constructor(maxShownBytes: number, found: (header: Buffer, data: Buffer) => void) {
    this.#maxShownBytes = maxShownBytes;
    this.#found = found;
  }

  /** Takes the next bytes of the stream, which are not kept unless a header or a short segment is cut in two. */
  push(chunk: Buffer): void {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const skipped = Math.min(this.#skip, bytes.length);
      this.#skip -= skipped;
      bytes = bytes.subarray(skipped);
      if (bytes.length < HEADER_BYTES) break;
      const additionalBytes = bytes.readUInt8(4) * 4;
      const dataBytes = bytes.readUIntBE(5, 3);
      const dataAt = HEADER_BYTES + additionalBytes;
      const header = bytes.subarray(0, HEADER_BYTES);
      if (dataBytes > this.#maxShownBytes) {
        this.#found(header, Buffer.alloc(0));
        this.#skip = dataAt + ((dataBytes + 3) & ~3);
        continue;
      }
      const endAt = dataAt + ((dataBytes + 3) & ~3);
      if (bytes.length < endAt) break;
      this.#found(header, bytes.subarray(dataAt, dataAt + dataBytes));
      bytes = bytes.subarray(endAt);
    }
    this.#pending = Buffer.from(bytes);
  }
}
