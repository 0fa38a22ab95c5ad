import { bytesFromHex, crc32c, hexFromBytes, Reader, Writer } from "@ingot/wire";

import { type BlockRun, BlockState } from "./block-map.ts";
import type { DurableFile, Volume } from "./volume.ts";

/** The file's name in the overlay's directory. */
export const RECENT_NAME = "recent";

const MAGIC = "INGOTREC";
const VERSION = 1;
const PAGE_BYTES = 4096;
const HEADER_BYTES = 64;
const HEADER_CRC_OFFSET = 60;
const ENTRY_BYTES = 16;
const ENTRY_CRC_OFFSET = 12;
const LANES = [0, 1] as const;

/**
 * The states that changed since the map was last saved, for the case that the process ends and the operating system
 * does not (docs/formats/overlay.md, "Bytes of `recent`"): written before the change is acknowledged, never synced.
 *
 * Two lanes take turns, so that one can be dropped whole once a record of the map covers it.
 */
export class RecentLog {
  readonly #file: DurableFile;
  readonly #bootId: string;
  #lane: 0 | 1 = 0;
  /** Number of the map's record that covers everything in the lane; 0: never begun. */
  readonly #coveredBy: [number, number] = [0, 0];
  #entryCount = 0;
  #headerCrc = 0;
  /**
   * What the lane's last page holds. Writes to the page read from here when their turn comes, so that a late one of the whole page
   * does not undo an earlier one of a single entry; the next page gets another buffer.
   */
  #page = new DataView(new ArrayBuffer(PAGE_BYTES));
  /** While the lane's header is not written: entries wait for it. */
  #beginning: Promise<void> | undefined;

  private constructor(file: DurableFile, bootId: string) {
    this.#file = file;
    this.#bootId = bootId;
  }

