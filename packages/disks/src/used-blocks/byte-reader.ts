/** A disk, or a part of one, that is only looked at. */
export interface ByteReader {
  readonly sizeBytes: number;
  /** Fills `into` from `offset`, or throws. */
  read(offset: number, into: Uint8Array): Promise<void>;
}

/** The bytes of a range, in memory of their own. RangeError outside of the reader. */
export async function readBytes(reader: ByteReader, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  if (!(offset >= 0 && length >= 0 && offset + length <= reader.sizeBytes)) {
    throw new RangeError(`read of ${length} bytes at ${offset}, there are ${reader.sizeBytes}`);
  }
  const bytes = new Uint8Array(length);
  await reader.read(offset, bytes);
  return bytes;
}

/** A part of a disk as a disk; what would reach beyond the disk is cut off. */
export function partOf(reader: ByteReader, offset: number, length: number): ByteReader {
  const start = Math.min(offset, reader.sizeBytes);
  return {
    sizeBytes: Math.min(length, reader.sizeBytes - start),
    read: (at, into) => reader.read(start + at, into),
  };
}

/** Whether `bytes` has the ASCII text at `offset`. */
export function hasText(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}
