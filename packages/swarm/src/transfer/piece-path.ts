import { MAX_CHUNK_RANGES } from "./limits.ts";

/** What a client of the bulk door asks for. */
export interface PiecePath {
  readonly manifestId: string;
  readonly piece: number;
  /** Ranges of chunk numbers, both ends included, ascending; the whole piece when `undefined`. */
  readonly ranges: readonly ChunkRange[] | undefined;
}

/** Chunks `first` to `last`, both included. */
export interface ChunkRange {
  readonly first: number;
  readonly last: number;
}

const PATTERN = /^\/images\/([0-9a-f]{64})\/pieces\/(\d{1,8})(?:\?chunks=([\d,-]+))?$/;
const RANGE = /^(\d{1,9})(?:-(\d{1,9}))?$/;

/** `/images/<manifest id>/pieces/<n>[?chunks=<first>[-<last>],…]`. */
export function formatPiecePath(manifestId: string, piece: number, chunks: readonly number[] | undefined): string {
  const path = `/images/${manifestId}/pieces/${piece}`;
  if (chunks === undefined) return path;
  const list = rangesOf(chunks).map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return `${path}?chunks=${list.join(",")}`;
}

/** The inverse; `undefined` for anything else. */
export function parsePiecePath(path: string): PiecePath | undefined {
  const [, manifestId, piece, list] = PATTERN.exec(path) ?? [];
  if (manifestId === undefined || piece === undefined) return undefined;
  if (list === undefined) return { manifestId, piece: Number(piece), ranges: undefined };
  const texts = list.split(",", MAX_CHUNK_RANGES + 1);
  if (texts.length > MAX_CHUNK_RANGES) return undefined;
  const ranges: ChunkRange[] = [];
  let next = 0;
  for (const text of texts) {
    const [, first, last = first] = RANGE.exec(text) ?? [];
    if (first === undefined) return undefined;
    const range = { first: Number(first), last: Number(last) };
    if (range.first < next || range.last < range.first) return undefined;
    ranges.push(range);
    next = range.last + 1;
  }
  return { manifestId, piece: Number(piece), ranges };
}

/** Ascending numbers as ranges. */
export function rangesOf(chunks: readonly number[]): ChunkRange[] {
  const ranges: { first: number; last: number }[] = [];
  for (const chunk of chunks) {
    const current = ranges.at(-1);
    if (current?.last === chunk - 1) current.last = chunk;
    else ranges.push({ first: chunk, last: chunk });
  }
  return ranges;
}
