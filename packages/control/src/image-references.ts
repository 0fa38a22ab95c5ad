import { formatImageReference, type ImageReference, parseImageReference } from "@ingot/api";
import { ControlError } from "./errors.ts";
import type { Database } from "./tables.ts";

/** One version of an image, found through a reference. */
export interface ResolvedVersion {
  readonly image: string;
  readonly version: number;
  readonly manifestId: string;
  readonly sizeBytes: number;
}

/** The version that is meant, or `undefined` where there is none. */
export async function resolveImage(db: Database, reference: ImageReference): Promise<ResolvedVersion | undefined> {
  let select = db
    .selectFrom("image_versions")
    .select(["image", "version", "manifest_id", "size_bytes"])
    .where("image", "=", reference.name)
    .orderBy("version", "desc")
    .limit(1);
  if (reference.version !== undefined) select = select.where("version", "=", reference.version);
  if (reference.tag !== undefined) {
    const tagged = await db
      .selectFrom("image_tags")
      .select("version")
      .where("image", "=", reference.name)
      .where("tag", "=", reference.tag)
      .executeTakeFirst();
    if (tagged === undefined) return undefined;
    select = select.where("version", "=", tagged.version);
  }
  const row = await select.executeTakeFirst();
  if (row === undefined) return undefined;
  return { image: row.image, version: row.version, manifestId: row.manifest_id, sizeBytes: Number(row.size_bytes) };
}

/** `NAME:VERSION` by manifest; of versions with the same content the first by name. */
export async function nameManifests(
  db: Database,
  manifestIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (manifestIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("image_versions")
    .select(["image", "version", "manifest_id"])
    .where("manifest_id", "in", manifestIds)
    .orderBy("image", "desc")
    .orderBy("version", "desc")
    .execute();
  return new Map(
    rows.map(({ manifest_id, image, version }) => [manifest_id, formatImageReference({ name: image, version })]),
  );
}

/** As {@link resolveImage}, of text. @throws ControlError `invalidRequest`, `notFound`. */
export async function requireImage(db: Database, text: string): Promise<ResolvedVersion> {
  const reference = parseImageReference(text);
  if (reference === undefined) {
    throw new ControlError("invalidRequest", `image ${JSON.stringify(text)}: expected NAME, NAME:VERSION or NAME:TAG`);
  }
  const version = await resolveImage(db, reference);
  if (version === undefined) {
    throw new ControlError(
      "notFound",
      `image ${formatImageReference(reference)}: there is no such image, version or tag`,
    );
  }
  return version;
}
