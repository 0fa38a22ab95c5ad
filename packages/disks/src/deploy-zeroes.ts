import type { DeployBits } from "./deploy-bits.ts";
import type { DeployMap } from "./deploy-map.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import type { DeployTarget } from "./deploy-target.ts";

/** A device gets zeros in steps of this size, so that the work can be stopped and seen. */
const STEP_BYTES = 256 * 1024 * 1024;

/** Bits of zeroed extents become durable whenever this much was zeroed. */
const FLUSH_BYTES = 4 * 1024 * 1024 * 1024;

/** What making zeros takes. */
export interface ZeroOptions {
  readonly leaveDontCare: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** Makes every empty extent without a bit read as zeros, but for what lies under the map, and sets its bit. */
export async function zeroEmpties(
  target: DeployTarget,
  plan: DeployPlan,
  map: DeployMap,
  bits: DeployBits,
  options: ZeroOptions,
): Promise<void> {
  const waiting = [...plan.empties.entries()].filter(([empty]) => !map.hasEmpty(empty));
  const totalBytes = waiting.reduce((sum, [, { length }]) => sum + length, 0);
  let doneBytes = 0;
  let unsavedBytes = 0;
  for (const [empty, extent] of waiting) {
    if (extent.kind === "zero" || !options.leaveDontCare) {
      for (const range of outsideOf(map, extent)) {
        for (let at = 0; at < range.length; at += STEP_BYTES) {
          options.signal?.throwIfAborted();
          await target.zero(range.offset + at, Math.min(STEP_BYTES, range.length - at));
        }
      }
    }
    bits.noteEmpty(empty, true);
    doneBytes += extent.length;
    unsavedBytes += extent.length;
    options.onProgress(doneBytes, totalBytes);
    if (unsavedBytes < FLUSH_BYTES) continue;
    await bits.flush();
    unsavedBytes = 0;
  }
  await bits.flush();
}

/** The parts of a range that do not lie under the map. */
export function outsideOf(
  map: DeployMap,
  range: { readonly offset: number; readonly length: number },
): { offset: number; length: number }[] {
  const { area } = map;
  const end = range.offset + range.length;
  if (area.kind !== "onTarget" || area.offset >= end || area.offset + area.length <= range.offset) {
    return [{ offset: range.offset, length: range.length }];
  }
  const behind = area.offset + area.length;
  return [
    { offset: range.offset, length: area.offset - range.offset },
    { offset: behind, length: end - behind },
  ].filter(({ length }) => length > 0);
}
