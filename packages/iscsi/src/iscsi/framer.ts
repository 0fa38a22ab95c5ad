import { IscsiError } from "../errors.ts";
import { MAX_LOGIN_SEGMENT_BYTES } from "../limits.ts";
import { ahsLengthOf, BHS_BYTES, dataSegmentLengthOf, padded } from "./bhs.ts";
import type { BufferPool, PooledBuffer } from "./buffer-pool.ts";
import { DIGEST_BYTES, digestMatches } from "./digest.ts";

/**
 * Where one complete PDU lies. The same object is filled again for the next PDU, so that none is made per PDU:
 * take the numbers out before returning.
 */
export interface FramedPdu {
  /** The buffer that holds the PDU: what was read from the socket, or a pooled one. */
  bytes: Uint8Array;
  /** Offset of the BHS. */
  at: number;
  /** Offset of the data segment. */
  dataAt: number;
  /** Length of the data segment without padding. */
  dataLength: number;
  /** The buffer to `retain` when data is kept beyond the call; absent when the bytes are the socket's, and have to be copied to be kept. */
  buffer: PooledBuffer | undefined;
}

/**
 * Takes one PDU. Returns false to stop the framer: it then keeps the rest until `resume`.
 * Throws to end the connection.
 */
export type PduSink = (pdu: FramedPdu) => boolean;

/**
 * Cuts a TCP stream into PDUs. A PDU that lies whole in one chunk is handed over where it lies; only one that
 * crosses chunks is put together in a pooled buffer. Lengths are compared with the agreed limit before anything is taken for them.
 */
export class Framer {
  readonly #pool: BufferPool;
  readonly #sink: PduSink;
  readonly #pdu: FramedPdu = { bytes: new Uint8Array(0), at: 0, dataAt: 0, dataLength: 0, buffer: undefined };
  /** The BHS of a PDU whose start crosses chunks. */
  readonly #header = new Uint8Array(BHS_BYTES);
  #headerHave = 0;
  #partial: PooledBuffer | undefined;
  #partialHave = 0;
  #partialTotal = 0;
  /** Copies of what arrived while stopped. */
  #waiting: Uint8Array[] = [];
  #stopped = false;
  #headerDigest = 0;
  #dataDigest = 0;
  #maxDataSegmentLength = MAX_LOGIN_SEGMENT_BYTES;

  constructor(pool: BufferPool, sink: PduSink) {
    this.#pool = pool;
    this.#sink = sink;
  }

  /** Takes effect with the next PDU: the first one of full feature phase. */
  configure(options: { headerDigest: boolean; dataDigest: boolean; maxDataSegmentLength: number }): void {
    this.#headerDigest = options.headerDigest ? DIGEST_BYTES : 0;
    this.#dataDigest = options.dataDigest ? DIGEST_BYTES : 0;
    this.#maxDataSegmentLength = options.maxDataSegmentLength;
  }

  /** Whether the sink stopped it and nothing more should be read from the socket. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Takes the next bytes of the stream, which are the caller's again afterwards. Throws `IscsiError` on a length above the limit or a wrong digest. */
  push(chunk: Uint8Array): void {
    const rest = this.#stopped ? chunk : this.#cut(chunk);
    if (rest !== undefined) this.#waiting.push(new Uint8Array(rest));
  }

  /** Goes on after the sink returned false. */
  resume(): void {
    this.#stopped = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) {
      const rest = this.#stopped ? chunk : this.#cut(chunk);
      if (rest !== undefined) this.#waiting.push(rest);
    }
  }

  /** Gives back what it holds. */
  close(): void {
    this.#stopped = true;
    this.#waiting = [];
    this.#partial?.release();
    this.#partial = undefined;
  }

  /** Returns what is left when the sink stops it. */
  #cut(chunk: Uint8Array): Uint8Array | undefined {
    let at = this.#headerHave > 0 || this.#partial !== undefined ? this.#complete(chunk) : 0;
    while (at < chunk.length) {
      if (this.#stopped) return chunk.subarray(at);
      const available = chunk.length - at;
      if (available < BHS_BYTES) {
        this.#header.set(chunk.subarray(at));
        this.#headerHave = available;
        return undefined;
      }
      const total = this.#totalLength(chunk, at);
      if (available < total) {
        this.#begin(chunk.subarray(at), total);
        return undefined;
      }
      this.#deliver(chunk, at, undefined);
      at += total;
    }
    return undefined;
  }

  /** Adds to the PDU that crosses chunks; returns how much of `chunk` it took. */
  #complete(chunk: Uint8Array): number {
    let at = 0;
    if (this.#partial === undefined) {
      const wanted = BHS_BYTES - this.#headerHave;
      at = Math.min(wanted, chunk.length);
      this.#header.set(chunk.subarray(0, at), this.#headerHave);
      this.#headerHave += at;
      if (at < wanted) return at;
      this.#headerHave = 0;
      this.#begin(this.#header, this.#totalLength(this.#header, 0));
    }
    const partial = this.#partial as PooledBuffer | undefined;
    if (partial === undefined) return at;
    const part = Math.min(this.#partialTotal - this.#partialHave, chunk.length - at);
    partial.bytes.set(chunk.subarray(at, at + part), this.#partialHave);
    this.#partialHave += part;
    at += part;
    if (this.#partialHave === this.#partialTotal) {
      this.#partial = undefined;
      try {
        this.#deliver(partial.bytes, 0, partial);
      } finally {
        partial.release();
      }
    }
    return at;
  }

  #begin(start: Uint8Array, total: number): void {
    this.#partial = this.#pool.take();
    this.#partial.bytes.set(start);
    this.#partialHave = start.length;
    this.#partialTotal = total;
  }

  #totalLength(bytes: Uint8Array, at: number): number {
    const dataLength = dataSegmentLengthOf(bytes, at);
    if (dataLength > this.#maxDataSegmentLength) {
      throw new IscsiError(
        "limitExceeded",
        `PDU with ${dataLength} bytes of data, at most ${this.#maxDataSegmentLength} were agreed`,
      );
    }
    const data = dataLength === 0 ? 0 : padded(dataLength) + this.#dataDigest;
    return BHS_BYTES + ahsLengthOf(bytes, at) + this.#headerDigest + data;
  }

  #deliver(bytes: Uint8Array, at: number, buffer: PooledBuffer | undefined): void {
    const headerEnd = at + BHS_BYTES + ahsLengthOf(bytes, at);
    const dataLength = dataSegmentLengthOf(bytes, at);
    const dataAt = headerEnd + this.#headerDigest;
    if (this.#headerDigest !== 0 && !digestMatches(bytes, at, headerEnd)) {
      throw new IscsiError("digestMismatch", "header digest does not match");
    }
    if (this.#dataDigest !== 0 && dataLength !== 0 && !digestMatches(bytes, dataAt, dataAt + padded(dataLength))) {
      throw new IscsiError("digestMismatch", "data digest does not match");
    }
    const pdu = this.#pdu;
    pdu.bytes = bytes;
    pdu.at = at;
    pdu.dataAt = dataAt;
    pdu.dataLength = dataLength;
    pdu.buffer = buffer;
    if (!this.#sink(pdu)) this.#stopped = true;
  }
}
