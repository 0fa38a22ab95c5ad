import {
  MAX_QUEUED_OUTPUT_BYTES,
  MAX_READING_BYTES,
  POOLED_BUFFER_BYTES,
  SCARCE_QUEUED_OUTPUT_BYTES,
} from "../limits.ts";
import { BHS_BYTES, padded } from "./bhs.ts";
import type { BufferPool, PooledBuffer } from "./buffer-pool.ts";
import { DIGEST_BYTES, putDigest } from "./digest.ts";

/** What a connection needs of its socket; the socket file implements it. */
export interface Transport {
  /** Sends the parts in order, in one go; `sent` is called once, when their memory may be used again. */
  send(parts: readonly Uint8Array[], sent: () => void): void;
  /** No more `receive` until `resumeReading`. May be called again while paused. */
  pauseReading(): void;
  resumeReading(): void;
  /** Calls back once, soon, after what is ready in this turn of the event loop. */
  soon(callback: () => void): void;
  /** Ends the connection after everything sent so far; idempotent. */
  end(): void;
}

/** A PDU whose data arrives later: its place in a buffer is kept for it. */
export interface ReservedPdu {
  readonly buffer: PooledBuffer;
  /** Offset of the BHS. */
  readonly at: number;
  /** Bytes of data that it was kept for. */
  readonly dataLength: number;
}

/** Bytes in front of and after the data of one PDU. */
const OVERHEAD = BHS_BYTES + DIGEST_BYTES + DIGEST_BYTES + 3;

/** The most data that one PDU of ours may carry, so that it fits one pooled buffer; a multiple of 4 KiB. */
export const MAX_PDU_DATA_BYTES = 262_144;

/**
 * The sending side of a connection. PDUs are built one after the other in a pooled buffer, with data read by the device straight
 * into its place, and everything that became ready in one turn of the event loop leaves in one system call.
 *
 * `reserve` → fill header and data → `commit`. When the data comes later: `reserve` → `keep` → … → `commitKept` or `drop`.
 */
export class Output {
  readonly #pool: BufferPool;
  readonly #transport: Transport;
  #headerDigest = 0;
  #dataDigest = 0;
  #buffer: PooledBuffer | undefined;
  /** Start of what is committed in the current buffer and not yet a part. */
  #start = 0;
  #end = 0;
  #parts: Uint8Array[] = [];
  #partBuffers: PooledBuffer[] = [];
  #partBytes = 0;
  #sendingBytes = 0;
  #closed = false;
  /** Data of PDUs whose places are kept. */
  #keptBytes = 0;
  /** Somebody waits for `drained`. */
  #isAwaited = false;
  /** Called when output that was above the limit has drained. */
  readonly #drained: () => void;

  constructor(pool: BufferPool, transport: Transport, drained: () => void) {
    this.#pool = pool;
    this.#transport = transport;
    this.#drained = drained;
  }

  /** Takes effect with the next PDU. */
  configure(options: { headerDigest: boolean; dataDigest: boolean }): void {
    this.#headerDigest = options.headerDigest ? DIGEST_BYTES : 0;
    this.#dataDigest = options.dataDigest ? DIGEST_BYTES : 0;
  }

