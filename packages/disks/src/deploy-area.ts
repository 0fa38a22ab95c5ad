import type { DeployPlan } from "./deploy-plan.ts";
import { BITS_PER_SECTOR } from "./have-map.ts";
import { BLOCK_BYTES, SECTOR_BYTES } from "./limits.ts";

/** Where a deployment keeps its map (docs/formats/deployment.md, "Where the area is"). */
export type DeployArea =
  | { readonly kind: "onTarget"; readonly offset: number; readonly length: number }
  | { readonly kind: "beside" | "none"; readonly length: number };

/** Bytes of a header's page. */
export const AREA_HEADER_BYTES: number = BLOCK_BYTES;

/** Map sectors of so many bits. */
export function mapSectors(bitCount: number): number {
  return Math.ceil(bitCount / BITS_PER_SECTOR);
}

/** Decides where the map is: the same for the same image and size of target. */
export function locateArea(plan: DeployPlan, target: { sizeBytes: number; hasBeside: boolean }): DeployArea {
  const sectors = mapSectors(plan.chunks.length) + mapSectors(plan.empties.length);
  const length = AREA_HEADER_BYTES + sectors * SECTOR_BYTES;
  const slack = roundUp(plan.sizeBytes);
  if (slack + length <= target.sizeBytes) return { kind: "onTarget", offset: slack, length };
  let longest: { offset: number; length: number } | undefined;
  for (const extent of plan.empties) if (extent.length > (longest?.length ?? 0)) longest = extent;
  if (longest !== undefined) {
    const offset = roundUp(longest.offset);
    if (offset + length <= longest.offset + longest.length) return { kind: "onTarget", offset, length };
  }
  return { kind: target.hasBeside ? "beside" : "none", length };
}

function roundUp(offset: number): number {
  return Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
}
