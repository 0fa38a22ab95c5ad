import { MAX_NTFS_DIRECTORY_BYTES } from "./limits.ts";
import { applyFixups, type NtfsAttribute, NtfsAttributeType } from "./ntfs-record.ts";
import type { NtfsVolume } from "./ntfs-volume.ts";

const FILE_TABLE_RECORD = 0;
const ROOT_RECORD = 5;
const LAST_ENTRY = 2;
const ENTRY_BYTES = 0x10;
const FILE_NAME_AT = 0x10;

/** A file's content; undefined when it cannot be found out where it is. */
export type RootFiles = ReadonlyMap<string, NtfsAttribute | undefined>;

/** Looks for files in the root directory by their names, which MUST be lower-case here and may be of any case there. Undefined when the directory cannot be read. */
export async function findRootFiles(volume: NtfsVolume, names: readonly string[]): Promise<RootFiles | undefined> {
  const root = await volume.attributes(ROOT_RECORD);
  const fileTable = (await volume.attributes(FILE_TABLE_RECORD))?.find(isUnnamedData);
  if (root === undefined || fileTable === undefined) return undefined;
  const references = await findReferences(volume, root, names);
  if (references === undefined) return undefined;
  const files = new Map<string, NtfsAttribute | undefined>();
  for (const [name, reference] of references) {
    files.set(name, (await volume.attributesOfFile(reference, fileTable))?.find(isUnnamedData));
  }
  return files;
}

/** References to file records by name. */
async function findReferences(
  volume: NtfsVolume,
  root: readonly NtfsAttribute[],
  names: readonly string[],
): Promise<Map<string, bigint> | undefined> {
  const found = new Map<string, bigint>();
  const indexRoot = root.find(({ type, name }) => type === NtfsAttributeType.indexRoot && name === "$I30");
  if (indexRoot?.resident === undefined || indexRoot.resident.length < 0x20) return undefined;
  if (!findEntries(indexRoot.resident, 0x10, names, found)) return undefined;
  const allocation = root.find(({ type, name }) => type === NtfsAttributeType.indexAllocation && name === "$I30");
  if (allocation === undefined) return found;
  if (allocation.sizeBytes > MAX_NTFS_DIRECTORY_BYTES) return undefined;
  // All nodes one after the other: the order of the tree does not matter for a few names.
  for (let at = 0; at + volume.indexBytes <= allocation.sizeBytes; at += volume.indexBytes) {
    const node = await volume.readPart(allocation, at, volume.indexBytes);
    if (node === undefined) return undefined;
    // Nodes that were never used, or are free again, are not read by Windows either.
    if (!applyFixups(node, "INDX")) continue;
    if (!findEntries(node, 0x18, names, found)) return undefined;
  }
  return found;
}

/** Looks through the entries of a node whose header is at `headerAt`; false when it is damaged. */
function findEntries(
  node: Uint8Array,
  headerAt: number,
  names: readonly string[],
  found: Map<string, bigint>,
): boolean {
  const view = new DataView(node.buffer, node.byteOffset, node.byteLength);
  let at = headerAt + view.getUint32(headerAt, true);
  const end = Math.min(node.length, headerAt + view.getUint32(headerAt + 4, true));
  while (at + ENTRY_BYTES <= end) {
    const length = view.getUint16(at + 8, true);
    if ((view.getUint16(at + 0xc, true) & LAST_ENTRY) !== 0) return true;
    if (length < ENTRY_BYTES || at + length > end) return false;
    const nameLength = node[at + FILE_NAME_AT + 0x40] ?? 0;
    const nameAt = at + FILE_NAME_AT + 0x42;
    const name = new TextDecoder("utf-16le").decode(node.subarray(nameAt, nameAt + nameLength * 2)).toLowerCase();
    if (names.includes(name)) found.set(name, view.getBigUint64(at, true));
    at += length;
  }
  return true;
}

/** The content of a file, as opposed to its other streams. */
export function isUnnamedData({ type, name }: NtfsAttribute): boolean {
  return type === NtfsAttributeType.data && name === "";
}
