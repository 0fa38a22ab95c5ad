import type { DeployBits } from "./deploy-bits.ts";
import { DeployState } from "./deploy-header.ts";
import type { DeployMap } from "./deploy-map.ts";
import { ChunkMover, type Move } from "./deploy-moves.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import { isWhole, promisingChunks, sampleOf, scanChunks } from "./deploy-scan.ts";
import { type DeployTarget, PlaceState } from "./deploy-target.ts";
import { RESUME_SAMPLE_CHUNKS } from "./limits.ts";

/** What was found on a target. Chunks by number. */
export interface SettleReport {
  readonly inPlace: readonly number[];
  readonly moved: readonly number[];
  readonly resumed: readonly number[];
  readonly sample: { readonly checked: number; readonly wrong: number };
}

/** How to look. */
export interface SettleOptions {
  readonly previous: DeployPlan | undefined;
  readonly random: () => number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (step: "checking" | "moving", doneBytes: number, totalBytes: number) => void;
}

/** Learns which chunks stand on the target, and brings there what stands elsewhere on it (docs/formats/deployment.md, rules 3 to 5). */
export async function settle(
  target: DeployTarget,
  plan: DeployPlan,
  map: DeployMap,
  bits: DeployBits,
  options: SettleOptions,
): Promise<SettleReport> {
  const known = [...plan.chunks.keys()].filter((chunk) => map.hasChunk(chunk));
  const sample = await hashSample(target, plan, known, options);
  const isBelieved = sample.wrong === 0;
  const doubtful = [...plan.chunks.keys()].filter((chunk) => map.isUnknown(chunk));
  if (isBelieved) {
    for (const chunk of known) bits.believe(chunk);
  } else {
    doubtful.push(...known);
    // Cleared on the target before anybody writes there.
    for (const chunk of known) bits.remove(chunk);
    for (const empty of plan.empties.keys()) bits.noteEmpty(empty, false);
    await bits.flush();
    if (map.state === DeployState.complete) await map.setState(DeployState.scanning);
  }
  const inPlace: number[] = [];
  const scanned = new Map<number, Uint8Array>();
  const suspects = new Set(doubtful);
  if (map.state === DeployState.scanning) {
    const others = [...plan.chunks.keys()].filter((chunk) => !bits.has(chunk) && !suspects.has(chunk));
    for (const chunk of await promisingChunks(target, plan, others, options.random)) suspects.add(chunk);
  }
  const meter = meterOf(plan, suspects, (done, total) => options.onProgress("checking", done, total));
  for await (const { chunk, states } of scanChunks(target, plan, suspects, {
    signal: options.signal,
    onBytes: meter,
  })) {
    if (isWhole(states)) {
      bits.add(chunk);
      inPlace.push(chunk);
    } else if (states.includes(PlaceState.right)) {
      scanned.set(chunk, states);
    }
  }
  const moved: number[] = [];
  if (map.state === DeployState.scanning) {
    const moves = planMoves(plan, bits, scanned, options.previous);
    const moveMeter = meterOf(plan, new Set(moves.map(({ chunk }) => chunk)), (done, total) =>
      options.onProgress("moving", done, total),
    );
    for await (const chunk of new ChunkMover(target, moves).run()) {
      bits.add(chunk);
      moved.push(chunk);
      moveMeter(plan.chunk(chunk).length);
      options.signal?.throwIfAborted();
    }
    await bits.flush();
    await map.setState(DeployState.filling);
  }
  return { inPlace, moved, resumed: isBelieved ? known : [], sample };
}

async function hashSample(
  target: DeployTarget,
  plan: DeployPlan,
  known: readonly number[],
  { random, signal }: SettleOptions,
): Promise<{ checked: number; wrong: number }> {
  const chosen = sampleOf(known, RESUME_SAMPLE_CHUNKS, random);
  let wrong = 0;
  for await (const { states } of scanChunks(target, plan, chosen, { signal })) if (!isWhole(states)) wrong += 1;
  return { checked: chosen.length, wrong };
}

/** From where to copy each chunk that is not whole: another place of it that is right, else the previous version's. */
function planMoves(
  plan: DeployPlan,
  bits: DeployBits,
  scanned: ReadonlyMap<number, Uint8Array>,
  previous: DeployPlan | undefined,
): Move[] {
  const moves: Move[] = [];
  for (const [number, { digest, length, offsets }] of plan.chunks.entries()) {
    if (bits.has(number)) continue;
    const states = scanned.get(number);
    const to = offsets.filter((_, place) => states?.[place] !== PlaceState.right);
    const right = offsets.find((_, place) => states?.[place] === PlaceState.right);
    const before = previous?.numberOf(digest);
    const from = right ?? (before === undefined ? undefined : previous?.chunk(before).offsets[0]);
    if (from !== undefined) moves.push({ chunk: number, from: { offset: from, length, digest }, to });
  }
  return moves;
}

function meterOf(
  plan: DeployPlan,
  chunks: ReadonlySet<number>,
  report: (doneBytes: number, totalBytes: number) => void,
): (bytes: number) => void {
  let total = 0;
  for (const chunk of chunks) total += plan.chunk(chunk).length * plan.chunk(chunk).offsets.length;
  let done = 0;
  return (bytes) => report((done += bytes), total);
}
