import { type BlockDevice, checkRange, type ReadableDevice } from "./block-device.ts";
import { BlockMap, BlockState } from "./block-map.ts";
import { DiskError } from "./errors.ts";
import { GroupCommit } from "./group-commit.ts";
import { BLOCK_BYTES, MAX_OVERLAY_BYTES, MAX_RECENT_CHANGES, MIN_JOURNAL_BYTES, SECTOR_BYTES } from "./limits.ts";
import { OverlayStore, readOverlayHeader } from "./overlay-store.ts";
import { afterwards, type Part, runParts } from "./parts.ts";
import { RangeLocks } from "./range-locks.ts";
import type { Volume } from "./volume.ts";

/** How to open an overlay. */
export interface OverlayOptions {
  /** The overlay's own directory, used by nobody else. */
  readonly volume: Volume;
  /** The disk under it, which MUST NOT change. Stays the caller's: `close` does not close it. */
  readonly base: ReadableDevice;
  /** Identity of the base: 64 hexadecimal digits, for an image its manifest's SHA-256. */
  readonly baseId: string;
  /** Size from which the map's journal is folded into a new checkpoint; default 1 MiB. */
  readonly minJournalBytes?: number;
}

/** What an overlay holds. */
export interface OverlayStats {
  readonly sizeBytes: number;
  /** Bytes of changed blocks: what the machine's changes amount to. */
  readonly allocatedBytes: number;
  /** Bytes of discarded blocks. */
  readonly discardedBytes: number;
  /** What the data file takes up in its file system. */
  readonly storedBytes: number;
  /** Length of the map file. */
  readonly mapBytes: number;
}

/**
 * A machine's disk: its own changes over a base that is shared and never changes. Stored as docs/formats/overlay.md
 * says: what a flush acknowledged survives `kill -9` and a power cut.
 *
 * Changes of overlapping ranges take effect in the order of the calls; a read that overlaps a change that has not
 * settled sees old or new content for each sector.
 */
export class Overlay implements BlockDevice {
  readonly sizeBytes: number;
  readonly #base: ReadableDevice;
  readonly #minJournalBytes: number;
  readonly #store: OverlayStore;
  readonly #map: BlockMap;
  readonly #locks = new RangeLocks();
  readonly #reads = new Set<Promise<void>>();
  readonly #flushes = new GroupCommit(() => this.#commit());
  #saving: Promise<void> | undefined;
  /** Set while all I/O has to wait: during close. Never rejects. */
  #exclusive: Promise<void> | undefined;
  /** Whether the data file was written since its last sync. */
  #unsynced = false;
  #failure: DiskError | undefined;
  #closed = false;

  private constructor(options: OverlayOptions, store: OverlayStore, map: BlockMap) {
    this.sizeBytes = options.base.sizeBytes;
    this.#base = options.base;
    this.#minJournalBytes = options.minJournalBytes ?? MIN_JOURNAL_BYTES;
    this.#store = store;
    this.#map = map;
  }

  /**
   * Opens the overlay in `volume`, creating it where there is none.
   * DiskError `wrong-base`, `damaged-map`, `unsupported-version`, `too-large`.
   */
  static async open(options: OverlayOptions): Promise<Overlay> {
    const { volume, base, baseId } = options;
    if (base.sizeBytes > MAX_OVERLAY_BYTES) {
      throw new DiskError("too-large", `overlay: base has ${base.sizeBytes} bytes, at most ${MAX_OVERLAY_BYTES}`);
    }
    const found = await readOverlayHeader(volume);
    if (found !== undefined && found.baseId === baseId && found.sizeBytes === base.sizeBytes) {
      const { store, map } = await OverlayStore.load(volume);
      return new Overlay(options, store, map);
    }
    if (found !== undefined) {
      throw new DiskError(
        "wrong-base",
        `overlay: belongs to base ${found.baseId} of ${found.sizeBytes} bytes, not to ${baseId} of ${base.sizeBytes}`,
      );
    }
    const store = await OverlayStore.create(volume, { sizeBytes: base.sizeBytes, generation: 1, baseId });
    await store.removeOthers();
    return new Overlay(options, store, new BlockMap(Math.ceil(base.sizeBytes / BLOCK_BYTES)));
  }

