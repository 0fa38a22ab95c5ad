import type { Manifest } from "@ingot/chunks";
import {
  type ByteReader,
  type DeployVerifyReport,
  type DiskRange,
  unchangedParts,
  type WrongPlace,
} from "@ingot/disks";
import type { DiskBytes } from "../gpt/disk-bytes.ts";
import { type FileSystemUse, useOf } from "./file-system-use.ts";
import {
  type CurrentTable,
  fitTable,
  partitionsOn,
  readCurrentTable,
  TABLE_HEAD_BYTES,
  TABLE_TAIL_BYTES,
} from "./fitted-table.ts";
import { type Difference, differences, merged, overlap, within, without } from "./ranges.ts";

/** Where on a disk something is: in a partition, in its table, or elsewhere. */
export type Area = number | "the partition table" | "the space outside of partitions";

/** A range that is not as the image, or the deployment of it, has made it. */
export interface Damage extends DiskRange {
  readonly area: Area;
  readonly unreadable: boolean;
  /** Number of the ext inode whose content this is, where that is known. */
  readonly inode?: number | undefined;
}

/** What a system has written itself, as far as can be told. */
interface Change {
  readonly area: Area;
  readonly bytes: number;
}

/** What cannot be told: neither repaired nor passed. */
interface Doubt extends Change {
  readonly reason: string;
  /** First byte of it. */
  readonly offset: number;
}

/** What became of an image on a disk. */
export interface Judgement {
  /** Ascending; writing these ranges again makes them right. */
  readonly damaged: readonly Damage[];
  readonly changed: readonly Change[];
  readonly doubts: readonly Doubt[];
}

/** The image's bytes, as a deployment leaves them on this disk: of the chunks in question, and of all that stands right. */
export interface Expected extends ByteReader {
  /** Whether the chunk at this offset can be read here. */
  has(offset: number): boolean;
}

/** What a judgement is made of. */
export interface JudgeOptions {
  readonly manifest: Manifest;
  readonly report: DeployVerifyReport;
  readonly disk: ByteReader;
  /** The same disk, as tables are read. */
  readonly sectors: DiskBytes;
  /** Fetches these chunks, and puts the image together with them. */
  readonly view: (chunks: ReadonlySet<number>) => Promise<Expected>;
  /** Bytes that may be fetched to look closer. */
  readonly maxFetchedBytes: number;
}

interface Partition extends DiskRange {
  readonly number: number;
  readonly use: FileSystemUse;
}

/** Behind the boot code of sector 0. */
const TABLE_IN_SECTOR_0 = 440;

/**
 * Tells damage from what has legitimately become different since an image was put on a disk: the table that was fitted to the disk, and
 * what the system, or the deployment itself, has written into file systems. See docs/cloning.md, "What verify compares".
 */
