import { parsePartitionTable, type Partition, type PartitionFacts } from "@ingot/chunks";
import type { DiskBytes } from "../gpt/disk-bytes.ts";
import { readGpt, withLastLba, writeGpt } from "../gpt/gpt-table.ts";
import { PROBE_BYTES, probeFileSystem } from "./file-system.ts";
import { setMbrSectorCount } from "./mbr-table.ts";
import { type GrowthPlan, planGrowth } from "./plan-growth.ts";

const HEAD_BYTES = 2 ** 20;
/** Old RAID superblocks, Intel and DDF metadata and GPT backups live in here. */
const TAIL_BYTES = 2 ** 20;

/** What became of the table. */
export interface FinishedTable {
  /** As it is now; `undefined` for an image without a table. */
  readonly facts: PartitionFacts | undefined;
  readonly growth: GrowthPlan;
}

/**
 * Fits the image's partition table to the disk: what an earlier system left behind the image's end is cleared, the
 * backup GPT goes to the disk's end, and the last partition grows when that was asked for and is possible.
 * Error: `partition-table`.
 */
export function finishTable(disk: DiskBytes, imageBytes: number, grow: boolean): FinishedTable {
  const gpt = readGpt(disk);
  // A table that already ends at the disk's end is left untouched: then the disk still is the image, byte for byte.
  const isMoved = gpt !== undefined && gpt.header.alternateLba !== BigInt(disk.sizeBytes / disk.sectorBytes) - 1n;
  if (gpt === undefined || isMoved) clearTail(disk, imageBytes, factsOf(disk));
  const table = gpt !== undefined && isMoved ? writeGpt(disk, gpt) : gpt;
  const facts = factsOf(disk);
  if (facts === undefined) return { facts, growth: { grow: false, reason: "there is no partition table" } };
  if (!grow) return { facts, growth: { grow: false, reason: "not asked for" } };
  const probe = (partition: Partition): ReturnType<typeof probeFileSystem> => {
    const start = partition.firstLba * 512;
    return probeFileSystem(disk.read(start, Math.min(PROBE_BYTES, disk.sizeBytes - start)));
  };
  const growth = planGrowth(facts, disk.sizeBytes / 512, probe);
  if (!growth.grow) return { facts, growth };
  const { partition, sectorCount } = growth;
  if (table !== undefined) {
    const lastLba = BigInt(partition.firstLba + sectorCount) - 1n;
    writeGpt(disk, withLastLba(table, partition.number, lastLba));
  } else {
    setMbrSectorCount(disk, partition.number, sectorCount);
  }
  return { facts: factsOf(disk), growth: { ...growth, partition: { ...partition, sectorCount } } };
}

function factsOf(disk: DiskBytes): PartitionFacts | undefined {
  return parsePartitionTable(disk.read(0, Math.min(HEAD_BYTES, disk.sizeBytes)));
}

/** Nothing of the image is touched, nor of a partition that an earlier run has grown. */
function clearTail(disk: DiskBytes, imageBytes: number, facts: PartitionFacts | undefined): void {
  const ends = (facts?.partitions ?? []).map(({ firstLba, sectorCount }) => (firstLba + sectorCount) * 512);
  const start = Math.max(imageBytes, disk.sizeBytes - TAIL_BYTES, ...ends);
  const length = disk.sizeBytes - start;
  if (length <= 0 || disk.read(start, length).every((byte) => byte === 0)) return;
  disk.write(start, new Uint8Array(length));
  disk.sync();
}
