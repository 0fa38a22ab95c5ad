import type { DeployBits } from "./deploy-bits.ts";
import type { DeployMap } from "./deploy-map.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import { isWhole, scanChunks } from "./deploy-scan.ts";
import { type DeployTarget, type DiskRange, PlaceState } from "./deploy-target.ts";
import { outsideOf } from "./deploy-zeroes.ts";

/** A place of a chunk that does not hold it. */
export interface WrongPlace extends DiskRange {
  readonly chunk: number;
  /** The disk does not give its bytes. */
  readonly unreadable: boolean;
}

/** What a verification found. */
export interface DeployVerifyReport {
  /** Chunks that were hashed, and the bytes of all their places. */
  readonly checkedChunks: number;
  readonly checkedBytes: number;
  /** Numbers of the chunks that are wrong in at least one place. */
  readonly damaged: readonly number[];
  /** Places whose bytes are wrong, or that the disk does not give, ascending. */
  readonly places: readonly WrongPlace[];
  /** What should be zeros and is not, ascending. */
  readonly notZero: readonly DiskRange[];
}

/** What verifying takes. */
export interface DeployVerifyOptions {
  readonly leaveDontCare: boolean;
  /** Whether to look at what has no bit, too. */
  readonly everything: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** Zeros are looked at in steps of this size, so that the work can be stopped and seen. */
const ZERO_STEP_BYTES = 64 * 1024 * 1024;

/**
 * Hashes what is held and reads what should be zeros, as the medium has it; notes in `bits` what is not so. The caller flushes, before as
 * well as afterwards.
 */
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
  await target.forgetCache();
  let doneBytes = 0;
  const progress = (bytes: number): void => options.onProgress((doneBytes += bytes), totalBytes);
  const damaged: number[] = [];
  const places: WrongPlace[] = [];
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
      places.push({ chunk, offset, length, unreadable: states[at] === PlaceState.unreadable });
    }
  }
  const notZero: DiskRange[] = [];
  for (const [empty, extent] of empties) {
    const before = notZero.length;
    for (const range of outsideOf(map, extent)) {
      for (let at = 0; at < range.length; at += ZERO_STEP_BYTES) {
        options.signal?.throwIfAborted();
        const step = Math.min(ZERO_STEP_BYTES, range.length - at);
        notZero.push(...(await target.findNonZero(range.offset + at, step)));
        progress(step);
      }
    }
    if (notZero.length > before) bits.noteEmpty(empty, false);
  }
  places.sort((a, b) => a.offset - b.offset);
  return { checkedChunks: chunks.length, checkedBytes, damaged, places, notZero };
}
