/**
 * A growing byte buffer with a cursor at its end; every call returns the writer. Multi-byte integers are
 * big-endian, the `LE` variants little-endian. A value outside its field's range is a `RangeError`: our own fault,
 * never silently cut.
 */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;

  constructor(initialCapacity = 64) {
    this.#bytes = new Uint8Array(initialCapacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.patchU8(this.#grow(1), value);
    return this;
  }

  u16(value: number): this {
    this.patchU16(this.#grow(2), value);
    return this;
  }

  u24(value: number): this {
    inRange(value, 0xff_ffff, "u24");
    const at = this.#grow(3);
    this.#view.setUint16(at, value >>> 8);
    this.#view.setUint8(at + 2, value & 0xff);
    return this;
  }

  u32(value: number): this {
    this.patchU32(this.#grow(4), value);
    return this;
  }

  u64(value: bigint): this {
    inRange64(value);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  u16LE(value: number): this {
    inRange(value, 0xffff, "u16");
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32LE(value: number): this {
    inRange(value, 0xffff_ffff, "u32");
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64LE(value: bigint): this {
    inRange64(value);
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  /** Copies `bytes`. */
  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  zeros(length: number): this {
    this.#grow(length);
    return this;
  }

  /** Printable or control ASCII only; anything else is a `RangeError`. */
  ascii(text: string): this {
    const at = this.#grow(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      inRange(code, 0x7f, "ASCII character");
      this.#bytes[at + i] = code;
    }
    return this;
  }

  /** Overwrites one byte that was written before. */
  patchU8(offset: number, value: number): void {
    inRange(value, 0xff, "u8");
    this.#view.setUint8(this.#written(offset, 1), value);
  }

  patchU16(offset: number, value: number): void {
    inRange(value, 0xffff, "u16");
    this.#view.setUint16(this.#written(offset, 2), value);
  }

  patchU32(offset: number, value: number): void {
    inRange(value, 0xffff_ffff, "u32");
    this.#view.setUint32(this.#written(offset, 4), value);
  }

  /** What was written, as a view; the writer must not be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #written(offset: number, length: number): number {
    if (offset < 0 || offset + length > this.#length) {
      throw new RangeError(`patch of ${length} bytes at ${offset} is outside of the ${this.#length} written`);
    }
    return offset;
  }

  /** Makes room and returns its offset. It may replace the buffer and its view: call it before either is named. */
  #grow(length: number): number {
    const at = this.#length;
    const needed = at + length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = needed;
    return at;
  }
}

function inRange(value: number, maximum: number, kind: string): void {
  if (!Number.isInteger(value) || value < 0 || value > maximum) {
    throw new RangeError(`${value} does not fit a ${kind}`);
  }
}

function inRange64(value: bigint): void {
  if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new RangeError(`${value} does not fit a u64`);
}