  /** Identity of the base, 64 hexadecimal digits. */
  get baseId(): string {
    return this.#store.header.baseId;
  }

  /** Bytes of changed blocks, as `measureOverlay` says of one that is closed; see `stats` for what they take up on the server's disk. */
  get allocatedBytes(): number {
    return this.#map.dataBlocks * BLOCK_BYTES;
  }

  /** See BlockDevice. Errors of the base and of the data file pass through. */
  read(offset: number, into: Uint8Array): void | Promise<void> {
    if (this.#exclusive !== undefined) return this.#exclusive.then(() => this.read(offset, into));
    this.#check("read", offset, into.length);
    const end = Math.ceil((offset + into.length) / BLOCK_BYTES);
    let block = Math.floor(offset / BLOCK_BYTES);
    let runEnd = this.#map.runEnd(block, end);
    if (runEnd >= end) return this.#trackRead(this.#readRun(this.#map.get(block), offset, into));
    const parts: Part[] = [];
    let from = offset;
    while (block < end) {
      const until = Math.min(runEnd * BLOCK_BYTES, offset + into.length);
      const at = from;
      const state = this.#map.get(block);
      parts.push(() => this.#readRun(state, at, into.subarray(at - offset, until - offset)));
      from = until;
      block = runEnd;
      if (block < end) runEnd = this.#map.runEnd(block, end);
    }
    return this.#trackRead(runParts(parts));
  }

  /** See BlockDevice. A write that fails (ENOSPC) leaves old or new content in each sector. DiskError `failed`. */
  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    if (this.#exclusive !== undefined) return this.#exclusive.then(() => this.write(offset, bytes));
    this.#check("write", offset, bytes.length);
    if (bytes.length === 0) return;
    return this.#change(offset, bytes.length, () => this.#put(offset, bytes));
  }

  /** See BlockDevice. Whole blocks give their space back, parts of blocks are written with zeros. DiskError `failed`. */
  discard(offset: number, length: number): void | Promise<void> {
    if (this.#exclusive !== undefined) return this.#exclusive.then(() => this.discard(offset, length));
    this.#check("discard", offset, length);
    if (length === 0) return;
    return this.#change(offset, length, () => this.#drop(offset, length));
  }

  /** See BlockDevice. Concurrent calls share their syncs. DiskError `failed` when a sync failed, now or before. */
  flush(): Promise<void> {
    return this.#flushes.run();
  }

  /** Changed blocks count as allocated, discarded ones do not; for the rest the base answers. */
  isAllocated(offset: number): { allocated: boolean; lengthBytes: number } {
    this.#check("isAllocated", offset, SECTOR_BYTES);
    const block = Math.floor(offset / BLOCK_BYTES);
    const state = this.#map.get(block);
    const end = Math.min(this.#map.runEnd(block, this.#map.blockCount) * BLOCK_BYTES, this.sizeBytes);
    const own = { allocated: state !== BlockState.zero, lengthBytes: end - offset };
    if (state !== BlockState.base || this.#base.isAllocated === undefined) return own;
    const below = this.#base.isAllocated(offset);
    return { allocated: below.allocated, lengthBytes: Math.min(below.lengthBytes, own.lengthBytes) };
  }

  /** What the overlay holds and takes up. */
  async stats(): Promise<OverlayStats> {
    const { storedBytes } = await this.#store.data.measure();
    return {
      sizeBytes: this.sizeBytes,
      allocatedBytes: this.allocatedBytes,
      discardedBytes: this.#map.zeroBlocks * BLOCK_BYTES,
      storedBytes,
      mapBytes: this.#store.mapBytes,
    };
  }

  /** Flushes and closes. Rejects with the flush's error, closed all the same. May be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#alone(async () => {
      if (this.#closed) return;
      this.#closed = true;
      try {
        if (this.#failure === undefined) await this.#save();
      } finally {
        await this.#store.close();
      }
    });
  }

  #check(what: string, offset: number, length: number): void {
    if (this.#closed) throw new DiskError("closed", `overlay: ${what} after close`);
    checkRange(`overlay: ${what}`, this.sizeBytes, offset, length);
  }

  #readRun(state: BlockState, offset: number, into: Uint8Array): void | Promise<void> {
    if (state === BlockState.data) return this.#store.data.read(offset, into);
    if (state === BlockState.base) return this.#base.read(offset, into);
    into.fill(0);
  }

  #trackRead(reading: void | Promise<void>): void | Promise<void> {
    if (reading === undefined) return;
    const settled = reading
      .catch(() => undefined)
      .then(() => {
        this.#reads.delete(settled);
      });
    this.#reads.add(settled);
    return reading;
  }

  /** Runs a change at once where nothing overlaps it, and after the overlapping ones otherwise. */
  #change(offset: number, length: number, change: Part): void | Promise<void> {
    this.#refuseIfFailed();
    const first = Math.floor(offset / BLOCK_BYTES);
    const end = Math.ceil((offset + length) / BLOCK_BYTES);
    if (!this.#locks.isFree(first, end)) return this.#locks.run(first, end, change);
    const changing = change();
    if (changing !== undefined) return this.#locks.hold(first, end, changing);
  }

  /** Writes whole blocks as they are, and the parts of blocks at both ends as their state demands. */
  #put(offset: number, bytes: Uint8Array): void | Promise<void> {
    const end = offset + bytes.length;
    const { from, to, edges } = splitRange(offset, end, this.sizeBytes);
    const parts = edges.map((edge): Part => {
      const edgeBytes = bytes.subarray(edge.from - offset, edge.to - offset);
      return () => this.#putPart(edge.from, edgeBytes);
    });
    if (from < to) parts.push(() => this.#store.data.write(from, bytes.subarray(from - offset, to - offset)));
    // Not before all bytes are in the data file: until then readers and flushes go by the old states.
    return afterwards(runParts(parts), () => {
      this.#unsynced = true;
      return this.#enter(Math.floor(offset / BLOCK_BYTES), Math.ceil(end / BLOCK_BYTES), BlockState.data);
    });
  }

  /**
   * Gives blocks their new state. Their bytes are in the operating system's hands; the state has to be as well before the
   * change is acknowledged, or the end of this process alone would undo it, with nobody to notice.
   */
  #enter(first: number, end: number, state: BlockState): void | Promise<void> {
    if (this.#map.get(first) === state && this.#map.runEnd(first, end) >= end) return;
    const noting = this.#store.note({ firstBlock: first, blockCount: end - first, state });
    // At once, also while the note is being written: a save that begins now has to cover it.
    this.#map.set(first, end, state);
    // Its error stays: the next flush meets it as well.
    if (this.#store.recentCount % MAX_RECENT_CHANGES === 0) this.flush().catch(() => undefined);
    return noting;
  }

  /** Writes a part of one block: in place, or with the rest of the block around it where the data file has none. */
  #putPart(offset: number, bytes: Uint8Array): void | Promise<void> {
    const { data } = this.#store;
    const block = Math.floor(offset / BLOCK_BYTES);
    const start = block * BLOCK_BYTES;
    const state = this.#map.get(block);
    if (state === BlockState.data) return data.write(offset, bytes);
    const whole = new Uint8Array(Math.min(BLOCK_BYTES, this.sizeBytes - start));
    return afterwards(state === BlockState.base ? this.#base.read(start, whole) : undefined, () => {
      whole.set(bytes, offset - start);
      return data.write(start, whole);
    });
  }

  #drop(offset: number, length: number): void | Promise<void> {
    const { from, to, edges } = splitRange(offset, offset + length, this.sizeBytes);
    const parts = edges
      .filter((edge) => this.#map.get(Math.floor(edge.from / BLOCK_BYTES)) !== BlockState.zero)
      .map(
        (edge): Part =>
          () =>
            this.#put(edge.from, new Uint8Array(edge.to - edge.from)),
      );
    if (from < to) parts.push(() => this.#dropWhole(from / BLOCK_BYTES, Math.ceil(to / BLOCK_BYTES)));
    return runParts(parts);
  }

  #dropWhole(first: number, end: number): void | Promise<void> {
    const { data } = this.#store;
    const parts: Part[] = [];
    for (let block = first; block < end;) {
      const start = block;
      block = this.#map.runEnd(start, end);
      if (this.#map.get(start) !== BlockState.data) continue;
      const length = (block - start) * BLOCK_BYTES;
      // Where the file system cannot punch holes, the state alone makes the blocks read as zeros.
      parts.push(() => ignoreAnswer(data.punchHole(start * BLOCK_BYTES, length)));
    }
    parts.push(() => this.#enter(first, end, BlockState.zero));
    return runParts(parts);
  }

  async #commit(): Promise<void> {
    while (this.#exclusive !== undefined) await this.#exclusive;
    if (this.#closed) throw new DiskError("closed", "overlay: flush after close");
    this.#saving = this.#save();
    try {
      await this.#saving;
    } finally {
      this.#saving = undefined;
    }
  }

  async #save(): Promise<void> {
    this.#refuseIfFailed();
    if (!this.#unsynced && !this.#map.hasUnsaved) return;
    const store = this.#store;
    if (this.#map.hasUnsaved) await store.beginSave();
    // The states as they are now: what changes during the sync below is not covered by it.
    const changed = this.#map.takeUnsaved();
    const all = store.wantsCheckpoint(this.#minJournalBytes) ? [...this.#map.runs()] : undefined;
    this.#unsynced = false;
    try {
      await store.data.sync();
    } catch (error) {
      await this.#fail(error);
    }
    if (changed.length === 0) return;
    let isUndecided = false;
    const onUndecided = (): void => {
      isUndecided = true;
    };
    try {
      await (all === undefined ? store.append(changed, onUndecided) : store.checkpoint(all, onUndecided));
    } catch (error) {
      if (isUndecided) await this.#fail(error);
      this.#map.putBack(changed);
      throw error;
    }
  }

  /** Runs `work` while no I/O is under way; I/O that is called meanwhile waits. */
  async #alone(work: () => Promise<void>): Promise<void> {
    while (this.#exclusive !== undefined) await this.#exclusive;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exclusive = promise;
    try {
      await this.#locks.drained();
      await Promise.all(this.#reads);
      await this.#saving?.catch(() => undefined);
      await work();
    } finally {
      this.#exclusive = undefined;
      resolve();
    }
  }

  async #fail(cause: unknown): Promise<never> {
    this.#failure = new DiskError("failed", "overlay: a sync failed; what is durable is unknown until it is reopened", {
      cause,
    });
    // A disk that does not even take this has nothing to lose by it.
    await this.#store.forgetRecent().catch(() => undefined);
    throw this.#failure;
  }

  #refuseIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * The whole blocks of a byte range (none when from >= to) and its parts of blocks, each inside one block.
 * The last block of the disk is whole up to the disk's end.
 */
function splitRange(offset: number, end: number, sizeBytes: number): Range & { edges: Range[] } {
  const from = Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
  const to = end === sizeBytes ? end : Math.floor(end / BLOCK_BYTES) * BLOCK_BYTES;
  // Both ends inside one block.
  if (to < from) return { from, to, edges: [{ from: offset, to: end }] };
  const edges: Range[] = [];
  if (offset < from) edges.push({ from: offset, to: from });
  if (to < end) edges.push({ from: to, to: end });
  return { from, to, edges };
}

function ignoreAnswer(answer: boolean | Promise<boolean>): void | Promise<void> {
  if (typeof answer !== "boolean") return answer.then(() => undefined);
}
