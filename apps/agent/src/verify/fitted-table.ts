import { parsePartitionTable, type Partition, type PartitionFacts } from "@ingot/chunks";
import type { ByteReader, DiskRange } from "@ingot/disks";
import { finishTable } from "../after-fill/finish-table.ts";
import { setMbrSectorCount } from "../after-fill/mbr-table.ts";
import { AgentError } from "../errors.ts";
import type { DiskBytes } from "../gpt/disk-bytes.ts";
import { type GptTable, readBackupGpt, readGpt, usedRanges, withLastLba, writeGpt } from "../gpt/gpt-table.ts";

/** The table and what is compared of it lies in this much at the image's start. */
export const TABLE_HEAD_BYTES: number = 2 ** 20;
/** Where the image's own backup table lies, at its end: 32 sectors and one, of 512 or 4096 bytes. */
export const TABLE_TAIL_BYTES: number = 33 * 4096;

/** A disk's partition table as a deployment leaves it: the image's, fitted to the disk. */
export interface FittedTable {
  /** Whole sectors that differ from the image's own, ascending. */
  readonly sectors: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

/** The table that a disk has now. */
export interface CurrentTable {
  /** Where each partition begins and ends, in bytes; from the backup table where the first is damaged. */
  readonly partitions: readonly (DiskRange & { readonly number: number })[];
  /** The sectors that it stands in, and its backup; `isValid`: the checksums there are right, or there are none. */
  readonly ranges: readonly (DiskRange & { readonly isValid: boolean })[];
}

/** Reads the table of a disk. Errors: those of reading. */
export function readCurrentTable(disk: DiskBytes): CurrentTable {
  const facts = factsOf(disk);
  const primary = tableOrUndefined(() => readGpt(disk));
  if (facts?.scheme === "mbr" && primary === undefined && facts.partitions.every(({ type }) => type !== "ee")) {
    return { partitions: facts.partitions.map(rangeOf), ranges: [{ offset: 0, length: 512, isValid: true }] };
  }
  const backup = tableOrUndefined(() => readBackupGpt(disk));
  const table = primary ?? backup;
  if (table === undefined) return { partitions: [], ranges: [] };
  const { sectorBytes, sizeBytes } = disk;
  const entryBytes = Math.ceil(table.entries.length / sectorBytes) * sectorBytes;
  return {
    partitions: usedRanges(table).map(({ number, firstLba, lastLba }) => ({
      number,
      offset: Number(firstLba) * sectorBytes,
      length: Number(lastLba - firstLba + 1n) * sectorBytes,
    })),
    ranges: [
      { offset: 0, length: 2 * sectorBytes + entryBytes, isValid: primary !== undefined },
      {
        offset: sizeBytes - sectorBytes - entryBytes,
        length: sectorBytes + entryBytes,
        isValid: backup !== undefined,
      },
    ],
  };
}

/**
 * The partitions of an image, in bytes, as they are on a disk: one that was grown there ends where the disk's table says.
 */
export function partitionsOn(
  facts: PartitionFacts | undefined,
  current: CurrentTable,
): readonly (DiskRange & { readonly number: number })[] {
  return (facts?.partitions ?? []).map((partition) => {
    const range = rangeOf(partition);
    const now = current.partitions.find(({ number, offset }) => number === range.number && offset === range.offset);
    return now !== undefined && now.length > range.length ? now : range;
  });
}

/**
 * Does with the image's table, in memory, what a deployment does with it on a disk, and lets the partition that was grown keep its length.
 * Nothing where the image has no table. RangeError where the image's bytes are not at hand.
 */
export async function fitTable(
  image: ByteReader,
  imageBytes: number,
  disk: Pick<DiskBytes, "sizeBytes" | "sectorBytes">,
  partitions: readonly (DiskRange & { readonly number: number })[],
): Promise<FittedTable> {
  const draft = await TableDraft.of(image, imageBytes, disk);
  try {
    const { facts } = finishTable(draft, imageBytes, false);
    for (const { number, firstLba, sectorCount } of facts?.partitions ?? []) {
      const wanted = partitions.find((partition) => partition.number === number);
      if (wanted === undefined || wanted.length / 512 <= sectorCount) continue;
      const table = readGpt(draft);
      if (table === undefined) setMbrSectorCount(draft, number, wanted.length / 512);
      else writeGpt(draft, withLastLba(table, number, BigInt(firstLba + wanted.length / 512) - 1n));
    }
  } catch (error) {
    // A table that cannot be fitted was not fitted either.
    if (error instanceof AgentError && error.code === "partition-table") return { sectors: [] };
    throw error;
  }
  return { sectors: draft.written };
}

function rangeOf({ number, firstLba, sectorCount }: Partition): DiskRange & { readonly number: number } {
  return { number, offset: firstLba * 512, length: sectorCount * 512 };
}

function factsOf(disk: DiskBytes): PartitionFacts | undefined {
  return parsePartitionTable(disk.read(0, Math.min(TABLE_HEAD_BYTES, disk.sizeBytes)));
}

function tableOrUndefined(read: () => GptTable | undefined): GptTable | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AgentError && error.code === "partition-table") return undefined;
    throw error;
  }
}

/** The ends of an image as a disk of another size that is only written in memory; zeros behind the image. */
class TableDraft implements DiskBytes {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly #imageBytes: number;
  readonly #parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  readonly #sectors = new Map<number, Uint8Array>();

  private constructor(
    disk: Pick<DiskBytes, "sizeBytes" | "sectorBytes">,
    imageBytes: number,
    parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
  ) {
    this.sizeBytes = disk.sizeBytes;
    this.sectorBytes = disk.sectorBytes;
    this.#imageBytes = imageBytes;
    this.#parts = parts;
  }

  static async of(
    image: ByteReader,
    imageBytes: number,
    disk: Pick<DiskBytes, "sizeBytes" | "sectorBytes">,
  ): Promise<TableDraft> {
    const part = async (offset: number, end: number): Promise<{ offset: number; bytes: Uint8Array }> => {
      const bytes = new Uint8Array(end - offset);
      await image.read(offset, bytes);
      return { offset, bytes };
    };
    const head = Math.min(TABLE_HEAD_BYTES, imageBytes);
    const tail = Math.max(head, imageBytes - TABLE_TAIL_BYTES);
    return new TableDraft(disk, imageBytes, [await part(0, head), await part(tail, imageBytes)]);
  }

  /** What was written, by sectors. */
  get written(): { offset: number; bytes: Uint8Array }[] {
    return [...this.#sectors]
      .toSorted(([a], [b]) => a - b)
      .map(([sector, bytes]) => ({ offset: sector * this.sectorBytes, bytes }));
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += this.sectorBytes) bytes.set(this.#sector(offset + at), at);
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.sectorBytes) {
      this.#sectors.set((offset + at) / this.sectorBytes, bytes.slice(at, at + this.sectorBytes));
    }
  }

  sync(): void {
    // Nothing of it outlives the comparison.
  }

  #sector(offset: number): Uint8Array {
    const written = this.#sectors.get(offset / this.sectorBytes);
    if (written !== undefined) return written;
    for (const part of this.#parts) {
      const at = offset - part.offset;
      if (at >= 0 && at < part.bytes.length) return part.bytes.subarray(at, at + this.sectorBytes);
    }
    if (offset >= this.#imageBytes) return new Uint8Array(this.sectorBytes);
    throw new AgentError("partition-table", `the image's table leads to byte ${offset}, far from its ends`);
  }
}
