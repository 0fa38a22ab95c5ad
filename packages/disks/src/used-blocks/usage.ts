/** A range of a partition that is in use, or free. */
export interface UsedRange {
  readonly kind: "data" | "dontCare";
  /** Bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** What a partition holds and which parts of it somebody needs. */
export interface Usage {
  /** What was recognised: `ext4`, `ntfs`, `swap`; `raw` when all of it has to be taken as it is. */
  readonly content: "ext" | "ntfs" | "swap" | "raw";
  /** Only with `raw`, and only when it could have been more: why it is not (a journal to be replayed, damage, encryption). */
  readonly reason?: string;
  /** Sorted, without gaps, covering the partition; no two of a kind in a row. */
  readonly ranges: readonly UsedRange[];
}

/** A whole range as it is. */
export function rawUsage(sizeBytes: number, reason?: string): Usage {
  const ranges: UsedRange[] = sizeBytes > 0 ? [{ kind: "data", offset: 0, length: sizeBytes }] : [];
  return reason === undefined ? { content: "raw", ranges } : { content: "raw", reason, ranges };
}

/** Collects ranges in order; what is not named at the end is data. */
export class UsageBuilder {
  readonly ranges: UsedRange[] = [];
  #end = 0;

  /** The next range begins where the one before ended. */
  add(kind: UsedRange["kind"], length: number): void {
    if (length <= 0) return;
    const last = this.ranges.at(-1);
    if (last?.kind === kind) this.ranges[this.ranges.length - 1] = { ...last, length: last.length + length };
    else this.ranges.push({ kind, offset: this.#end, length });
    this.#end += length;
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
    return this.ranges;
  }
}

/** Bit 0 is the lowest of byte 0. */
function isSet(bits: Uint8Array, bit: number): boolean {
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
