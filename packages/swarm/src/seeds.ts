import { SLOW_SEED_FACTOR } from "./limits.ts";
import { PieceSet } from "./piece-set.ts";

/** What was measured of a seed, or of a peer that may become one. */
export interface SeedFacts {
  readonly id: number;
  /** Bytes per second at which a request was answered of late. */
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

/** A peer that might be somebody's source. */
export interface SeedCandidate extends SeedFacts {
  /** Pieces that it holds. */
  readonly heldPieces: number;
}

/** Whom to introduce somebody to who needs a source: of those that hold most, the quickest. Undefined without candidates. */
export function chooseSeed(candidates: readonly SeedCandidate[]): number | undefined {
  let best: SeedCandidate | undefined;
  for (const candidate of candidates) {
    const isMore = best === undefined || candidate.heldPieces > best.heldPieces;
    const isQuicker = best?.heldPieces === candidate.heldPieces && scoreSeed(candidate) < scoreSeed(best);
    if (isMore || isQuicker) best = candidate;
  }
  return best?.id;
}

/** A part of an image's first pieces: of those below `end` the ones whose number leaves one of `places` when it is divided by `of`. */
export interface ImagePart {
  readonly end: number;
  readonly of: number;
  readonly places: readonly number[];
}

/**
 * The pieces of a part. Parts of one `end` and `of` with different places have none in common, and all places together have all of them. In turn and
 * not in a row: what lies side by side is wanted at the same time.
 */
export function piecesOfPart({ end, of, places }: ImagePart, pieceCount: number): PieceSet {
  const pieces = new PieceSet(pieceCount);
  for (const place of places) for (let piece = place; piece < Math.min(end, pieceCount); piece += of) pieces.add(piece);
  return pieces;
}
