import { SLOW_SEED_FACTOR } from "./limits.ts";
import { PieceSet } from "./piece-set.ts";

/** What was measured of a seed, or of a peer that may become one. */
export interface SeedFacts {
  readonly id: number;
  /** Bytes per second that it sent while it was busy. */
  readonly uploadRate: number;
  /** Milliseconds until it answers. */
  readonly latencyMs: number;
  /** Part of its upload slots that is in use, 0 to 1. */
  readonly load: number;
}

/** What the score is the time for. */
const SCORED_BYTES = 4 * 1_048_576;

/** Of a seed whose slots are all in use, one more request still gets this part. */
const LEAST_SPARE = 0.1;

/** A new measurement weighs this much against all before it. */
const NEW_WEIGHT = 0.25;

/** The mean of measurements in which older ones count less and less. The first one is taken as it is. */
export function smoothed(before: number | undefined, measured: number): number {
  return before === undefined ? measured : before + (measured - before) * NEW_WEIGHT;
}

/** Seconds in which one more request for 4 MiB would be answered: lower is better, Infinity for a seed that sends nothing. */
export function scoreSeed({ uploadRate, latencyMs, load }: SeedFacts): number {
  const spare = Math.max(LEAST_SPARE, 1 - load);
  return uploadRate > 0 ? latencyMs / 1000 + SCORED_BYTES / (uploadRate * spare) : Infinity;
}

/** The seeds that take more than `SLOW_SEED_FACTOR` times as long as the one in the middle; nobody is to wait for them. Never all of them. */
export function slowSeeds(seeds: readonly SeedFacts[]): ReadonlySet<number> {
  const scores = seeds.map(scoreSeed).toSorted((a, b) => a - b);
  // Of two the better one is the measure: there is no middle that one of them does not shift.
  const median = scores[(scores.length - 1) >> 1] ?? Infinity;
  const slow = seeds.filter((seed) => scoreSeed(seed) > median * SLOW_SEED_FACTOR);
  return new Set(slow.map(({ id }) => id));
}

/** A peer that might take the place of a seed. */
export interface SeedCandidate extends SeedFacts {
  readonly site: string;
  /** Pieces that it holds. */
  readonly heldPieces: number;
}

/**
 * Who takes the place of a seed that has died or is slow: of those that hold most the quickest, in its site where somebody there holds as much.
 * Undefined without candidates.
 */
export function replaceSeed(site: string, candidates: readonly SeedCandidate[]): number | undefined {
  let best: SeedCandidate | undefined;
  const isBetter = (one: SeedCandidate, other: SeedCandidate): boolean => {
    if (one.heldPieces !== other.heldPieces) return one.heldPieces > other.heldPieces;
    const [isHere, isOtherHere] = [one.site === site, other.site === site];
    return isHere === isOtherHere ? scoreSeed(one) < scoreSeed(other) : isHere;
  };
  for (const candidate of candidates) if (best === undefined || isBetter(candidate, best)) best = candidate;
  return best?.id;
}

/**
 * Which pieces each seed fetches before a deployment begins: `share` (0 to 1) of the image for each, chosen by chance. No piece is given twice before all are
 * given once, so that five seeds with a fifth hold the whole image among them. RangeError for another share.
 */
export function preload(
  share: number,
  seeds: readonly number[],
  pieceCount: number,
  random: () => number,
): ReadonlyMap<number, PieceSet> {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`share ${share}: expected 0 to 1`);
  const order = shuffled(pieceCount, random);
  const each = Math.ceil(share * pieceCount);
  let next = 0;
  return new Map(
    seeds.map((id) => {
      const part = new PieceSet(pieceCount);
      for (let i = 0; i < each; i++) part.add(order[next++ % pieceCount] as number);
      return [id, part];
    }),
  );
}

/** 0 to `count` - 1 in an order of chance (Fisher and Yates). */
function shuffled(count: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_unused, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const piece = order[last] as number;
    order[last] = order[other] as number;
    order[other] = piece;
  }
  return order;
}