export async function judge(
  options: JudgeOptions,
): Promise<{ readonly judgement: Judgement; readonly expected: Expected }> {
  const { manifest, report, disk } = options;
  const current = readCurrentTable(options.sectors);
  const wrong = merged([...report.places, ...report.notZero]);
  const partitions = partitionsOn(manifest.partitions, current)
    .map((partition) => ({ ...partition, use: useOf(options.sectors, partition, wrong) }))
    .toSorted((a, b) => a.offset - b.offset);
  const tableChunks = chunksIn(report.places, tableRanges(manifest.sizeBytes));
  const withFiles = partitions.filter(({ use }) => use === "files");
  const closer = chunksIn(report.places, withFiles);
  const isTooMuch = bytesOf(report.places.filter(({ chunk }) => closer.has(chunk))) > options.maxFetchedBytes;
  const needed = isTooMuch ? tableChunks : tableChunks.union(closer);
  const isLittle = bytesOf(report.places) <= options.maxFetchedBytes;
  const image = await options.view(isLittle ? new Set(report.damaged) : needed);
  const { expected, sectors } = await withTable(image, manifest, options.sectors, partitions);

  const damaged: Damage[] = [];
  const changed: Change[] = [];
  const doubts: Doubt[] = [];
  const outside = without(wrong, partitions);
  const table = merged([...without(sectors, partitions), ...current.ranges]);
  const inTable = await judgeTable(
    expected,
    disk,
    current,
    merged([...without(sectors, partitions), ...table.flatMap((range) => within(outside, range))]),
  );
  const [firstInTable] = inTable.damaged;
  if (current.ranges.length > 0 || sectors.length === 0) {
    damaged.push(...inTable.damaged);
  } else if (firstInTable !== undefined) {
    const reason = "both of its copies are damaged, so that nobody knows whether the last partition was grown";
    doubts.push({ area: firstInTable.area, bytes: bytesOf(inTable.damaged), offset: firstInTable.offset, reason });
  }
  changed.push(...inTable.changed);
  for (const range of await refined(expected, disk, report.places, without(outside, table)))
    damaged.push({ ...range, area: "the space outside of partitions" });
  for (const partition of partitions) {
    const { number: area, use } = partition;
    const ranges = within(wrong, partition);
    const [first] = ranges;
    if (first === undefined) continue;
    const all = { area, bytes: bytesOf(ranges), offset: first.offset };
    if (use === "untouched") {
      const found = await refined(expected, disk, report.places, ranges);
      damaged.push(...(await withOwners(options, partition, found)));
    } else if (use === "scratch") {
      changed.push({ area, bytes: all.bytes });
    } else if (use === "closed") {
      doubts.push({
        ...all,
        reason: "its system has written to it, and only on ext each file tells whether it was changed",
      });
    } else if (isTooMuch) {
      doubts.push({ ...all, reason: "too much of it has changed to look at it closer" });
    } else {
      const found = await judgeFiles(options, expected, partition, ranges);
      damaged.push(...found.damaged);
      changed.push(...found.changed);
      doubts.push(...found.doubts);
    }
  }
  damaged.sort((a, b) => a.offset - b.offset);
  return { judgement: { damaged, changed, doubts }, expected };
}

/** Says whose content it is, where the file system of the disk says so. */
async function withOwners(
  { disk }: JudgeOptions,
  partition: Partition,
  found: readonly Difference[],
): Promise<Damage[]> {
  const area = partition.number;
  const inside = found.map(({ offset, length }) => ({ offset: offset - partition.offset, length }));
  const own = partIn(disk, partition);
  const parts = await unchangedParts(own, own, inside);
  const owned = "reason" in parts ? [] : parts.map((part) => ({ ...part, offset: part.offset + partition.offset }));
  const rest = without(found, merged(owned));
  const isUnreadable = (range: DiskRange): boolean => found.some((other) => other.unreadable && overlap(other, range));
  return [
    ...owned.map((part): Damage => ({ ...part, area, unreadable: isUnreadable(part) })),
    ...rest.map((range): Damage => ({ ...range, area })),
  ];
}

/** In an ext that was written to, what differs in files that nobody has changed is damage. */
async function judgeFiles(
  { disk }: JudgeOptions,
  expected: Expected,
  partition: Partition,
  ranges: readonly DiskRange[],
): Promise<Judgement> {
  const { number: area } = partition;
  const found = await differences(expected, disk, ranges);
  const inside = found.map(({ offset, length }) => ({ offset: offset - partition.offset, length }));
  const parts = await unchangedParts(partIn(expected, partition), partIn(disk, partition), inside);
  if ("reason" in parts) {
    const offset = found[0]?.offset ?? partition.offset;
    return { damaged: [], changed: [], doubts: [{ area, bytes: bytesOf(found), offset, reason: parts.reason }] };
  }
  const damaged = parts.map((part): Damage => {
    const range = { offset: part.offset + partition.offset, length: part.length };
    const unreadable = found.some((other) => other.unreadable && overlap(other, range));
    return { ...range, area, unreadable, inode: part.inode };
  });
  const rest = without(found, merged(damaged));
  const written = bytesOf(rest.filter(({ unreadable }) => !unreadable));
  const lost = rest.filter(({ unreadable }) => unreadable);
  const reason = "the disk does not give it, and what stood there was not the image's any more";
  return {
    damaged,
    changed: written > 0 ? [{ area, bytes: written }] : [],
    doubts: lost[0] === undefined ? [] : [{ area, bytes: bytesOf(lost), offset: lost[0].offset, reason }],
  };
}

