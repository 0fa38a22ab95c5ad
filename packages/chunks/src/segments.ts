import { DecodeError } from "@ingot/wire";
import { sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";
import { decodeIndexSegment, encodeIndexSegment, indexSegmentVersion } from "./index-segment.ts";
import type { IndexSegment, PackTable } from "./index-segment.ts";
import { SEGMENT_ENTRIES } from "./limits.ts";
import { PACK_FOOTER_BYTES, PACK_HEADER_BYTES, decodeFooterTable, decodePackFooter, decodePackHeader } from "./pack.ts";
import { isAbsent, packPath, segmentPath, storeError } from "./store-core.ts";
import type { StoreCore } from "./store-core.ts";
import type { StoreFiles } from "./store-files.ts";

/** Reads one segment: what it says, or why it is damaged. Throws `ChunkError` `unsupported` for a version of the future. */
export async function readSegment(
  files: Pick<StoreFiles, "read">,
  name: Digest,
): Promise<IndexSegment | { damage: string }> {
  const bytes = await files.read(segmentPath(name));
  const got = sha256(bytes);
  if (got !== name) return { damage: `its SHA-256 is ${got}` };
  const version = indexSegmentVersion(bytes);
  if (version !== undefined && version !== 1) {
    throw new ChunkError("unsupported", `index segment ${name} has version ${version}, this program knows version 1`, {
      path: segmentPath(name),
    });
  }
  try {
    return decodeIndexSegment(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return { damage: error.message };
    throw error;
  }
}

/** Writes tables as durable segments, all with one new sequence number; returns their names. The packs MUST be durable. */
export async function writeSegments(core: StoreCore, tables: readonly PackTable[]): Promise<Digest[]> {
  const names: Digest[] = [];
  const sequence = core.nextSequence++;
  try {
    for (const packs of splitTables(tables)) {
      const bytes = encodeIndexSegment({ sequence, packs });
      const name = sha256(bytes);
      await core.writeFile(segmentPath(name), bytes);
      names.push(name);
    }
    if (names.length > 0) await core.files.syncDirectory("index");
  } catch (error) {
    for (const name of names) await core.removeQuietly(segmentPath(name));
    throw storeError(error, "writing the index");
  }
  for (const name of names) core.segments.add(name);
  return names;
}

/** Takes back segments just written, because what should have followed failed. */
export async function removeSegments(core: StoreCore, names: Iterable<Digest>): Promise<void> {
  for (const name of names) {
    if (await core.removeQuietly(segmentPath(name))) core.segments.delete(name);
  }
}

/** The tables of all segments, in the order in which they count. Segments that went bad since they were written are skipped. */
export async function readAllTables(core: StoreCore): Promise<PackTable[]> {
  const segments: { name: Digest; segment: IndexSegment }[] = [];
  for (const name of core.segments) {
    const segment = await readSegment(core.files, name);
    if (!("damage" in segment)) segments.push({ name, segment });
  }
  segments.sort((a, b) => a.segment.sequence - b.segment.sequence || (a.name < b.name ? -1 : 1));
  const tables = new Map<Digest, PackTable>();
  for (const { segment } of segments) {
    for (const table of segment.packs) if (core.index.hasPack(table.pack)) tables.set(table.pack, table);
  }
  for (const { pack } of core.index.packs) {
    if (tables.has(pack)) continue;
    const table = await readPackTable(core.files, pack);
    if (!("damage" in table)) tables.set(pack, table);
  }
  return [...tables.values()];
}

/** Replaces all segments by new ones with these tables: new ones durable first, then the old ones go. Under `commitLock`. */
export async function replaceSegments(core: StoreCore, tables: readonly PackTable[]): Promise<void> {
  const old = new Set(core.segments);
  for (const name of await writeSegments(core, tables)) old.delete(name);
  await removeSegments(core, old);
  await core.files.syncDirectory("index");
}

/** The table of a pack, read from the file itself, or why that cannot be done. */
export async function readPackTable(files: StoreFiles, pack: Digest): Promise<PackTable | { damage: string }> {
  const path = packPath(pack);
  try {
    const size = await files.size(path);
    decodePackHeader(await files.readRange(path, 0, PACK_HEADER_BYTES));
    const footerOffset = Math.max(0, size - PACK_FOOTER_BYTES);
    const footer = decodePackFooter(await files.readRange(path, footerOffset, PACK_FOOTER_BYTES), size);
    const table = await files.readRange(path, footer.tableOffset, footerOffset - footer.tableOffset);
    return { pack, entries: decodeFooterTable(table, footer) };
  } catch (error) {
    if (error instanceof DecodeError) return { damage: error.message };
    if (isAbsent(error)) return { damage: "the file is not there" };
    throw storeError(error, `reading ${path}`, path);
  }
}

function* splitTables(tables: readonly PackTable[]): Generator<PackTable[], void, undefined> {
  let part: PackTable[] = [];
  let entries = 0;
  for (const table of tables) {
    part.push(table);
    entries += table.entries.length;
    if (entries >= SEGMENT_ENTRIES) {
      yield part;
      part = [];
      entries = 0;
    }
  }
  if (part.length > 0) yield part;
}
