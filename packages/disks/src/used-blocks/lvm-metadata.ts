import { type ByteReader, hasText, JoinedParts, readBytes } from "./byte-reader.ts";
import { MAX_LVM_METADATA_BYTES } from "./limits.ts";
import { type LvmSection, parseLvmText } from "./lvm-text.ts";

const SECTOR_BYTES = 512;
/** The label is in one of the first four sectors. */
const LABEL_SECTORS = [0, 1, 2, 3];
const AREA_HEAD_BYTES = 512;
const AREA_MAGIC = " LVM2 x[5A%r0N*>";
const POLYNOMIAL = 0xedb8_8320;
const FIRST_CRC = 0xf597_a6cf;
const FLAG_IGNORED = 1;
/** Data areas and metadata areas of a physical volume: it has one of the first and at most two of the others. */
const MAX_AREAS = 8;

interface Area {
  readonly offset: number;
  readonly length: number;
}

/**
 * The metadata of the volume group that a physical volume belongs to; undefined when there is no label; a reason when it cannot be
 * trusted. (lvm2, lib/label/label.h, lib/format_text/layout.h.)
 */
export async function readLvmMetadata(reader: ByteReader): Promise<LvmSection | { reason: string } | undefined> {
  if (reader.sizeBytes < LABEL_SECTORS.length * SECTOR_BYTES) return undefined;
  const damaged = { reason: "lvm: its label or metadata is damaged" };
  const head = await readBytes(reader, 0, LABEL_SECTORS.length * SECTOR_BYTES);
  const sector = LABEL_SECTORS.find(
    (at) => hasText(head, at * SECTOR_BYTES, "LABELONE") && hasText(head, at * SECTOR_BYTES + 24, "LVM2 001"),
  );
  if (sector === undefined) return undefined;
  const areas = metadataAreasOf(head.slice(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES), sector);
  if (areas === undefined) return damaged;
  const groups: LvmSection[] = [];
  for (const area of areas) {
    const text = await readText(reader, area);
    if (text === "ignored") continue;
    const group = groupOf(text && parseLvmText(text.text));
    if (group === undefined) return damaged;
    groups.push(group);
  }
  const [first] = groups;
  if (first === undefined) return { reason: "lvm: it has no metadata of its own" };
  const isSame = groups.every((group) => group.get("seqno") === first.get("seqno"));
  return isSame ? first : { reason: "lvm: its copies of the metadata differ" };
}

/** From the label: a list of data areas, then one of metadata areas, each ended by zeros. */
function metadataAreasOf(label: Uint8Array<ArrayBuffer>, sector: number): Area[] | undefined {
  const view = new DataView(label.buffer);
  const start = view.getUint32(20, true);
  if (view.getBigUint64(8, true) !== BigInt(sector) || lvmCrc(label.subarray(20)) !== view.getUint32(16, true))
    return undefined;
  const areas: Area[] = [];
  let lists = 0;
  for (let at = start + 40; at + 16 <= label.length && areas.length < MAX_AREAS; at += 16) {
    const offset = Number(view.getBigUint64(at, true));
    const length = Number(view.getBigUint64(at + 8, true));
    if (offset !== 0 && lists === 1) areas.push({ offset, length });
    if (offset === 0 && ++lists === 2) return areas;
  }
  return undefined;
}

/** The text that an area holds, a ring behind its header. */
async function readText(
  reader: ByteReader,
  { offset, length }: Area,
): Promise<{ text: string } | "ignored" | undefined> {
  if (length <= AREA_HEAD_BYTES || offset + length > reader.sizeBytes) return undefined;
  const head = await readBytes(reader, offset, AREA_HEAD_BYTES);
  const view = new DataView(head.buffer);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const isArea =
    hasText(head, 4, AREA_MAGIC) &&
    lvmCrc(head.subarray(4)) === view.getUint32(0, true) &&
    view.getUint32(20, true) === 1 &&
    u64(24) === offset &&
    u64(32) === length;
  if (!isArea) return undefined;
  const [textAt, textBytes, checksum, flags] = [u64(40), u64(48), view.getUint32(56, true), view.getUint32(60, true)];
  if ((flags & FLAG_IGNORED) !== 0) return "ignored";
  // A second place is named while a change is under way.
  if (u64(72) !== 0) return undefined;
  if (
    textAt < AREA_HEAD_BYTES ||
    textAt >= length ||
    textBytes > Math.min(MAX_LVM_METADATA_BYTES, length - AREA_HEAD_BYTES)
  ) {
    return undefined;
  }
  const first = Math.min(textBytes, length - textAt);
  const ring = new JoinedParts(reader, [
    { offset: offset + textAt, length: first },
    { offset: offset + AREA_HEAD_BYTES, length: textBytes - first },
  ]);
  const bytes = await readBytes(ring, 0, textBytes);
  if (lvmCrc(bytes) !== checksum) return undefined;
  return { text: Buffer.from(bytes).toString("utf8").replaceAll("\0", " ") };
}

/** The text's one section; beside it stand values that say who wrote it. */
function groupOf(text: LvmSection | undefined): LvmSection | undefined {
  const sections = [...(text?.values() ?? [])].filter((value) => value instanceof Map);
  return sections.length === 1 ? sections[0] : undefined;
}

/** CRC-32 from another start, and not inverted at the end (lvm2, lib/misc/crc.c). */
function lvmCrc(bytes: Uint8Array): number {
  let crc = FIRST_CRC;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (POLYNOMIAL & -(crc & 1));
  }
  return crc >>> 0;
}