/** Where tables stand in an image of this size. */
function tableRanges(imageBytes: number): DiskRange[] {
  const tail = Math.max(0, imageBytes - TABLE_TAIL_BYTES);
  return [
    { offset: 0, length: Math.min(TABLE_HEAD_BYTES, imageBytes) },
    { offset: tail, length: imageBytes - tail },
  ];
}

async function withTable(
  image: Expected,
  manifest: Manifest,
  disk: DiskBytes,
  partitions: readonly Partition[],
): Promise<{ readonly expected: Expected; readonly sectors: readonly DiskRange[] }> {
  const { sectors } = await fitTable(image, manifest.sizeBytes, disk, partitions);
  const expected: Expected = {
    sizeBytes: image.sizeBytes,
    has: (offset) => image.has(offset),
    async read(offset, into) {
      await image.read(offset, into);
      for (const { offset: at, bytes } of sectors) {
        const from = Math.max(at, offset);
        const to = Math.min(at + bytes.length, offset + into.length);
        if (from < to) into.set(bytes.subarray(from - at, to - at), from - offset);
      }
    },
  };
  return { expected, sectors: sectors.map(({ offset, bytes }) => ({ offset, length: bytes.length })) };
}

/** Compares sectors of the table. One that somebody has changed on purpose has its checksums right; boot code has none. */
async function judgeTable(
  expected: Expected,
  disk: ByteReader,
  current: CurrentTable,
  ranges: readonly DiskRange[],
): Promise<Pick<Judgement, "damaged" | "changed">> {
  const area = "the partition table";
  const damaged: Damage[] = [];
  let changedBytes = 0;
  for (const range of await differences(expected, disk, ranges)) {
    const isWhole = current.ranges.some((table) => table.isValid && overlap(table, range));
    const isChanged = isWhole && !range.unreadable && !(await differsInBootCode(expected, disk, range));
    if (isChanged) changedBytes += range.length;
    else damaged.push({ ...range, area });
  }
  return { damaged, changed: changedBytes > 0 ? [{ area, bytes: changedBytes }] : [] };
}

async function differsInBootCode(expected: ByteReader, disk: ByteReader, range: DiskRange): Promise<boolean> {
  if (range.offset > 0) return false;
  const code = { offset: 0, length: TABLE_IN_SECTOR_0 };
  return (await differences(expected, disk, [code])).length > 0;
}

/** The sectors that differ, where the image's bytes are at hand; the whole places otherwise. */
async function refined(
  expected: Expected,
  disk: ByteReader,
  places: readonly WrongPlace[],
  ranges: readonly DiskRange[],
): Promise<Difference[]> {
  const unknown = places.filter(({ offset }) => !expected.has(offset));
  const known = without(ranges, merged(unknown));
  const whole = ranges.flatMap((range) => within(unknown, range));
  return [
    ...(await differences(expected, disk, known)),
    ...whole.map(({ offset, length, unreadable }) => ({ offset, length, unreadable })),
  ];
}

function chunksIn(places: readonly WrongPlace[], ranges: readonly DiskRange[]): Set<number> {
  return new Set(places.filter((place) => ranges.some((range) => overlap(place, range))).map(({ chunk }) => chunk));
}

function bytesOf(ranges: readonly DiskRange[]): number {
  return ranges.reduce((sum, { length }) => sum + length, 0);
}

function partIn(reader: ByteReader, { offset, length }: DiskRange): ByteReader {
  return { sizeBytes: length, read: (at, into) => reader.read(offset + at, into) };
}
