/** The page of the page cache. */
const PAGE_BYTES = 4096;
/** Pages noted in one bitmap: 8 MiB of file in 256 bytes. */
const SEGMENT_PAGES = 2048;

/**
 * How much of what was read and written lately is taken to be in the page cache. Shared by all files of a process,
 * since they share the cache. Time is measured in bytes newly touched: after `assumedCacheBytes` of them, what was not
 * touched since counts as gone; what was touched in the younger half is certain to count as present.
 */
export class PageCacheEstimate {
  readonly #halfBytes: number;
  #epoch = 0;
  #bytesInEpoch = 0;

  constructor(assumedCacheBytes: number) {
    this.#halfBytes = assumedCacheBytes / 2;
  }

  /** Grows by one each time half of the assumed cache was newly touched. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Notes that a page which was not in the present epoch was touched. */
  countPage(): void {
    this.#bytesInEpoch += PAGE_BYTES;
    if (this.#bytesInEpoch < this.#halfBytes) return;
    this.#epoch += 1;
    this.#bytesInEpoch = 0;
  }
}

/** The pages of one file that are taken to be in the page cache. */
export class WarmBlocks {
  readonly #estimate: PageCacheEstimate;
  #epoch: number;
  #young = new Map<number, Uint8Array>();
  #old = new Map<number, Uint8Array>();

  constructor(estimate: PageCacheEstimate) {
    this.#estimate = estimate;
    this.#epoch = estimate.epoch;
  }

  /** Whether all pages of a range were touched lately. */
  has(offset: number, length: number): boolean {
    this.#turn();
    const end = Math.ceil((offset + length) / PAGE_BYTES);
    for (let page = Math.floor(offset / PAGE_BYTES); page < end; page++) {
      if (!isSet(this.#young, page) && !isSet(this.#old, page)) return false;
    }
    return true;
  }

  /** Notes that a range was read or written just now. */
  touch(offset: number, length: number): void {
    this.#turn();
    const end = Math.ceil((offset + length) / PAGE_BYTES);
    for (let page = Math.floor(offset / PAGE_BYTES); page < end; page++) {
      if (isSet(this.#young, page)) continue;
      const segment = Math.floor(page / SEGMENT_PAGES);
      let bits = this.#young.get(segment);
      if (bits === undefined) {
        bits = new Uint8Array(SEGMENT_PAGES / 8);
        this.#young.set(segment, bits);
      }
      const at = (page % SEGMENT_PAGES) >> 3;
      bits[at] = (bits[at] ?? 0) | (1 << (page & 7));
      this.#estimate.countPage();
    }
  }

  #turn(): void {
    const { epoch } = this.#estimate;
    if (epoch === this.#epoch) return;
    this.#old = epoch === this.#epoch + 1 ? this.#young : new Map();
    this.#young = new Map();
    this.#epoch = epoch;
  }
}

function isSet(segments: Map<number, Uint8Array>, page: number): boolean {
  const bits = segments.get(Math.floor(page / SEGMENT_PAGES));
  return bits !== undefined && ((bits[(page % SEGMENT_PAGES) >> 3] ?? 0) & (1 << (page & 7))) !== 0;
}
