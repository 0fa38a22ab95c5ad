import { parsePartitionTable } from "@ingot/chunks";

import { type ByteReader, partOf, readBytes } from "./byte-reader.ts";
import { exfatUsage } from "./exfat-usage.ts";
import { extUsage } from "./ext-usage.ts";
import { fatUsage } from "./fat-usage.ts";
import { lvmUsage } from "./lvm-usage.ts";
import { ntfsUsage } from "./ntfs-usage.ts";
import { type Finding, type FindingKind, kindsOf, recognise } from "./recognise.ts";
import { swapUsage } from "./swap-usage.ts";
import { rawUsage, type Usage, UsageBuilder, type UsedRange } from "./usage.ts";
import { xfsUsage } from "./xfs-usage.ts";

const TABLE_BYTES = 1024 * 1024;

/** What was found in a partition. */
export interface PartitionUsage {
  /** As in the partition table; undefined for a file system on the disk itself. */
  readonly number: number | undefined;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly sizeBytes: number;
  readonly content: Usage["content"];
  /** Why it, or some of its logical volumes, is taken as it is although it was recognised; for people. */
  readonly reason: string | undefined;
  /** Bytes that are captured. */
  readonly dataBytes: number;
}

/** What of a disk has to be captured. */
export interface UsedBlocks {
  readonly sizeBytes: number;
  /** Sorted, without gaps, covering the disk; multiples of 512. What is not free space of a file system that is known, is data. */
  readonly ranges: readonly UsedRange[];
  readonly partitions: readonly PartitionUsage[];
  readonly findings: readonly Finding[];
  readonly dataBytes: number;
}

/** Reads a disk's partition table and the maps of its file systems (ext2/3/4, XFS, NTFS, FAT, exFAT, Linux swap, also in LVM). Reads nothing else. */
export async function findUsedBlocks(disk: ByteReader): Promise<UsedBlocks> {
  const head = await readBytes(disk, 0, Math.min(TABLE_BYTES, disk.sizeBytes));
  const findings = await recognise(disk);
  const places = placesOf(head, disk.sizeBytes);
  const builder = new UsageBuilder();
  const partitions: PartitionUsage[] = [];
  let end = 0;
  for (const { number, offset, length } of places) {
    const reader = partOf(disk, offset, length);
    const kinds = findings.filter(({ partition }) => partition === number).map(({ kind }) => kind);
    const usage = await usageOf(reader, kinds);
    builder.add("data", offset - end);
    for (const range of usage.ranges) builder.add(range.kind, range.length);
    end = offset + length;
    partitions.push({
      number,
      offset,
      sizeBytes: length,
      content: usage.content,
      reason: usage.reason,
      dataBytes: dataBytesOf(usage.ranges),
    });
  }
  const ranges = builder.finish(disk.sizeBytes);
  return { sizeBytes: disk.sizeBytes, ranges, partitions, findings, dataBytes: dataBytesOf(ranges) };
}

/** The partitions in the order of the disk; the disk itself when it has no table. Partitions that overlap are left out: the disk is data there. */
function placesOf(
  head: Uint8Array,
  sizeBytes: number,
): { number: number | undefined; offset: number; length: number }[] {
  const table = parsePartitionTable(head);
  if (table === undefined) return [{ number: undefined, offset: 0, length: sizeBytes }];
  const places = table.partitions
    .map(({ number, firstLba, sectorCount }) => ({ number, offset: firstLba * 512, length: sectorCount * 512 }))
    .filter(({ offset, length }) => length > 0 && offset + length <= sizeBytes)
    .sort((a, b) => a.offset - b.offset);
  return places.filter((place, at) => {
    const before = places[at - 1];
    const after = places[at + 1];
    const isFree = before === undefined || before.offset + before.length <= place.offset;
    return isFree && (after === undefined || place.offset + place.length <= after.offset);
  });
}

/** What is in use of a partition of which the kinds are known that encrypt it or join it with others. */
async function usageOf(reader: ByteReader, kinds: readonly FindingKind[]): Promise<Usage> {
  const foreign = kinds.find((kind) => kind !== "lvm");
  if (foreign !== undefined) return rawUsage(reader.sizeBytes, `holds ${foreign}`);
  try {
    if (kinds.includes("lvm")) {
      return (await lvmUsage(reader, usageOfLogicalVolume)) ?? rawUsage(reader.sizeBytes, "holds lvm");
    }
    for (const usageOfKind of [extUsage, xfsUsage, ntfsUsage, swapUsage, exfatUsage, fatUsage]) {
      const usage = await usageOfKind(reader);
      if (usage !== undefined) return usage;
    }
    return rawUsage(reader.sizeBytes);
  } catch (error) {
    // What a damaged file system says of itself leads outside of what there is.
    if (error instanceof RangeError) return rawUsage(reader.sizeBytes, "its file system is damaged");
    throw error;
  }
}

/** One that holds a physical volume itself is not looked into. */
async function usageOfLogicalVolume(reader: ByteReader): Promise<Usage> {
  const [kind] = await kindsOf(reader);
  return kind === undefined ? usageOf(reader, []) : rawUsage(reader.sizeBytes, `holds ${kind}`);
}

function dataBytesOf(ranges: readonly UsedRange[]): number {
  return ranges.reduce((sum, { kind, length }) => sum + (kind === "data" ? length : 0), 0);
}
