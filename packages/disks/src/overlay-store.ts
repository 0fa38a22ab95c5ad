import { BlockMap, type BlockRun } from "./block-map.ts";
import { DiskError } from "./errors.ts";
import { BLOCK_BYTES, SECTOR_BYTES } from "./limits.ts";
import {
  decodeOverlayHeader,
  decodeOverlayRecord,
  encodeOverlayHeader,
  encodeOverlayRecord,
  type OverlayHeader,
  type OverlayRecord,
  RecordKind,
} from "./overlay-map.ts";
import { readRecentRuns, RECENT_NAME, RecentLog } from "./recent-log.ts";
import type { DurableFile, Volume } from "./volume.ts";

const MAP_NAME = "map";
const NEW_MAP_NAME = "map.new";
const DATA_PREFIX = "data-";

/** The stored side of an overlay: its files, and the order in which they become durable (docs/formats/overlay.md). */
export class OverlayStore {
  readonly #volume: Volume;
  readonly header: OverlayHeader;
  /** The data file of this generation. */
  readonly data: DurableFile;
  readonly #recent: RecentLog;
  #map: DurableFile;
  #checkpointEnd: number;
  #end: number;
  #sequence: number;

  private constructor(volume: Volume, header: OverlayHeader, data: DurableFile, map: StoredMap, recent: RecentLog) {
    this.#volume = volume;
    this.header = header;
    this.data = data;
    this.#recent = recent;
    this.#map = map.file;
    this.#checkpointEnd = map.checkpointEnd;
    this.#end = map.end;
    this.#sequence = map.sequence;
  }

  /** Begins an overlay with no changes where there is none. All or nothing at a crash. */
  static async create(volume: Volume, header: OverlayHeader): Promise<OverlayStore> {
    const data = await volume.open(dataName(header), "create");
    let recent: RecentLog | undefined;
    try {
      await data.truncate(header.sizeBytes);
      await data.sync();
      // The map must not become visible before the data file that it names.
      await volume.syncDirectory();
      // Before the map, too: another overlay's recent changes are none of this one's.
      recent = await RecentLog.create(volume, 0);
      const map = await writeMap(volume, header, 0, []);
      return new OverlayStore(volume, header, data, map, recent);
    } catch (error) {
      await data.close();
      await recent?.close();
      throw error;
    }
  }

  /** Opens what a server left behind, in whatever moment it ended. DiskError `damaged-map`, `unsupported-version`. */
  static async load(volume: Volume): Promise<{ store: OverlayStore; map: BlockMap }> {
    const file = await volume.open(MAP_NAME, "existing");
    let data: DurableFile | undefined;
    let recent: RecentLog | undefined;
    try {
      const { header, blocks, storedBytes, ...stored } = await readMap(file);
      if (stored.end < storedBytes) await file.truncate(stored.end);
      const names = await volume.list();
      if (!names.includes(dataName(header))) {
        throw new DiskError("damaged-map", `overlay: its file ${dataName(header)} is missing`);
      }
      data = await volume.open(dataName(header), "existing");
      const { sizeBytes } = await data.measure();
      if (sizeBytes !== header.sizeBytes) {
        throw new DiskError(
          "damaged-map",
          `overlay: ${dataName(header)} has ${sizeBytes} bytes, expected ${header.sizeBytes}`,
        );
      }
      const map = await settle(volume, blocks, data, stored);
      recent = await RecentLog.create(volume, map.sequence);
      const store = new OverlayStore(volume, header, data, map, recent);
      await store.removeOthers();
      return { store, map: blocks };
    } catch (error) {
      await data?.close();
      await recent?.close();
      await file.close();
      throw error;
    }
  }

  /** Bytes of the map file, for statistics. */
  get mapBytes(): number {
    return this.#end;
  }

  /** Changes noted since the map was last about to be saved. */
  get recentCount(): number {
    return this.#recent.entryCount;
  }

  /** Notes a change of states so that the end of the process cannot lose it; see `RecentLog.append`. */
  note(run: BlockRun): void | Promise<void> {
    return this.#recent.append(run);
  }

  /** To be called before the states for `append` or `checkpoint` are collected. */
  beginSave(): void | Promise<void> {
    return this.#recent.turn(this.#sequence);
  }

  /** After a sync failed: what was written since the last one may not be there, so that it must not be believed. */
  forgetRecent(): Promise<void> {
    return this.#recent.forget();
  }

