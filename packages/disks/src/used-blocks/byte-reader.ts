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

/** A range of bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Parts of a disk, one behind the other, as a disk: a file, a logical volume. */
export class JoinedParts implements ByteReader {
  readonly sizeBytes: number;
  readonly #reader: ByteReader;
  /** Ascending by `at`, where the part begins in the whole. */
  readonly #parts: readonly (ByteRange & { readonly at: number })[];

  constructor(reader: ByteReader, parts: readonly ByteRange[]) {
    let at = 0;
    this.#reader = reader;
    this.#parts = parts.map((part) => {
      const placed = { ...part, at };
      at += part.length;
      return placed;
    });
    this.sizeBytes = at;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (offset + into.length > this.sizeBytes) {
      throw new RangeError(`read of ${into.length} bytes at ${offset}, there are ${this.sizeBytes}`);
    }
    let filled = 0;
    for (const place of this.placesOf(offset, into.length)) {
      if (place.offset + place.length > this.#reader.sizeBytes) {
        throw new RangeError(`read of ${place.length} bytes at ${place.offset}, there are ${this.#reader.sizeBytes}`);
      }
      await this.#reader.read(place.offset, into.subarray(filled, filled + place.length));
      filled += place.length;
    }
  }

  /** Where on the disk a range of the whole is. */
  *placesOf(offset: number, length: number): Generator<ByteRange, void, undefined> {
    const end = offset + length;
    for (let i = this.#indexOf(offset); i < this.#parts.length; i++) {
      const part = this.#parts[i];
      if (part === undefined || part.at >= end) return;
      const from = Math.max(offset, part.at);
      const to = Math.min(end, part.at + part.length);
      if (from < to) yield { offset: part.offset + from - part.at, length: to - from };
    }
  }

  /** Of the last part that begins at or before `offset`. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#parts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#parts[middle]?.at ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Whether `bytes` has the ASCII text at `offset`. */
export function hasText(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[offset + i] !== text.charCodeAt(i)) return false;
  return true;
}
