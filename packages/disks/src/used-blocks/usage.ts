import { SECTOR_BYTES } from "../limits.ts";
import type { ByteRange } from "./byte-reader.ts";
import { MAX_USED_RANGES } from "./limits.ts";

/** A range of a partition that is in use, or free. */
export interface UsedRange {
  readonly kind: "data" | "dontCare";
  /** Bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** What a partition holds; `raw` when all of it has to be taken as it is. */
type Content = "ext" | "ntfs" | "fat" | "exfat" | "xfs" | "swap" | "lvm" | "raw";

/** What a partition holds and which parts of it somebody needs. */
export interface Usage {
  readonly content: Content;
  /** Why all of it, or with `lvm` some of its volumes, is taken as it is although it was recognised (a journal to be replayed, damage, encryption). */
  readonly reason?: string;
  /** Sorted, without gaps, covering the partition; no two of a kind in a row. */
  readonly ranges: readonly UsedRange[];
}

/** A whole range as it is. */
export function rawUsage(sizeBytes: number, reason?: string): Usage {
  const ranges: UsedRange[] = sizeBytes > 0 ? [{ kind: "data", offset: 0, length: sizeBytes }] : [];
  return reason === undefined ? { content: "raw", ranges } : { content: "raw", reason, ranges };
}

/**
 * Collects ranges in order; what is not named at the end is data. Of more than `maxRanges` the shortest free ones become data, as many as
 * it takes: free space in a million parts must not fill the memory, and what is not named free is only captured for nothing.
 */
export class UsageBuilder {
  readonly #maxRanges: number;
  #ranges: UsedRange[] = [];
  #end = 0;
  #shortestFreeBytes = 4096;

  constructor(maxRanges: number = MAX_USED_RANGES) {
    this.#maxRanges = maxRanges;
  }

  /** The next range begins where the one before ended. */
  add(kind: UsedRange["kind"], length: number): void {
    if (length <= 0) return;
    append(this.#ranges, kind, this.#end, length);
    this.#end += length;
    if (this.#ranges.length > this.#maxRanges) this.#dropShortest();
  }

  /** Where the next range begins. */
  get end(): number {
    return this.#end;
  }

  /** Adds `unitBytes` for every bit: 1 is data, 0 is free. Bit 0 is the lowest of byte 0. */
  addBitmap(bits: Uint8Array, bitCount: number, unitBytes: number): void {
    for (let bit = 0; bit < bitCount;) {
      const isUsed = isSet(bits, bit);
      const start = bit;
      const whole = isUsed ? 0xff : 0;
      while (bit < bitCount && isSet(bits, bit) === isUsed) {
        if ((bit & 7) === 0 && bits[bit >> 3] === whole && bit + 8 <= bitCount) bit += 8;
        else bit += 1;
      }
      this.add(isUsed ? "data" : "dontCare", (bit - start) * unitBytes);
    }
  }

  /** The ranges of something of that size. */
  finish(sizeBytes: number): readonly UsedRange[] {
    this.add("data", sizeBytes - this.#end);
    return this.#ranges;
  }

  /** Down to half of what may be, so that it happens seldom. */
  #dropShortest(): void {
    for (;;) {
      const kept: UsedRange[] = [];
      for (const { kind, offset, length } of this.#ranges) {
        append(kept, length < this.#shortestFreeBytes ? "data" : kind, offset, length);
      }
      this.#ranges = kept;
      if (kept.length <= Math.ceil(this.#maxRanges / 2)) return;
      this.#shortestFreeBytes *= 2;
    }
  }
}

function append(ranges: UsedRange[], kind: UsedRange["kind"], offset: number, length: number): void {
  const last = ranges.at(-1);
  if (last?.kind === kind) ranges[ranges.length - 1] = { ...last, length: last.length + length };
  else ranges.push({ kind, offset, length });
}

/** The same ranges, and in `free`, which MAY overlap and be in any order, is nothing that somebody needs. What is outside of whole sectors stays data. */
export function withFree(ranges: readonly UsedRange[], free: readonly ByteRange[]): readonly UsedRange[] {
  const builder = new UsageBuilder();
  const inOrder = free
    .map(({ offset, length }) => ({ from: roundUp(offset), to: roundDown(offset + length) }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from);
  let next = 0;
  for (const { kind, offset, length } of ranges) {
    const end = offset + length;
    while (builder.end < end) {
      while (next < inOrder.length && (inOrder[next]?.to ?? 0) <= builder.end) next += 1;
      const { from = end, to = end } = inOrder[next] ?? {};
      const isFree = from <= builder.end;
      builder.add(isFree ? "dontCare" : kind, Math.min(isFree ? to : from, end) - builder.end);
    }
  }
  return builder.finish(builder.end);
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
}

function roundDown(bytes: number): number {
  return Math.floor(bytes / SECTOR_BYTES) * SECTOR_BYTES;
}

/** Whether a bit is 1. Bit 0 is the lowest of byte 0. */
export function isSet(bits: Uint8Array, bit: number): boolean {
  return ((bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

/** Sets `count` bits. */
export function setBits(bits: Uint8Array, first: number, count: number): void {
  for (let bit = first; bit < first + count; bit++) bits[bit >>> 3] = (bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
}

/** Zero bits among the first `bitCount`. */
export function countFree(bits: Uint8Array, bitCount: number): number {
  let free = 0;
  for (let bit = 0; bit < bitCount; bit++) if (!isSet(bits, bit)) free += 1;
  return free;
}
