import type { ByteReader, DiskRange } from "@ingot/disks";

const SECTOR_BYTES = 512;
const STEP_BYTES = 256 * 1024;
/** What a disk cannot read is looked for in units of a page, which is what the operating system reads. */
const PAGE_BYTES = 4096;

/** A range in which a disk is not as expected. */
export interface Difference extends DiskRange {
  /** The disk does not give its bytes. */
  readonly unreadable: boolean;
}

/** The parts of the ranges that lie within another one. */
export function within<T extends DiskRange>(ranges: readonly T[], outer: DiskRange): T[] {
  const end = outer.offset + outer.length;
  return ranges.flatMap((range) => {
    const from = Math.max(range.offset, outer.offset);
    const to = Math.min(range.offset + range.length, end);
    return from < to ? [{ ...range, offset: from, length: to - from }] : [];
  });
}

/** Whether two ranges have a byte in common. */
export function overlap(a: DiskRange, b: DiskRange): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

/** Ascending, and what overlaps or touches as one. */
export function merged(ranges: readonly DiskRange[]): DiskRange[] {
  const result: { offset: number; length: number }[] = [];
  for (const { offset, length } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const last = result.at(-1);
    if (last !== undefined && last.offset + last.length >= offset) {
      last.length = Math.max(last.length, offset + length - last.offset);
    } else {
      result.push({ offset, length });
    }
  }
  return result;
}

/** What is in the ranges and not in the others; both ascend and do not overlap among themselves. */
export function without<T extends DiskRange>(ranges: readonly T[], others: readonly DiskRange[]): T[] {
  return ranges.flatMap((range) => {
    const end = range.offset + range.length;
    const left: T[] = [];
    let at = range.offset;
    for (const other of others) {
      if (!overlap(range, other)) continue;
      if (other.offset > at) left.push({ ...range, offset: at, length: other.offset - at });
      at = Math.max(at, other.offset + other.length);
    }
    if (at < end) left.push({ ...range, offset: at, length: end - at });
    return left;
  });
}

/** The sectors of the ranges in which the disk differs from what is expected, or that it does not give; neighbours as one. */
export async function differences(
  expected: ByteReader,
  disk: ByteReader,
  ranges: readonly DiskRange[],
): Promise<Difference[]> {
  const found: { offset: number; length: number; unreadable: boolean }[] = [];
  const add = (offset: number, length: number, unreadable: boolean): void => {
    const last = found.at(-1);
    if (last !== undefined && last.offset + last.length === offset && last.unreadable === unreadable) {
      last.length += length;
    } else {
      found.push({ offset, length, unreadable });
    }
  };
  const compare = async (offset: number, length: number): Promise<void> => {
    const wanted = Buffer.alloc(length);
    const got = Buffer.alloc(length);
    await expected.read(offset, wanted);
    try {
      await disk.read(offset, got);
    } catch (error) {
      if (!isReadError(error)) throw error;
      if (length <= PAGE_BYTES) return add(offset, length, true);
      for (let at = 0; at < length; at += PAGE_BYTES) await compare(offset + at, Math.min(PAGE_BYTES, length - at));
      return;
    }
    if (wanted.equals(got)) return;
    for (let at = 0; at < length; at += SECTOR_BYTES) {
      const end = Math.min(at + SECTOR_BYTES, length);
      if (wanted.compare(got, at, end, at, end) !== 0) add(offset + at, end - at, false);
    }
  };
  for (const { offset, length } of ranges) {
    for (let at = 0; at < length; at += STEP_BYTES) await compare(offset + at, Math.min(STEP_BYTES, length - at));
  }
  return found;
}

function isReadError(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EIO" || error.code === "ENODATA");
}
