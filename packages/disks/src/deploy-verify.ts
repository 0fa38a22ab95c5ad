import type { DeployBits } from "./deploy-bits.ts";
import type { DeployMap } from "./deploy-map.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import { isWhole, scanChunks } from "./deploy-scan.ts";
import { type DeployTarget, PlaceState } from "./deploy-target.ts";
import { outsideOf } from "./deploy-zeroes.ts";

/** What a verification found. */
export interface DeployVerifyReport {
  /** Chunks that were hashed, and the bytes of all their places. */
  readonly checkedChunks: number;
  readonly checkedBytes: number;
  /** Numbers of the chunks that are wrong in at least one place. */
  readonly damaged: readonly number[];
  /** Places whose bytes are wrong, or that the disk does not give, ascending. */
  readonly places: readonly { readonly offset: number; readonly length: number; readonly unreadable: boolean }[];
  /** Extents that should be zeros and are not, ascending. */
  readonly notZero: readonly { readonly offset: number; readonly length: number }[];
}

/** What verifying takes. */
export interface DeployVerifyOptions {
  readonly leaveDontCare: boolean;
  /** Whether to look at what has no bit, too. */
  readonly everything: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** Hashes what is held and reads what should be zeros; notes in `bits` what is not so. The caller flushes. */
export async function verifyDeployment(
  target: DeployTarget,
  plan: DeployPlan,
  map: DeployMap,
  bits: DeployBits,
  options: DeployVerifyOptions,
): Promise<DeployVerifyReport> {
  const chunks = [...plan.chunks.keys()].filter((chunk) => options.everything || bits.has(chunk));
  const empties = [...plan.empties.entries()].filter(
    ([empty, { kind }]) => (options.everything || map.hasEmpty(empty)) && (kind === "zero" || !options.leaveDontCare),
  );
  const checkedBytes = chunks.reduce(
    (sum, chunk) => sum + plan.chunk(chunk).length * plan.chunk(chunk).offsets.length,
    0,
  );
  const totalBytes = checkedBytes + empties.reduce((sum, [, { length }]) => sum + length, 0);
  let doneBytes = 0;
  const progress = (bytes: number): void => options.onProgress((doneBytes += bytes), totalBytes);
  const damaged: number[] = [];
  const places: { offset: number; length: number; unreadable: boolean }[] = [];
  for await (const { chunk, states } of scanChunks(target, plan, chunks, {
    signal: options.signal,
    onBytes: progress,
  })) {
    if (isWhole(states)) {
      bits.believe(chunk);
      continue;
    }
    const { length, offsets } = plan.chunk(chunk);
    damaged.push(chunk);
    bits.remove(chunk);
    for (const [at, offset] of offsets.entries()) {
      if (states[at] === PlaceState.right) continue;
      places.push({ offset, length, unreadable: states[at] === PlaceState.unreadable });
    }
  }
  const notZero: { offset: number; length: number }[] = [];
  for (const [empty, extent] of empties) {
    options.signal?.throwIfAborted();
    const ranges = outsideOf(map, extent);
    const answers = await Promise.all(ranges.map(({ offset, length }) => target.isZero(offset, length)));
    if (answers.includes(false)) {
      notZero.push({ offset: extent.offset, length: extent.length });
      bits.noteEmpty(empty, false);
    }
    progress(extent.length);
  }
  places.sort((a, b) => a.offset - b.offset);
  return { checkedChunks: chunks.length, checkedBytes, damaged, places, notZero };
}
