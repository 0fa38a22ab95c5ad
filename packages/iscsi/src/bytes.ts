/** Big-endian numbers read from and written to buffers in place, for the paths that run once per command. */

// The caller knows that offsets are inside; the assertion keeps `noUncheckedIndexedAccess` from adding a branch.

/** One byte; the offset must be inside. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

/** 16 bits; the offset and the next must be inside. */
export function u16At(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

/** 32 bits, unsigned; the offset and the next three must be inside. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (
    ((byteAt(bytes, at) << 24) |
      (byteAt(bytes, at + 1) << 16) |
      (byteAt(bytes, at + 2) << 8) |
      byteAt(bytes, at + 3)) >>>
    0
  );
}

/** Writes 32 bits; what is above them is cut off. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** 64 bits as a number. Above 2^53 it is not exact, but then it is outside of every disk in any case. */
export function u64At(bytes: Uint8Array, at: number): number {
  return u32At(bytes, at) * 0x1_0000_0000 + u32At(bytes, at + 4);
}