  /** Whether the next save should be a checkpoint. */
  wantsCheckpoint(minJournalBytes: number): boolean {
    const journal = this.#end - this.#checkpointEnd;
    return journal > minJournalBytes && journal > 2 * this.#checkpointEnd;
  }

  /**
   * Makes changed states durable by appending them. The bytes of their blocks MUST be durable before.
   * `onUndecided` runs before the step whose failure leaves unknown what is durable.
   */
  async append(runs: readonly BlockRun[], onUndecided: () => void): Promise<void> {
    const sequence = this.#sequence + 1;
    this.#end = await appendChanges(this.#map, this.#end, { kind: RecordKind.changes, sequence, runs }, onUndecided);
    this.#sequence = sequence;
  }

  /** Makes the states of the whole disk durable in a new map file. Otherwise as `append`. */
  async checkpoint(runs: readonly BlockRun[], onUndecided: () => void): Promise<void> {
    const map = await writeMap(this.#volume, this.header, this.#sequence + 1, runs, onUndecided);
    const before = this.#map;
    this.#map = map.file;
    this.#checkpointEnd = map.checkpointEnd;
    this.#end = map.end;
    this.#sequence = map.sequence;
    await before.close();
  }

  /** Removes what earlier generations and unfinished steps left behind. */
  async removeOthers(): Promise<void> {
    for (const name of await this.#volume.list()) {
      const isOtherData = name.startsWith(DATA_PREFIX) && name !== dataName(this.header);
      if (isOtherData || name === NEW_MAP_NAME) await this.#volume.remove(name);
    }
  }

  /** Closes the files. May be called twice. */
  async close(): Promise<void> {
    await this.#map.close();
    await this.#recent.close();
    await this.data.close();
  }
}

/** Removes the overlay in `volume`, if there is one; durably when it resolves. */
export async function removeOverlay(volume: Volume): Promise<void> {
  // The map first: an overlay without a map is none, one without its data file is damaged.
  if ((await volume.list()).includes(MAP_NAME)) await volume.remove(MAP_NAME);
  await volume.syncDirectory();
  for (const name of await volume.list()) {
    if (name.startsWith(DATA_PREFIX) || name === NEW_MAP_NAME || name === RECENT_NAME) await volume.remove(name);
  }
  await volume.syncDirectory();
}

/**
 * Bytes of changed blocks of an overlay that is closed, 0 where there is none: what `Overlay.allocatedBytes` would say if it were
 * opened. Reads the map and nothing else. DiskError as `OverlayStore.load`.
 */
export async function measureOverlay(volume: Volume): Promise<number> {
  if (!(await volume.list()).includes(MAP_NAME)) return 0;
  const file = await volume.open(MAP_NAME, "existing");
  try {
    const { blocks, sequence } = await readMap(file);
    for (const run of await readRecentRuns(volume, sequence, blocks.blockCount)) blocks.load(run);
    return blocks.dataBlocks * BLOCK_BYTES;
  } finally {
    await file.close();
  }
}

/** The header of the overlay in `volume`, undefined when there is none. DiskError as `OverlayStore.load`. */
export async function readOverlayHeader(volume: Volume): Promise<OverlayHeader | undefined> {
  if (!(await volume.list()).includes(MAP_NAME)) return undefined;
  const file = await volume.open(MAP_NAME, "existing");
  try {
    return decodeOverlayHeader(await readStart(file, SECTOR_BYTES));
  } finally {
    await file.close();
  }
}

interface StoredMap {
  readonly file: DurableFile;
  readonly checkpointEnd: number;
  readonly end: number;
  readonly sequence: number;
}

function dataName(header: OverlayHeader): string {
  return `${DATA_PREFIX}${header.generation}`;
}

function blockCountOf(header: OverlayHeader): number {
  return Math.ceil(header.sizeBytes / BLOCK_BYTES);
}

async function writeMap(
  volume: Volume,
  header: OverlayHeader,
  sequence: number,
  runs: readonly BlockRun[],
  onUndecided: () => void = () => undefined,
): Promise<StoredMap> {
  const checkpoint = encodeOverlayRecord({ kind: RecordKind.checkpoint, sequence, runs });
  const headerBytes = encodeOverlayHeader(header);
  const check = decodeOverlayRecord(checkpoint, 0, blockCountOf(header));
  if (check === undefined || decodeOverlayHeader(headerBytes).baseId !== header.baseId) {
    throw new Error("overlay map: the checkpoint just encoded does not decode");
  }
  const file = await volume.open(NEW_MAP_NAME, "create");
  try {
    await file.write(0, headerBytes);
    await file.write(SECTOR_BYTES, checkpoint);
    await file.sync();
    onUndecided();
    await volume.rename(NEW_MAP_NAME, MAP_NAME);
    await volume.syncDirectory();
  } catch (error) {
    await file.close();
    throw error;
  }
  const end = SECTOR_BYTES + checkpoint.length;
  return { file, checkpointEnd: end, end, sequence };
}

/** What the map says; `end` is short of `storedBytes` where the last record is torn. Changes nothing. */
async function readMap(
  file: DurableFile,
): Promise<StoredMap & { header: OverlayHeader; blocks: BlockMap; storedBytes: number }> {
  const { sizeBytes } = await file.measure();
  const bytes = await readStart(file, sizeBytes);
  const header = decodeOverlayHeader(bytes.subarray(0, SECTOR_BYTES));
  const blockCount = blockCountOf(header);
  const checkpoint = decodeOverlayRecord(bytes, SECTOR_BYTES, blockCount);
  if (checkpoint?.record.kind !== RecordKind.checkpoint) {
    throw new DiskError("damaged-map", `overlay map: no valid checkpoint at byte ${SECTOR_BYTES}`);
  }
  const blocks = new BlockMap(blockCount);
  for (const run of checkpoint.record.runs) blocks.load(run);
  let end = checkpoint.nextOffset;
  let sequence = checkpoint.record.sequence;
  while (end < bytes.length) {
    const found = decodeOverlayRecord(bytes, end, blockCount);
    if (found?.record.kind !== RecordKind.changes || found.record.sequence !== sequence + 1) break;
    for (const run of found.record.runs) blocks.load(run);
    end = found.nextOffset;
    sequence = found.record.sequence;
  }
  refuseIfRecordFollows(bytes, end, blockCount, sequence);
  return { header, blocks, file, checkpointEnd: checkpoint.nextOffset, end, sequence, storedBytes: bytes.length };
}

/**
 * Makes durable what a process that was killed leaves unsynced in the page cache: it is visible now and will be built upon.
 * Applies the recent changes to `blocks` and saves them. Returns the map as it is then.
 */
async function settle(volume: Volume, blocks: BlockMap, data: DurableFile, stored: StoredMap): Promise<StoredMap> {
  for (const { firstBlock, blockCount, state } of await readRecentRuns(volume, stored.sequence, blocks.blockCount)) {
    blocks.set(firstBlock, firstBlock + blockCount, state);
  }
  try {
    await data.sync();
  } catch (error) {
    // The operating system says so once. Whoever opens the overlay next must not believe in what may be missing.
    await (await RecentLog.create(volume, stored.sequence)).close();
    throw error;
  }
  await stored.file.sync();
  await volume.syncDirectory();
  if (!blocks.hasUnsaved) return stored;
  const sequence = stored.sequence + 1;
  const record: OverlayRecord = { kind: RecordKind.changes, sequence, runs: blocks.takeUnsaved() };
  const end = await appendChanges(stored.file, stored.end, record);
  return { ...stored, end, sequence };
}

/** Appends a record durably and returns the map's new end. */
async function appendChanges(
  map: DurableFile,
  end: number,
  record: OverlayRecord,
  onUndecided: () => void = () => undefined,
): Promise<number> {
  const bytes = encodeOverlayRecord(record);
  await map.write(end, bytes);
  onUndecided();
  await map.sync();
  return end + bytes.length;
}

/** A bad record is a torn append only when it is the last: appends wait for the sync of the one before. */
function refuseIfRecordFollows(bytes: Uint8Array, badOffset: number, blockCount: number, sequence: number): void {
  for (let offset = badOffset; offset < bytes.length; offset += SECTOR_BYTES) {
    const later = decodeOverlayRecord(bytes, offset, blockCount);
    if (later !== undefined && later.record.sequence > sequence) {
      throw new DiskError(
        "damaged-map",
        `overlay map: bad record at byte ${badOffset}, expected number ${sequence + 1}; number ${later.record.sequence} follows at byte ${offset}`,
      );
    }
  }
}

async function readStart(file: DurableFile, length: number): Promise<Uint8Array> {
  const { sizeBytes } = await file.measure();
  const bytes = new Uint8Array(Math.min(length, sizeBytes));
  await file.read(0, bytes);
  return bytes;
}