  /** Makes an empty log, in place of what is there. `sequence` is the number of the map's last record. */
  static async create(volume: Volume, sequence: number): Promise<RecentLog> {
    const file = await volume.open(RECENT_NAME, "create");
    try {
      const log = new RecentLog(file, volume.bootId);
      // Both lanes' first pages exist now; beginning a lane again does not lengthen the file.
      await file.write(0, new Uint8Array(LANES.length * PAGE_BYTES));
      await log.#begin(0, sequence + 1);
      return log;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Entries of the present lane. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /**
   * Notes that blocks got a new state; their bytes MUST be written already. The change may be acknowledged when it
   * returns or resolves.
   */
  append(run: BlockRun): void | Promise<void> {
    const offset = entryOffset(this.#lane, this.#entryCount);
    this.#entryCount += 1;
    const at = offset % PAGE_BYTES;
    // A page of the page cache that is written whole need not be read first, and so is written at once.
    if (at === 0) this.#page = new DataView(new ArrayBuffer(PAGE_BYTES));
    encodeEntry(run, this.#headerCrc, this.#page, at);
    const bytes = new Uint8Array(this.#page.buffer, at, at === 0 ? PAGE_BYTES : ENTRY_BYTES);
    if (this.#beginning === undefined) return this.#file.write(offset, bytes);
    return this.#beginning.then(() => this.#file.write(offset, bytes));
  }

  /**
   * To be called when the map is about to be saved as record `sequence` + 1, before its states are collected: what is
   * appended from now on can be told from what that record covers. Does nothing while the other lane is still needed.
   */
  turn(sequence: number): void | Promise<void> {
    const other = this.#lane === 0 ? 1 : 0;
    if (isNeeded(this.#coveredBy[other], sequence)) return;
    // The record about to be saved covers what is in the present lane; the one after it, what comes into the other.
    return this.#begin(other, sequence + 2);
  }

  /** Makes the log say nothing: what it describes cannot be relied upon any more. */
  async forget(): Promise<void> {
    for (const lane of LANES) await this.#file.write(lane * PAGE_BYTES, new Uint8Array(HEADER_BYTES));
  }

  /** May be called twice. */
  close(): Promise<void> {
    return this.#file.close();
  }

  #begin(lane: 0 | 1, coveredBy: number): void | Promise<void> {
    const before = this.#position();
    const page = new Uint8Array(PAGE_BYTES);
    page.set(encodeHeader(coveredBy, this.#bootId));
    const writing = this.#file.write(lane * PAGE_BYTES, page);
    this.#goTo({ lane, entryCount: 0, headerCrc: headerCrcOf(page), page: new DataView(page.buffer) });
    if (writing === undefined) {
      this.#coveredBy[lane] = coveredBy;
      return;
    }
    this.#beginning = writing.then(
      () => {
        this.#coveredBy[lane] = coveredBy;
        this.#beginning = undefined;
      },
      (error: unknown) => {
        // Entries go on in the lane before; those that waited fail with this error.
        this.#goTo(before);
        this.#beginning = undefined;
        throw error;
      },
    );
    return this.#beginning;
  }

  #position(): Position {
    return { lane: this.#lane, entryCount: this.#entryCount, headerCrc: this.#headerCrc, page: this.#page };
  }

  #goTo({ lane, entryCount, headerCrc, page }: Position): void {
    this.#lane = lane;
    this.#entryCount = entryCount;
    this.#headerCrc = headerCrc;
    this.#page = page;
  }
}

interface Position {
  readonly lane: 0 | 1;
  readonly entryCount: number;
  readonly headerCrc: number;
  readonly page: DataView<ArrayBuffer>;
}

/**
 * What the log in `volume` adds to a map whose last record has the number `sequence`, in order; nothing where there is
 * no log, or one of another boot of the operating system.
 */
export async function readRecentRuns(volume: Volume, sequence: number, blockCount: number): Promise<BlockRun[]> {
  if (!(await volume.list()).includes(RECENT_NAME)) return [];
  const file = await volume.open(RECENT_NAME, "existing");
  try {
    const { sizeBytes } = await file.measure();
    const bytes = new Uint8Array(sizeBytes);
    await file.read(0, bytes);
    return LANES.flatMap((lane) => decodeLane(bytes, lane, volume.bootId) ?? [])
      .filter(({ coveredBy }) => isNeeded(coveredBy, sequence))
      .toSorted((a, b) => a.coveredBy - b.coveredBy)
      .flatMap(({ runs }) => runs)
      .filter((run) => run.blockCount > 0 && run.firstBlock + run.blockCount <= blockCount);
  } finally {
    await file.close();
  }
}

/** Whether a lane says more than a map whose last record has the number `sequence`. */
function isNeeded(coveredBy: number, sequence: number): boolean {
  return sequence < coveredBy;
}

interface Lane {
  readonly coveredBy: number;
  readonly runs: readonly BlockRun[];
}

function decodeLane(bytes: Uint8Array, lane: 0 | 1, bootId: string): Lane | undefined {
  const header = bytes.subarray(lane * PAGE_BYTES, lane * PAGE_BYTES + HEADER_BYTES);
  if (header.length < HEADER_BYTES || crc32c(header.subarray(0, HEADER_CRC_OFFSET)) !== headerCrcOf(header)) return;
  const reader = new Reader(header, "recent changes");
  if (String.fromCharCode(...reader.bytes(MAGIC.length)) !== MAGIC || reader.u32() !== VERSION) return;
  reader.skip(4);
  const coveredBy = Number(reader.u64());
  if (hexFromBytes(reader.bytes(16)) !== bootIdHex(bootId)) return;
  const runs: BlockRun[] = [];
  // To the end and not to the first bad entry: of two that were written at once the second may be there alone.
  for (let index = 0; ; index++) {
    const offset = entryOffset(lane, index);
    if (offset + ENTRY_BYTES > bytes.length) return { coveredBy, runs };
    const run = decodeEntry(bytes.subarray(offset, offset + ENTRY_BYTES), headerCrcOf(header));
    if (run !== undefined) runs.push(run);
  }
}

/** Pages belong to the lanes alternately; the first page of each begins with the header. */
function entryOffset(lane: 0 | 1, index: number): number {
  const at = HEADER_BYTES + index * ENTRY_BYTES;
  return (Math.floor(at / PAGE_BYTES) * LANES.length + lane) * PAGE_BYTES + (at % PAGE_BYTES);
}

function encodeHeader(coveredBy: number, bootId: string): Uint8Array {
  const writer = new Writer(HEADER_BYTES)
    .ascii(MAGIC)
    .u32(VERSION)
    .u32(0)
    .u64(BigInt(coveredBy))
    .bytes(bytesFromHex(bootIdHex(bootId)));
  writer.zeros(HEADER_CRC_OFFSET - writer.length);
  return writer.u32(crc32c(writer.finish())).finish();
}

function headerCrcOf(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset).getUint32(HEADER_CRC_OFFSET);
}

/** The checksum continues the lane header's: an entry of the lane's earlier life does not fit. */
function encodeEntry(run: BlockRun, headerCrc: number, page: DataView<ArrayBuffer>, at: number): void {
  page.setUint32(at, run.firstBlock);
  page.setUint32(at + 4, run.blockCount);
  page.setUint32(at + 8, run.state);
  page.setUint32(at + ENTRY_CRC_OFFSET, crc32c(new Uint8Array(page.buffer, at, ENTRY_CRC_OFFSET), headerCrc));
}

function decodeEntry(entry: Uint8Array, headerCrc: number): BlockRun | undefined {
  const view = new DataView(entry.buffer, entry.byteOffset);
  if (view.getUint32(ENTRY_CRC_OFFSET) !== crc32c(entry.subarray(0, ENTRY_CRC_OFFSET), headerCrc)) return undefined;
  const state = view.getUint32(8);
  if (state !== BlockState.data && state !== BlockState.zero) return undefined;
  return { firstBlock: view.getUint32(0), blockCount: view.getUint32(4), state };
}

function bootIdHex(bootId: string): string {
  return bootId.replaceAll("-", "").toLowerCase();
}