  /** The buffer that the last `reserve` was made in. */
  get bytes(): Uint8Array {
    return (this.#buffer as PooledBuffer).bytes;
  }

  /** From the header of a reserved PDU to its data. */
  get dataOffset(): number {
    return BHS_BYTES + this.#headerDigest;
  }

  /** Bytes not yet taken by the network. */
  get queuedBytes(): number {
    return this.#end - this.#start + this.#partBytes + this.#sendingBytes;
  }

  /** Whether more should be produced only after `drained`. */
  get full(): boolean {
    const limit = this.#pool.isScarce ? SCARCE_QUEUED_OUTPUT_BYTES : MAX_QUEUED_OUTPUT_BYTES;
    const isFull = this.queuedBytes >= limit;
    // Whoever was told so waits for `drained`, also when the limit is another one by then.
    if (isFull) this.#isAwaited = true;
    return isFull;
  }

  /** Whether no more should be read from a device that takes time: as `full`, or because much is under way there already. */
  get isCrowded(): boolean {
    const limit = this.#pool.isScarce ? SCARCE_QUEUED_OUTPUT_BYTES : MAX_READING_BYTES;
    const isCrowded = this.#keptBytes >= limit;
    if (isCrowded) this.#isAwaited = true;
    return isCrowded || this.full;
  }

  /** Room for a PDU with up to `dataLength` bytes of data; returns the offset of its header in `bytes`. */
  reserve(dataLength: number): number {
    const wanted = dataLength + OVERHEAD;
    if (this.#buffer === undefined || this.#end + wanted > POOLED_BUFFER_BYTES) {
      this.#retire();
      this.#buffer = this.#pool.take();
      this.#start = this.#end = 0;
    }
    return this.#end;
  }

  /** The reserved PDU is complete, with `dataLength` bytes of data. */
  commit(dataLength: number): void {
    this.#end = this.#finish((this.#buffer as PooledBuffer).bytes, this.#end, dataLength);
  }

  /** Keeps the place of the reserved PDU while others go on. */
  keep(dataLength: number): ReservedPdu {
    const buffer = this.#buffer as PooledBuffer;
    this.#cut();
    buffer.retain();
    const kept = { buffer, at: this.#end, dataLength };
    this.#keptBytes += dataLength;
    this.#end = this.#start = Math.min(POOLED_BUFFER_BYTES, this.#end + dataLength + OVERHEAD);
    return kept;
  }

  /** A kept PDU is complete: it goes out after all that was committed before. */
  commitKept(pdu: ReservedPdu, dataLength: number): void {
    this.#keptBytes -= pdu.dataLength;
    const end = this.#finish(pdu.buffer.bytes, pdu.at, dataLength);
    this.#cut();
    this.#push(pdu.buffer, pdu.at, end);
    pdu.buffer.release();
  }

  /** A kept PDU will not be sent. */
  drop(pdu: ReservedPdu): void {
    this.#keptBytes -= pdu.dataLength;
    pdu.buffer.release();
    if (this.#isAwaited) this.#transport.soon(() => this.#wake());
  }

  /** Hands everything committed to the network. */
  flush(): void {
    this.#cut();
    if (this.#parts.length === 0 || this.#closed) return;
    const buffers = this.#partBuffers;
    const bytes = this.#partBytes;
    const parts = this.#parts;
    this.#parts = [];
    this.#partBuffers = [];
    this.#partBytes = 0;
    this.#sendingBytes += bytes;
    this.#transport.send(parts, () => this.#sent(buffers, bytes));
  }

  /** Nothing more is sent; buffers come back as their writes end. */
  close(): void {
    this.#closed = true;
    for (const buffer of this.#partBuffers) buffer.release();
    this.#parts = [];
    this.#partBuffers = [];
    this.#partBytes = 0;
    this.#start = this.#end;
    this.#retire();
  }

  #sent(buffers: readonly PooledBuffer[], bytes: number): void {
    this.#sendingBytes -= bytes;
    for (const buffer of buffers) buffer.release();
    // An idle connection holds no buffer at all.
    if (this.#buffer?.users === 1 && this.#start === this.#end) this.#retire();
    if (this.#isAwaited) this.#wake();
  }

  /** Whoever waits looks again; one that still cannot go on waits again. */
  #wake(): void {
    if (!this.#isAwaited || this.#closed || this.full) return;
    this.#isAwaited = false;
    this.#drained();
  }

  /** Pads, adds digests; returns the offset after the PDU. */
  #finish(bytes: Uint8Array, at: number, dataLength: number): number {
    let end = at + BHS_BYTES;
    if (this.#headerDigest !== 0) {
      putDigest(bytes, at, end);
      end += DIGEST_BYTES;
    }
    if (dataLength === 0) return end;
    const dataEnd = end + dataLength;
    const paddedEnd = end + padded(dataLength);
    if (paddedEnd > dataEnd) bytes.fill(0, dataEnd, paddedEnd);
    if (this.#dataDigest === 0) return paddedEnd;
    putDigest(bytes, end, paddedEnd);
    return paddedEnd + DIGEST_BYTES;
  }

  /** Makes a part of what is committed. */
  #cut(): void {
    if (this.#buffer === undefined || this.#start === this.#end) return;
    this.#push(this.#buffer, this.#start, this.#end);
    this.#start = this.#end;
  }

  #push(buffer: PooledBuffer, start: number, end: number): void {
    if (this.#closed) return;
    buffer.retain();
    this.#parts.push(buffer.bytes.subarray(start, end));
    this.#partBuffers.push(buffer);
    this.#partBytes += end - start;
  }

  #retire(): void {
    this.#cut();
    this.#buffer?.release();
    this.#buffer = undefined;
    this.#start = this.#end = 0;
  }
}
