import type { SeededRandom } from "../link/seeded-random.ts";

/** What a power cut keeps or loses as a whole. */
const SECTOR_BYTES = 512;

/** One step that changed a file and is not synced: a sector's new content (undefined: zeros), or a new length. */
type PendingChange = { sector: number; content: Uint8Array | undefined } | { sizeBytes: number };

interface Content {
  readonly sectors: Map<number, Uint8Array>;
  sizeBytes: number;
}

/**
 * A file as a disk with a volatile cache holds it: what reads see, what is durable, and the changes in between, sector by
 * sector in the order they were made.
 */
export class CrashFileContent {
  readonly #current: Content;
  readonly #durable: Content;
  #pending: PendingChange[] = [];
  #settledCount = 0;

  constructor(sectors: ReadonlyMap<number, Uint8Array> = new Map(), sizeBytes = 0) {
    this.#current = { sectors: new Map(sectors), sizeBytes };
    this.#durable = { sectors: new Map(sectors), sizeBytes };
  }

  /** Length in bytes, as reads see it. */
  get sizeBytes(): number {
    return this.#current.sizeBytes;
  }

  /** Bytes of all sectors that are not holes. */
  get storedBytes(): number {
    return this.#current.sectors.size * SECTOR_BYTES;
  }

  /** How many changes there have been: what a sync that begins now covers. */
  get changeCount(): number {
    return this.#settledCount + this.#pending.length;
  }

  /** Fills `into`; throws where the file ends before. */
  read(offset: number, into: Uint8Array): void {
    if (offset + into.length > this.#current.sizeBytes) {
      throw new RangeError(
        `crash file: read of ${into.length} bytes at ${offset}, the file has ${this.#current.sizeBytes}`,
      );
    }
    eachSector(offset, into.length, (sector, from, at, length) => {
      const content = this.#current.sectors.get(sector);
      if (content === undefined) into.fill(0, at, at + length);
      else into.set(content.subarray(from, from + length), at);
    });
  }

  /** Changes what reads see; each sector on its own is durable or not after a crash. */
  write(offset: number, bytes: Uint8Array): void {
    eachSector(offset, bytes.length, (sector, from, at, length) => {
      const content = new Uint8Array(SECTOR_BYTES);
      const before = this.#current.sectors.get(sector);
      if (before !== undefined && length < SECTOR_BYTES) content.set(before);
      content.set(bytes.subarray(at, at + length), from);
      this.#change({ sector, content });
    });
    if (offset + bytes.length > this.#current.sizeBytes) this.#change({ sizeBytes: offset + bytes.length });
  }

  /** Makes a range zeros. */
  punchHole(offset: number, length: number): void {
    eachSector(offset, length, (sector, from, _at, count) => {
      const before = this.#current.sectors.get(sector);
      if (before === undefined) return;
      if (count === SECTOR_BYTES) this.#change({ sector, content: undefined });
      else this.#change({ sector, content: before.slice().fill(0, from, from + count) });
    });
  }

  /** Cuts or extends the file. */
  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#current.sizeBytes) this.punchHole(sizeBytes, this.#current.sizeBytes - sizeBytes);
    this.#change({ sizeBytes });
  }

  /** Makes the first `changeCount` changes durable, as far as they are not yet. */
  settle(changeCount: number): void {
    const settled = this.#pending.splice(0, Math.max(0, changeCount - this.#settledCount));
    this.#settledCount += settled.length;
    for (const change of settled) apply(this.#durable, change);
  }

  /**
   * What a power cut leaves: each sector holds its durable content or that of any change to it since, whatever became
   * of the others; the length is the durable one or any since.
   */
  afterCrash(random: SeededRandom): CrashFileContent {
    const left: Content = { sectors: new Map(this.#durable.sectors), sizeBytes: this.#durable.sizeBytes };
    // From "nothing arrived" through "about half" to "everything arrived": the extremes are the likely ones.
    const share = pick(random, [0, 1, 0.5, random(), 1 - 0.05 * random()]);
    for (const change of this.#pending) if (random() < share) apply(left, change);
    const end = Math.ceil(left.sizeBytes / SECTOR_BYTES);
    for (const sector of left.sectors.keys()) if (sector >= end) left.sectors.delete(sector);
    return new CrashFileContent(left.sectors, left.sizeBytes);
  }

  /** The same file with everything that was written, as after the end of the process alone. */
  afterKill(): CrashFileContent {
    const left = new CrashFileContent(this.#durable.sectors, this.#durable.sizeBytes);
    for (const change of this.#pending) left.#change(change);
    return left;
  }

  #change(change: PendingChange): void {
    this.#pending.push(change);
    apply(this.#current, change);
  }
}

function apply(to: Content, change: PendingChange): void {
  if ("sizeBytes" in change) to.sizeBytes = change.sizeBytes;
  else if (change.content === undefined) to.sectors.delete(change.sector);
  else to.sectors.set(change.sector, change.content);
}

/** Calls `visit` for each sector of a byte range: its number, the range within it, and where that is in the whole. */
function eachSector(
  offset: number,
  length: number,
  visit: (sector: number, from: number, at: number, length: number) => void,
): void {
  for (let at = 0; at < length;) {
    const from = (offset + at) % SECTOR_BYTES;
    const count = Math.min(SECTOR_BYTES - from, length - at);
    visit(Math.floor((offset + at) / SECTOR_BYTES), from, at, count);
    at += count;
  }
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}
