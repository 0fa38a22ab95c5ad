import { type ByteRange, type ByteReader, JoinedParts } from "./byte-reader.ts";
import { readLvmMetadata } from "./lvm-metadata.ts";
import type { LvmSection, LvmValue } from "./lvm-text.ts";
import { rawUsage, type Usage, withFree } from "./usage.ts";

const SECTOR_BYTES = 512;
/** More extents than a volume group can have. */
const MAX_EXTENTS = 2 ** 32;

/** The only physical volume of its group. */
interface PhysicalVolume {
  readonly name: string;
  /** Bytes to its first extent. */
  readonly start: number;
  readonly extentBytes: number;
  readonly extentCount: number;
}

/** Extents of the physical volume. */
interface ExtentRun {
  readonly first: number;
  readonly count: number;
}

interface LogicalVolume {
  readonly name: string;
  readonly isVisible: boolean;
  readonly runs: readonly ExtentRun[];
  /** Whether `runs` are its content from its first byte to its last. */
  readonly isLinear: boolean;
  /** Every text in it that may name another logical volume. */
  readonly names: readonly string[];
}

/**
 * Which extents of a physical volume of LVM belong to logical volumes; `undefined` when it is none. What is in a linear logical volume
 * that no other one builds upon is looked at with `usageOf`. A volume group on several disks is raw with a reason: another disk
 * may know better what is in use here.
 */
export async function lvmUsage(
  reader: ByteReader,
  usageOf: (reader: ByteReader) => Promise<Usage>,
): Promise<Usage | undefined> {
  const group = await readLvmMetadata(reader);
  if (group === undefined) return undefined;
  if ("reason" in group) return rawUsage(reader.sizeBytes, group.reason);
  const sections = sectionsIn(group.get("physical_volumes"));
  if (sections !== undefined && sections.length > 1) {
    return rawUsage(reader.sizeBytes, "lvm: its volume group is on several disks");
  }
  const damaged = rawUsage(reader.sizeBytes, "lvm: its metadata makes no sense");
  const volume = physicalVolumeOf(group, sections?.[0], reader.sizeBytes);
  // A group without logical volumes has no such section.
  const logical = group.has("logical_volumes") ? sectionsIn(group.get("logical_volumes")) : [];
  if (volume === undefined || logical === undefined) return damaged;
  const volumes: LogicalVolume[] = [];
  for (const [name, section] of logical) {
    const read = logicalVolumeOf(name, section, volume);
    if (read === undefined) return damaged;
    volumes.push(read);
  }
  const free = unallocated(volume, volumes);
  const reasons: string[] = [];
  for (const one of volumes) {
    if (!one.isLinear || !one.isVisible || volumes.some(({ names }) => names.includes(one.name))) continue;
    const content = new JoinedParts(
      reader,
      one.runs.map((run) => placeOf(volume, run)),
    );
    const usage = await usageOf(content);
    if (usage.reason !== undefined) reasons.push(`${one.name} as it is: ${usage.reason}`);
    for (const { kind, offset, length } of usage.ranges) {
      if (kind === "dontCare") free.push(...content.placesOf(offset, length));
    }
  }
  const ranges = withFree(rawUsage(reader.sizeBytes).ranges, free);
  return reasons.length === 0 ? { content: "lvm", ranges } : { content: "lvm", reason: reasons.join("; "), ranges };
}

function physicalVolumeOf(
  group: LvmSection,
  section: readonly [string, LvmSection] | undefined,
  sizeBytes: number,
): PhysicalVolume | undefined {
  const [name, values] = section ?? [];
  const extentBytes = count(group.get("extent_size")) * SECTOR_BYTES;
  const start = count(values?.get("pe_start")) * SECTOR_BYTES;
  const extentCount = count(values?.get("pe_count"));
  const isFitting = name !== undefined && extentBytes > 0 && start + extentCount * extentBytes <= sizeBytes;
  return isFitting ? { name, start, extentBytes, extentCount } : undefined;
}

/** A logical volume; undefined when it is not as it has to be. */
function logicalVolumeOf(name: string, section: LvmSection, volume: PhysicalVolume): LogicalVolume | undefined {
  const status = section.get("status");
  const runs: ExtentRun[] = [];
  const names: string[] = [];
  let isLinear = true;
  let end = 0;
  for (const [, segment] of sectionsIn(section) ?? []) {
    const extents = count(segment.get("extent_count"));
    const stripes = segment.get("stripes");
    const isPlain =
      segment.get("type") === "striped" &&
      segment.get("stripe_count") === 1 &&
      segment.get("start_extent") === end &&
      Array.isArray(stripes) &&
      stripes.length === 2 &&
      stripes[0] === volume.name;
    if (Number.isNaN(extents)) return undefined;
    isLinear &&= isPlain;
    end += extents;
    for (const value of valuesIn(segment)) {
      const list = Array.isArray(value) ? value : [value];
      for (const [at, item] of list.entries()) {
        if (typeof item !== "string") continue;
        names.push(item);
        if (item !== volume.name) continue;
        // Whatever a segment does with a physical volume, it has no more extents there than it has in all.
        const run = { first: count(list[at + 1]), count: extents };
        if (!(run.first + run.count <= volume.extentCount) && isPlain) return undefined;
        if (!(run.first < volume.extentCount)) return undefined;
        runs.push({ first: run.first, count: Math.min(run.count, volume.extentCount - run.first) });
      }
    }
  }
  return { name, isVisible: Array.isArray(status) && status.includes("VISIBLE"), runs, isLinear, names };
}

/** Every value of a section, also of sections in it. */
function* valuesIn(section: LvmSection): Generator<LvmValue, void, undefined> {
  for (const value of section.values()) {
    if (value instanceof Map) yield* valuesIn(value);
    else yield value;
  }
}

/** The extents between the logical volumes', as places on the disk. */
function unallocated(volume: PhysicalVolume, volumes: readonly LogicalVolume[]): ByteRange[] {
  const inOrder = volumes.flatMap(({ runs }) => runs).sort((a, b) => a.first - b.first);
  const free: ByteRange[] = [];
  let end = 0;
  for (const run of [...inOrder, { first: volume.extentCount, count: 0 }]) {
    if (run.first > end) free.push(placeOf(volume, { first: end, count: run.first - end }));
    end = Math.max(end, run.first + run.count);
  }
  return free;
}

function placeOf({ start, extentBytes }: PhysicalVolume, run: ExtentRun): ByteRange {
  return { offset: start + run.first * extentBytes, length: run.count * extentBytes };
}

function sectionsIn(value: LvmValue | undefined): [string, LvmSection][] | undefined {
  if (!(value instanceof Map)) return undefined;
  return [...value].filter((entry): entry is [string, LvmSection] => entry[1] instanceof Map);
}

/** A number of extents or sectors; NaN, which fits nowhere, when it is none. */
function count(value: LvmValue | undefined): number {
  return typeof value === "number" && value >= 0 && value < MAX_EXTENTS ? value : Number.NaN;
}
