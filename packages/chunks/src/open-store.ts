import { isDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import type { IndexSegment, PackTable } from "./index-segment.ts";
import { readPackTable, readSegment, removeSegments, writeSegments } from "./segments.ts";
import { packPath, segmentPath, storeError } from "./store-core.ts";
import type { StoreCore } from "./store-core.ts";
import { removeLoneSignatures } from "./stored-signature.ts";

/** Something that was wrong when the store was opened. The store works with the rest. */
export interface StoreProblem {
  /**
   * - `index-damaged`: a segment was not what its name says; the index was rebuilt from the packs.
   * - `pack-missing`: the index names a pack that is not there; its chunks are missing.
   * - `pack-damaged`: a pack that no index names has no readable table; it was left alone.
   */
  readonly code: "index-damaged" | "pack-missing" | "pack-damaged";
  readonly path: string;
  readonly reason: string;
}

/** Brings the directory into order and fills the core. See `docs/formats/index.md`, "Opening". */
export async function openStore(core: StoreCore): Promise<readonly StoreProblem[]> {
  try {
    return await loadStore(core);
  } catch (error) {
    throw storeError(error, "opening the chunk store");
  }
}

async function loadStore(core: StoreCore): Promise<readonly StoreProblem[]> {
  const { files } = core;
  for (const directory of ["", "packs", "index", "manifests", "tmp"]) await files.makeDirectory(directory);
  await files.syncDirectory("");
  for (const leftOver of await files.list("tmp")) await files.remove(`tmp/${leftOver}`);
  const manifestNames = await files.list("manifests");
  for (const name of manifestNames) {
    const id = name.slice(0, -".manifest".length);
    if (name.endsWith(".manifest") && isDigest(id)) core.manifests.add(id);
  }
  await removeLoneSignatures(core, manifestNames);
  const problems: StoreProblem[] = [];
  const present = await listPacks(core);
  const { segments, damaged } = await readSegments(core, problems);
  const unnamed = new Set(present);
  for (const { packs } of segments) {
    for (const table of packs) {
      unnamed.delete(table.pack);
      if (present.has(table.pack)) core.addToIndex([table]);
      else problems.push(missingPack(table.pack));
    }
  }
  await adoptPacks(core, unnamed, problems);
  await removeSegments(core, damaged);
  return problems;
}

/** The packs that are in the directory. */
export async function listPacks(core: StoreCore): Promise<Set<Digest>> {
  const packs = new Set<Digest>();
  for (const directory of await core.files.list("packs")) {
    for (const name of await core.files.list(`packs/${directory}`)) {
      const pack = name.slice(0, -".pack".length);
      if (isDigest(pack) && packPath(pack) === `packs/${directory}/${name}`) packs.add(pack);
    }
  }
  return packs;
}

async function readSegments(
  core: StoreCore,
  problems: StoreProblem[],
): Promise<{ segments: readonly IndexSegment[]; damaged: readonly Digest[] }> {
  const segments: { name: Digest; segment: IndexSegment }[] = [];
  const damaged: Digest[] = [];
  for (const file of await core.files.list("index")) {
    const name = file.slice(0, -".index".length);
    if (!file.endsWith(".index") || !isDigest(name)) continue;
    core.segments.add(name);
    const segment = await readSegment(core.files, name);
    if ("damage" in segment) {
      damaged.push(name);
      const reason = `${segment.damage}; rebuilt from the packs`;
      problems.push({ code: "index-damaged", path: segmentPath(name), reason });
    } else {
      segments.push({ name, segment });
      core.nextSequence = Math.max(core.nextSequence, segment.sequence + 1);
    }
  }
  segments.sort((a, b) => a.segment.sequence - b.segment.sequence || (a.name < b.name ? -1 : 1));
  return { segments: segments.map(({ segment }) => segment), damaged };
}

/** Packs that no segment names are complete: a pack gets its name after it was synced. */
async function adoptPacks(core: StoreCore, packs: Iterable<Digest>, problems: StoreProblem[]): Promise<void> {
  const tables: PackTable[] = [];
  for (const pack of [...packs].sort()) {
    const table = await readPackTable(core.files, pack);
    if ("damage" in table) problems.push({ code: "pack-damaged", path: packPath(pack), reason: table.damage });
    else tables.push(table);
  }
  if (tables.length === 0) return;
  await core.syncPackDirectories(tables.map(({ pack }) => pack));
  await writeSegments(core, tables);
  core.addToIndex(tables);
}

function missingPack(pack: Digest): StoreProblem {
  return { code: "pack-missing", path: packPath(pack), reason: "the index names it, but it is not there" };
}
