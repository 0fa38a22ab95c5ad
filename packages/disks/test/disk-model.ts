import type { BlockDevice, ReadableDevice } from "../src/block-device.ts";

const SECTOR = 512;

/** Content of a sector that the base of a test holds; 0 stands for zeros, other numbers for writes. */
const BASE_STAMP = 0xba5e_ba5e;

interface Change {
  readonly stamp: number;
  isSettled: boolean;
}

/** A disk whose every sector says which sector it is, so that a misplaced one is seen. */
export function baseDisk(sizeBytes: number, delay?: () => Promise<void> | undefined): ReadableDevice {
  const content = new Uint8Array(sizeBytes);
  for (let sector = 0; sector < sizeBytes / SECTOR; sector++)
    content.set(sectorOf(sector, BASE_STAMP), sector * SECTOR);
  const copy = (offset: number, into: Uint8Array): void => into.set(content.subarray(offset, offset + into.length));
  return {
    sizeBytes,
    read: (offset, into) => delay?.()?.then(() => copy(offset, into)) ?? copy(offset, into),
  };
}

/**
 * What each sector of a disk may hold: for each the last change that a flush acknowledged, and all changes since, in
 * the order of the calls. The disk under test is driven through the model.
 */
export class DiskModel {
  readonly sizeBytes: number;
  readonly #histories: Change[][];
  #stamp = 0;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#histories = Array.from({ length: sizeBytes / SECTOR }, () => [{ stamp: BASE_STAMP, isSettled: true }]);
  }

  /** Writes new content to the disk and notes it. */
  async write(disk: Pick<BlockDevice, "write">, offset: number, length: number): Promise<void> {
    const stamp = ++this.#stamp;
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += SECTOR) bytes.set(sectorOf((offset + at) / SECTOR, stamp), at);
    await this.#change(offset, length, stamp, () => disk.write(offset, bytes));
    // The caller may reuse its buffer now.
    bytes.fill(0xee);
  }

  /** Writes so that what was written survives a power cut once it is acknowledged, without a flush. */
  async writeThrough(disk: Pick<BlockDevice, "write">, offset: number, length: number): Promise<void> {
    await this.write(disk, offset, length);
    this.#keepNewest(offset, length);
  }

  /** Discards, durably once it is acknowledged. */
  async discardThrough(disk: Pick<BlockDevice, "discard">, offset: number, length: number): Promise<void> {
    await this.discard(disk, offset, length);
    this.#keepNewest(offset, length);
  }

  /** Discards and notes it. */
  async discard(disk: Pick<BlockDevice, "discard">, offset: number, length: number): Promise<void> {
    await this.#change(offset, length, 0, () => disk.discard(offset, length));
  }

  /** Flushes; from then on what had settled before the call is the least that each sector holds. */
  async flush(disk: Pick<BlockDevice, "flush">): Promise<void> {
    const floors = this.#histories.map((history) => history.findLast((change) => change.isSettled));
    await disk.flush();
    for (const [sector, floor] of floors.entries()) this.#forgetBefore(sector, floor);
  }

  /** Throws all changes away; when that fails, all sectors may hold their base content. */
  async reset(remove: () => Promise<void>): Promise<void> {
    const changes = this.#histories.map((history) => {
      const change: Change = { stamp: BASE_STAMP, isSettled: false };
      history.push(change);
      return change;
    });
    await remove();
    for (const [sector, change] of changes.entries()) {
      change.isSettled = true;
      this.#forgetBefore(sector, change);
    }
  }

  /** Reads a range and compares: each sector holds what the last settled change made it, or a change since. */
  async read(disk: ReadableDevice, offset: number, length: number): Promise<void> {
    const from = offset / SECTOR;
    const floors = this.#histories
      .slice(from, from + length / SECTOR)
      .map((history) => history.findLast((change) => change.isSettled));
    const bytes = new Uint8Array(length).fill(0xdd);
    await disk.read(offset, bytes);
    for (const [index, floor] of floors.entries()) {
      // A flush that was acknowledged meanwhile may have dropped the floor, when something after it had settled.
      const history = this.#historyOf(from + index);
      const allowed = history.slice(Math.max(0, floor === undefined ? 0 : history.indexOf(floor)));
      const stamp = this.#stampIn(bytes.subarray(index * SECTOR, (index + 1) * SECTOR), from + index);
      if (allowed.some((change) => change.stamp === stamp) || floor?.stamp === stamp) continue;
      throw new Error(`sector ${from + index}: read ${name(stamp)}, expected one of ${names(allowed)}`);
    }
  }

  /**
   * Compares the whole disk after a crash: each sector holds its last flushed content or one written since. From then on
   * what it holds is what it must hold.
   */
  async checkAfterCrash(disk: ReadableDevice): Promise<void> {
    const bytes = new Uint8Array(this.sizeBytes);
    await disk.read(0, bytes);
    for (const [sector, history] of this.#histories.entries()) {
      const stamp = this.#stampIn(bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR), sector);
      if (!history.some((change) => change.stamp === stamp)) {
        throw new Error(`sector ${sector} after the crash: ${name(stamp)}, expected one of ${names(history)}`);
      }
      this.#histories[sector] = [{ stamp, isSettled: true }];
    }
  }

  /**
   * Compares the whole disk after the end of the process alone: as after a crash, but every change that had settled is
   * there, flushed or not.
   */
  async checkAfterKill(disk: ReadableDevice): Promise<void> {
    for (const [sector, history] of this.#histories.entries()) {
      this.#forgetBefore(
        sector,
        history.findLast((change) => change.isSettled),
      );
    }
    await this.checkAfterCrash(disk);
  }

  async #change(offset: number, length: number, stamp: number, change: () => void | Promise<void>): Promise<void> {
    const changes: Change[] = [];
    for (let sector = offset / SECTOR; sector < (offset + length) / SECTOR; sector++) {
      const noted: Change = { stamp, isSettled: false };
      this.#historyOf(sector).push(noted);
      changes.push(noted);
    }
    await change();
    for (const noted of changes) noted.isSettled = true;
  }

  /** Right only while no other change of the range is under way. */
  #keepNewest(offset: number, length: number): void {
    for (let sector = offset / SECTOR; sector < (offset + length) / SECTOR; sector++)
      this.#forgetBefore(sector, this.#historyOf(sector).at(-1));
  }

  #forgetBefore(sector: number, floor: Change | undefined): void {
    const history = this.#historyOf(sector);
    const index = floor === undefined ? -1 : history.indexOf(floor);
    if (index > 0) history.splice(0, index);
  }

  #historyOf(sector: number): Change[] {
    const history = this.#histories[sector];
    if (history === undefined) throw new RangeError(`sector ${sector} is outside the model`);
    return history;
  }

  #stampIn(bytes: Uint8Array, sector: number): number {
    const stamp = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
    const expected = sectorOf(sector, stamp);
    if (Buffer.compare(bytes, expected) !== 0) {
      throw new Error(`sector ${sector} is not one written sector: ${Buffer.from(bytes).toString("hex")}`);
    }
    return stamp;
  }
}

function sectorOf(sector: number, stamp: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR);
  if (stamp === 0) return bytes;
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < SECTOR; at += 8) {
    view.setUint32(at, stamp);
    view.setUint32(at + 4, sector);
  }
  return bytes;
}

function name(stamp: number): string {
  return stamp === 0 ? "zeros" : stamp === BASE_STAMP ? "the base" : `write ${stamp}`;
}

function names(changes: readonly Change[]): string {
  return changes.map((change) => name(change.stamp)).join(", ");
}
