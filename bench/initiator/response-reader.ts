import { HEADER_BYTES } from "./command-pdu.ts";

/** Who is told of what a target sends. */
export interface ResponseListener {
  /** A header; valid during the call. */
  header(header: Buffer): void;
  /** A piece of the data segment of the last header: `at` is its place in the segment; valid during the call. */
  data(piece: Buffer, at: number): void;
  /** The last header's PDU is complete. */
  end(): void;
}

/**
 * Reads a stream of PDUs without copying data and without making objects: the listener sees headers and pieces of data where they
 * lie in the receive buffer. Digests are skipped, not checked, so that a load generator costs little.
 */
export class ResponseReader {
  hasHeaderDigest = false;
  hasDataDigest = false;
  readonly #listener: ResponseListener;
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #digestSkip = 0;
  #dataBytes = 0;
  #dataDone = 0;
  #tailSkip = 0;
  #inData = false;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Takes the next bytes. */
  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      at = this.#inData ? this.#takeData(bytes, at) : this.#takeHeader(bytes, at);
    }
  }

  #takeHeader(bytes: Buffer, from: number): number {
    let at = from;
    let header = this.#header;
    if (this.#headerBytes === 0 && bytes.length - at >= HEADER_BYTES) {
      header = bytes.subarray(at, at + HEADER_BYTES);
      at += HEADER_BYTES;
    } else {
      const copied = Math.min(HEADER_BYTES - this.#headerBytes, bytes.length - at);
      bytes.copy(this.#header, this.#headerBytes, at, at + copied);
      this.#headerBytes += copied;
      at += copied;
      if (this.#headerBytes < HEADER_BYTES) return at;
    }
    this.#headerBytes = 0;
    this.#dataBytes = header.readUIntBE(5, 3);
    this.#dataDone = 0;
    this.#digestSkip = this.hasHeaderDigest ? 4 : 0;
    this.#tailSkip = (-this.#dataBytes & 3) + (this.hasDataDigest && this.#dataBytes > 0 ? 4 : 0);
    this.#listener.header(header);
    this.#inData = this.#dataBytes > 0 || this.#digestSkip > 0;
    if (!this.#inData) this.#listener.end();
    return at;
  }

  #takeData(bytes: Buffer, from: number): number {
    let at = from;
    if (this.#digestSkip > 0) {
      const skipped = Math.min(this.#digestSkip, bytes.length - at);
      this.#digestSkip -= skipped;
      at += skipped;
    }
    const length = Math.min(this.#dataBytes - this.#dataDone, bytes.length - at);
    if (length > 0) {
      this.#listener.data(bytes.subarray(at, at + length), this.#dataDone);
      this.#dataDone += length;
      at += length;
    }
    if (this.#digestSkip > 0 || this.#dataDone < this.#dataBytes) return at;
    const skipped = Math.min(this.#tailSkip, bytes.length - at);
    this.#tailSkip -= skipped;
    at += skipped;
    if (this.#tailSkip === 0) {
      this.#inData = false;
      this.#listener.end();
    }
    return at;
  }
}
