import type { ImageDamage, ImageVersion } from "@ingot/api";
import type { Digest, VerifyReport } from "@ingot/chunks";
import type { Selectable } from "kysely";
import type { ImageUses } from "./image-uses.ts";
import { MAX_DAMAGE_ENTRIES } from "./limits.ts";
import type { ImageVersionsTable } from "./tables.ts";

/** The version as the API shows it. */
export function versionOf(row: Selectable<ImageVersionsTable>, uses: ImageUses): ImageVersion {
  return {
    version: row.version,
    manifestId: row.manifest_id,
    createdAt: row.created_at,
    sizeBytes: Number(row.size_bytes),
    dataBytes: Number(row.data_bytes),
    uniqueBytes: Number(row.unique_bytes),
    storedBytes: Number(row.stored_bytes),
    chunkCount: Number(row.chunk_count),
    comment: row.comment ?? undefined,
    inUseBy: uses.of(row.version).length,
  };
}

/** What a check of the whole store found in one manifest. */
export function damageOf(
  report: VerifyReport,
  manifestId: string,
): { readonly count: number; readonly damage: readonly ImageDamage[] } {
  const affected = report.affectedManifests.find((entry) => entry.id === manifestId);
  if (affected === undefined) return { count: 0, damage: [] };
  if (affected.chunks.length === 0) {
    return { count: 1, damage: [{ digest: manifestId, problem: "damaged", message: "the manifest cannot be read" }] };
  }
  const whyOf = new Map<Digest, string>();
  for (const pack of report.damagedPacks) {
    for (const chunk of pack.chunks) whyOf.set(chunk, `${pack.path}: ${pack.reason}`);
  }
  const damage = affected.chunks.slice(0, MAX_DAMAGE_ENTRIES).map((digest): ImageDamage => {
    const why = whyOf.get(digest);
    return why === undefined
      ? { digest, problem: "missing", message: "no pack has it" }
      : { digest, problem: "damaged", message: why };
  });
  return { count: affected.chunks.length, damage };
}
