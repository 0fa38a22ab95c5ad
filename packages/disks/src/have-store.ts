import { DiskError } from "./errors.ts";
import {
  BITS_PER_SECTOR,
  decodeHaveHeader,
  decodeHaveSector,
  encodeHaveHeader,
  encodeHaveSector,
  type HaveHeader,
} from "./have-map.ts";
import { SECTOR_BYTES } from "./limits.ts";
import type { DurableFile, Volume } from "./volume.ts";

/** The sparse file with the content of the chunks that are held. */
export const BACKING_NAME = "backing";
const HAVE_NAME = "have";
const NEW_HAVE_NAME = "have.new";
const BITS_BYTES = BITS_PER_SECTOR / 8;

/** What the have-map says about a chunk extent when it is opened. */
export type HaveAnswer = "held" | "missing" | "unknown";

/** The files of a replica: backing and have-map, and the order in which they become durable (docs/formats/have-map.md). */
export class HaveStore {
  readonly backing: DurableFile;
  readonly #file: DurableFile;
  readonly #header: HaveHeader;
  readonly #bits: Uint8Array;
  readonly #badSectors: ReadonlySet<number>;
  readonly #unsavedSectors = new Set<number>();

  private constructor(backing: DurableFile, file: DurableFile, header: HaveHeader, bits: Uint8Array, bad: Set<number>) {
    this.backing = backing;
    this.#file = file;
    this.#header = header;
    this.#bits = bits;
    this.#badSectors = bad;
    // A bad sector is written again with the next save, whatever becomes of its chunks.
    for (const sector of bad) this.#unsavedSectors.add(sector);
  }

  /** Opens or creates the files. DiskError `wrong-manifest`, `unsupported-version`. */
  static async open(volume: Volume, header: HaveHeader): Promise<HaveStore> {
    const names = await volume.list();
    const { backing, isSound } = await openBacking(volume, names.includes(BACKING_NAME), header.sizeBytes);
    let file: DurableFile | undefined;
    try {
      if (names.includes(HAVE_NAME)) file = await volume.open(HAVE_NAME, "existing");
      const map = file === undefined ? undefined : await readMap(file, header);
      if (file !== undefined && map !== undefined && isSound) {
        // What a killed process left unsynced is visible and will be built upon.
        await file.sync();
        await volume.syncDirectory();
        return new HaveStore(backing, file, header, map.bits, map.bad);
      }
      await file?.close();
      file = await createMap(volume, header);
      // In a backing that was just made there is nothing to find.
      const isNew = !names.includes(BACKING_NAME);
      const bad = new Set(isNew ? [] : Array.from({ length: sectorCount(header) }, (_, sector) => sector));
      return new HaveStore(backing, file, header, new Uint8Array(sectorCount(header) * BITS_BYTES), bad);
    } catch (error) {
      await file?.close();
      await backing.close();
      throw error;
    }
  }

  /** What the map said about chunk extent `index` when it was opened, and what `set` and `clear` made of it. */
  answer(index: number): HaveAnswer {
    if (((this.#bits[byteOf(index)] ?? 0) & (1 << (index & 7))) !== 0) return "held";
    return this.#badSectors.has(Math.floor(index / BITS_PER_SECTOR)) ? "unknown" : "missing";
  }

  /** Sets a have-bit; durable after `save`. The chunk MUST be verified and durable in the backing. */
  set(index: number): void {
    this.#bits[byteOf(index)] = (this.#bits[byteOf(index)] ?? 0) | (1 << (index & 7));
    this.#unsavedSectors.add(Math.floor(index / BITS_PER_SECTOR));
  }

  /** Clears a have-bit; durable after `save`. */
  clear(index: number): void {
    this.#bits[byteOf(index)] = (this.#bits[byteOf(index)] ?? 0) & ~(1 << (index & 7));
    this.#unsavedSectors.add(Math.floor(index / BITS_PER_SECTOR));
  }

  /** Makes all changes of bits durable. MUST NOT be called while it runs. */
  async save(): Promise<void> {
    if (this.#unsavedSectors.size === 0) return;
    const sectors = [...this.#unsavedSectors];
    this.#unsavedSectors.clear();
    for (const sector of sectors) {
      const bits = this.#bits.subarray(sector * BITS_BYTES, (sector + 1) * BITS_BYTES);
      const bytes = encodeHaveSector(this.#header.manifestId, sector, bits);
      await this.#file.write((sector + 1) * SECTOR_BYTES, bytes);
    }
    await this.#file.sync();
  }

  /** Closes the files. May be called twice. */
  async close(): Promise<void> {
    await this.#file.close();
    await this.backing.close();
  }
}

function byteOf(index: number): number {
  return index >> 3;
}

function sectorCount(header: HaveHeader): number {
  return Math.ceil(header.chunkCount / BITS_PER_SECTOR);
}

async function openBacking(
  volume: Volume,
  exists: boolean,
  sizeBytes: number,
): Promise<{ backing: DurableFile; isSound: boolean }> {
  const backing = await volume.open(BACKING_NAME, exists ? "existing" : "create");
  try {
    const isSound = exists && (await backing.measure()).sizeBytes === sizeBytes;
    if (!isSound) {
      await backing.truncate(sizeBytes);
      await backing.sync();
      // Before a have-map can vouch for it.
      await volume.syncDirectory();
    }
    return { backing, isSound };
  } catch (error) {
    await backing.close();
    throw error;
  }
}

async function createMap(volume: Volume, header: HaveHeader): Promise<DurableFile> {
  const file = await volume.open(NEW_HAVE_NAME, "create");
  try {
    await file.write(0, encodeHaveHeader(header));
    const none = new Uint8Array(BITS_BYTES);
    for (let sector = 0; sector < sectorCount(header); sector++) {
      await file.write((sector + 1) * SECTOR_BYTES, encodeHaveSector(header.manifestId, sector, none));
    }
    await file.sync();
    await volume.rename(NEW_HAVE_NAME, HAVE_NAME);
    await volume.syncDirectory();
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Undefined when the header is damaged: then nothing of the map is believed. */
async function readMap(
  file: DurableFile,
  expected: HaveHeader,
): Promise<{ bits: Uint8Array; bad: Set<number> } | undefined> {
  const { sizeBytes } = await file.measure();
  const length = (sectorCount(expected) + 1) * SECTOR_BYTES;
  const bytes = new Uint8Array(Math.min(length, sizeBytes));
  await file.read(0, bytes);
  const header = decodeHaveHeader(bytes);
  if (header === undefined) return undefined;
  if (header.manifestId !== expected.manifestId) {
    throw new DiskError("wrong-manifest", `have-map: belongs to ${header.manifestId}, not to ${expected.manifestId}`);
  }
  // The same manifest has the same numbers, unless they are damaged in spite of the checksum.
  if (header.chunkCount !== expected.chunkCount || header.sizeBytes !== expected.sizeBytes) return undefined;
  const bits = new Uint8Array(sectorCount(expected) * BITS_BYTES);
  const bad = new Set<number>();
  for (let sector = 0; sector < sectorCount(expected); sector++) {
    const at = (sector + 1) * SECTOR_BYTES;
    const found = decodeHaveSector(expected.manifestId, sector, bytes.subarray(at, at + SECTOR_BYTES));
    if (found === undefined) bad.add(sector);
    else bits.set(found, sector * BITS_BYTES);
  }
  return { bits, bad };
}
