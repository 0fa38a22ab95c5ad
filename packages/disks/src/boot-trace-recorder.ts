import { MAX_TRACE_CHUNKS } from "./limits.ts";

/** No new chunk for this long is the end of a boot. Kernels unpack themselves for 20 s on slow machines without a read. */
export const QUIET_MS = 30_000;
/** A boot that reads new chunks for longer than this has become work. */
export const LONGEST_BOOT_MS = 600_000;
/** The first sector is read within so many reads by every firmware: iPXE looks for an ISO file system first. */
const FIRST_READS = 8;
/** Whoever reads more than this part of an image copies it. Small images are excepted: of those a boot may read everything. */
const MOST_OF_IMAGE = 3 / 4;
const SMALL_IMAGE_CHUNKS = 64;

/** Where the chunks of an image are. */
export interface ChunkPlaces {
  /** Chunk extents of the manifest. */
  readonly chunkCount: number;
  /** Number of the extent that holds a byte of the image. */
  indexAt(offset: number): number;
  /** Number among the chunk extents of extent `index`, or -1 where it is none. */
  chunkAt(index: number): number;
  /** Where extent `index` ends, in bytes. */
  endOf(index: number): number;
}

/** How a recording stands. */
export type RecordingState =
  /** It goes on. */
  | "recording"
  /** The boot is over: `chunks` are its recording. */
  | "ended"
  /** What reads here does not boot: there is nothing to record. */
  | "no-boot";

/**
 * Notes the first read of each chunk, in order, from the beginning of a boot to its end (docs/formats/boot-trace.md,
 * "Recording"). `noteRead` is made for the path of every read: it allocates nothing, and what lies in the extent that was read
 * last costs two comparisons.
 */
export class BootTraceRecorder {
  readonly #places: ChunkPlaces;
  readonly #seen: Uint8Array;
  readonly #order: Uint32Array;
  readonly #startedMs: number;
  #count = 0;
  #state: RecordingState = "recording";
  /** The extent read last. */
  #lastStart = 0;
  #lastEnd = 0;
  #readsBeforeStart = 0;
  #hasStart: boolean;
  #countAtTick = 0;
  #newMs: number;

  /**
   * `earlier`: what the same boot read through an earlier opening of the disk, where it did.
   * Times are those of any clock that only goes forward, in milliseconds.
   */
  constructor(places: ChunkPlaces, nowMs: number, earlier: readonly number[] = []) {
    this.#places = places;
    this.#seen = new Uint8Array(Math.ceil(places.chunkCount / 8));
    this.#order = new Uint32Array(Math.min(places.chunkCount, MAX_TRACE_CHUNKS));
    this.#startedMs = nowMs;
    this.#newMs = nowMs;
    this.#hasStart = earlier.length > 0;
    for (const chunk of earlier) this.#noteChunk(chunk);
  }

  /** How it stands; only `tick`, `end` and reads change it. */
  get state(): RecordingState {
    return this.#state;
  }

  /** What was noted so far. */
  get chunks(): number[] {
    return [...this.#order.subarray(0, this.#count)];
  }

  /** To be told of each read of the image, in bytes. */
  noteRead(offset: number, length: number): void {
    if (!this.#hasStart) this.#lookForStart(offset);
    if (offset >= this.#lastStart && offset + length <= this.#lastEnd) return;
    if (this.#state === "recording") this.#noteRange(offset, offset + length);
  }

  /** To be called about once a second: ends the recording when the boot is over by the clock. */
  tick(nowMs: number): void {
    if (this.#state !== "recording") return;
    if (this.#count !== this.#countAtTick) {
      this.#countAtTick = this.#count;
      this.#newMs = nowMs;
    }
    if (nowMs - this.#newMs >= QUIET_MS || nowMs - this.#startedMs >= LONGEST_BOOT_MS) this.end();
  }

  /** The boot is over: the machine says so, or the clock. */
  end(): void {
    if (this.#state !== "recording") return;
    const { chunkCount } = this.#places;
    const isCopy = chunkCount > SMALL_IMAGE_CHUNKS && this.#count > chunkCount * MOST_OF_IMAGE;
    this.#state = this.#hasStart && this.#count > 0 && !isCopy ? "ended" : "no-boot";
  }

  #lookForStart(offset: number): void {
    this.#readsBeforeStart += 1;
    if (offset === 0) this.#hasStart = true;
    else if (this.#readsBeforeStart === FIRST_READS) this.#state = "no-boot";
  }

  #noteRange(offset: number, end: number): void {
    const places = this.#places;
    let start = offset;
    for (let index = places.indexAt(offset); ; index++) {
      const extentEnd = places.endOf(index);
      const chunk = places.chunkAt(index);
      if (chunk >= 0) this.#noteChunk(chunk);
      // Its beginning is not known without a search; what was read from on is enough for a sequential reader.
      this.#lastStart = start;
      this.#lastEnd = extentEnd;
      if (extentEnd >= end) return;
      start = extentEnd;
    }
  }

  #noteChunk(chunk: number): void {
    const at = chunk >> 3;
    const bit = 1 << (chunk & 7);
    const bits = this.#seen[at] ?? 0;
    if ((bits & bit) !== 0 || this.#count === MAX_TRACE_CHUNKS) return;
    this.#seen[at] = bits | bit;
    this.#order[this.#count] = chunk;
    this.#count += 1;
    if (this.#count === MAX_TRACE_CHUNKS) this.end();
  }
}
