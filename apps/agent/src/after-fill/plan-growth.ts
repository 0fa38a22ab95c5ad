import type { Partition, PartitionFacts } from "@ingot/chunks";
import { GptType, MbrType } from "../preflight/partition-roles.ts";
import type { FileSystemKind } from "./file-system.ts";

/** What to do about the space behind the last partition. */
export type GrowthPlan =
  | {
      readonly grow: true;
      readonly partition: Partition;
      readonly fileSystem: "ext" | "ntfs";
      readonly sectorCount: number;
    }
  /** A sentence for the report. */
  | { readonly grow: false; readonly reason: string };

/** Partitions begin and end at these boundaries, in sectors of 512 bytes: 1 MiB, which suits every disk. */
const ALIGNMENT_SECTORS = 2048;
/** Sectors of the backup GPT: 32 of entries and the header. */
const BACKUP_SECTORS = 33;
const MAX_MBR_SECTORS = 0xffffffff;

const GROWABLE_GPT: ReadonlySet<string> = new Set([
  GptType.linuxFileSystem,
  GptType.linuxRootX86,
  GptType.linuxRootArm64,
  GptType.linuxHome,
  GptType.linuxServerData,
  GptType.microsoftBasicData,
]);

/**
 * Decides whether the partition that ends last can take what is free behind it. Only it, and only with a file system
 * that can be grown without being mounted; a recovery partition at the end is not moved out of the way.
 */
export function planGrowth(
  facts: PartitionFacts,
  diskSectors: number,
  probe: (partition: Partition) => FileSystemKind,
): GrowthPlan {
  const no = (reason: string): GrowthPlan => ({ grow: false, reason });
  const last = facts.partitions.toSorted((a, b) => endOf(b) - endOf(a))[0];
  if (last === undefined) return no("there is no partition");
  const isGpt = facts.scheme === "gpt";
  if (isGpt ? !GROWABLE_GPT.has(last.type) : last.type !== MbrType.linux && last.type !== MbrType.ntfs)
    return no(`partition ${last.number}, the last one, is of type ${last.type}, which is not grown`);
  const end = isGpt ? diskSectors - BACKUP_SECTORS : Math.min(diskSectors, MAX_MBR_SECTORS);
  const alignedEnd = Math.floor(end / ALIGNMENT_SECTORS) * ALIGNMENT_SECTORS;
  const sectorCount = alignedEnd - last.firstLba;
  if (sectorCount <= last.sectorCount) return no("the last partition reaches to the disk's end");
  const fileSystem = probe(last);
  if (fileSystem !== "ext" && fileSystem !== "ntfs")
    return no(`partition ${last.number} holds ${fileSystem}, which is not grown from outside`);
  return { grow: true, partition: last, fileSystem, sectorCount };
}

function endOf(partition: Partition): number {
  return partition.firstLba + partition.sectorCount;
}
