import { DecodeError } from "./decode-error.ts";

/**
 * A cursor over bytes. Multi-byte integers are big-endian ("network order"); the `LE` variants are little-endian.
 * Reading past the end throws a `DecodeError` with code `truncated` that says where, how much was wanted and
 * how much was there; nothing is ever clamped or padded.
 */
export class Reader {
  readonly what: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  /** @param what names the structure in error messages. */
  constructor(bytes: Uint8Array, what = "bytes") {
    this.what = what;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes consumed so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes not yet consumed. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u24(): number {
    const at = this.#take(3);
    return (this.#view.getUint16(at) << 8) | this.#view.getUint8(at + 2);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  u16LE(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32LE(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64LE(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** The next `length` bytes as a view: copy them before the packet's buffer is reused. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** The next `length` bytes as a copy, also where the bytes are a Buffer, whose own slice() would be a view. */
  copy(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes(length));
  }

  /** Everything left, as a view. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Moves to an absolute offset within the bytes. */
  seek(offset: number): void {
    if (!Number.isInteger(offset) || offset < 0 || offset > this.#bytes.length) {
      throw new DecodeError("truncated", `offset ${offset} is outside of ${this.#bytes.length} bytes`, {
        what: this.what,
        offset: this.#offset,
        wanted: offset,
        available: this.#bytes.length,
      });
    }
    this.#offset = offset;
  }

  /** Throws code `trailing` when bytes are left over. */
  end(): void {
    if (this.remaining > 0) {
      throw new DecodeError("trailing", `${this.remaining} bytes left over`, {
        what: this.what,
        offset: this.#offset,
        available: this.remaining,
      });
    }
  }

  /** Throws code `invalid` at the current offset. */
  fail(message: string): never {
    throw new DecodeError("invalid", message, { what: this.what, offset: this.#offset });
  }

  #take(length: number): number {
    const at = this.#offset;
    if (!(length >= 0 && length <= this.#bytes.length - at)) {
      const available = this.#bytes.length - at;
      throw new DecodeError("truncated", `wanted ${length} bytes, ${available} available`, {
        what: this.what,
        offset: at,
        wanted: length,
        available,
      });
    }
    this.#offset = at + length;
    return at;
  }
}
