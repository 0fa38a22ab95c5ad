import { hasText } from "./byte-reader.ts";
import { applyFixups, type NtfsAttribute, NtfsAttributeType } from "./ntfs-record.ts";
import type { NtfsVolume } from "./ntfs-volume.ts";

const FILE_TABLE_RECORD = 0;
const ROOT_RECORD = 5;
const LAST_ENTRY = 2;
const FILE_NAME_AT = 0x10;
const HEAD_BYTES = 4096;

/**
 * Whether Windows is asleep on the volume (hibernation, or a "fast startup" shutdown): then what is on the disk is not what Windows will take it
 * to be. Undefined when the root directory cannot be read.
 */
export async function isHibernated(volume: NtfsVolume): Promise<boolean | undefined> {
  const root = await volume.attributes(ROOT_RECORD);
  const fileTable = (await volume.attributes(FILE_TABLE_RECORD))?.find(isUnnamedData);
  if (root === undefined || fileTable === undefined) return undefined;
  const record = await findInRoot(volume, root, "hiberfil.sys");
  if (record === undefined || record === "none") return record === "none" ? false : undefined;
  const data = (await volume.attributesOfFile(record, fileTable))?.find(isUnnamedData);
  if (data === undefined) return undefined;
  const head = await volume.readPart(data, 0, Math.min(HEAD_BYTES, data.sizeBytes));
  if (head === undefined) return undefined;
  return hasText(head, 0, "hibr") || hasText(head, 0, "HIBR");
}

async function findInRoot(
  volume: NtfsVolume,
  root: readonly NtfsAttribute[],
  wanted: string,
): Promise<number | "none" | undefined> {
  const indexRoot = root.find(({ type, name }) => type === NtfsAttributeType.indexRoot && name === "$I30");
  if (indexRoot?.resident === undefined || indexRoot.resident.length < 0x20) return undefined;
  const inRoot = findEntry(indexRoot.resident, 0x10, wanted);
  if (inRoot !== "none") return inRoot;
  const allocation = root.find(({ type, name }) => type === NtfsAttributeType.indexAllocation && name === "$I30");
  if (allocation === undefined) return "none";
  // All nodes one after the other: the order of the tree does not matter for one name.
  for (let at = 0; at + volume.indexBytes <= allocation.sizeBytes; at += volume.indexBytes) {
    const node = await volume.readPart(allocation, at, volume.indexBytes);
    if (node === undefined) return undefined;
    // Nodes that were never used, or are free again, are not read by Windows either.
    if (!applyFixups(node, "INDX")) continue;
    const found = findEntry(node, 0x18, wanted);
    if (found !== "none") return found;
  }
  return "none";
}

/** Looks through the entries of a node whose header is at `headerAt`. */
function findEntry(node: Uint8Array, headerAt: number, wanted: string): number | "none" | undefined {
  const view = new DataView(node.buffer, node.byteOffset, node.byteLength);
  let at = headerAt + view.getUint32(headerAt, true);
  const end = Math.min(node.length, headerAt + view.getUint32(headerAt + 4, true));
  while (at + 0x10 <= end) {
    const length = view.getUint16(at + 8, true);
    if ((view.getUint16(at + 0xc, true) & LAST_ENTRY) !== 0) return "none";
    if (length < 0x10 || at + length > end) return undefined;
    const nameLength = node[at + FILE_NAME_AT + 0x40] ?? 0;
    const nameAt = at + FILE_NAME_AT + 0x42;
    const name = new TextDecoder("utf-16le").decode(node.subarray(nameAt, nameAt + nameLength * 2));
    // A reference's upper 16 bits count how often the record was used anew.
    if (name.toLowerCase() === wanted) return Number(view.getBigUint64(at, true) & 0xffff_ffff_ffffn);
    at += length;
  }
  return "none";
}

/** The content of a file, as opposed to its other streams. */
export function isUnnamedData({ type, name }: NtfsAttribute): boolean {
  return type === NtfsAttributeType.data && name === "";
}
