import { bytesFromHex, DecodeError, hexFromBytes } from "@ingot/wire";
import type { PieceSet } from "../piece-set.ts";
import { KEY_BYTES, MAX_ORDER_RUNS, MAX_RATE, MIN_RATE } from "./limits.ts";

/** Consecutive pieces: from `first` up to and without `end`. */
export interface PieceRun {
  readonly first: number;
  readonly end: number;
}

/**
 * What the members of one multicast session agree on. It holds the key: it travels over TLS only, and stands in no log. All of it is JSON.
 */
export interface MulticastPlan {
  /** IPv4 address of the group, of 239.255.0.0/16. */
  readonly group: string;
  readonly port: number;
  /** 32 random bytes in hexadecimal. */
  readonly key: string;
  /** Distinguishes sessions that share a group: random, 32 bits. */
  readonly session: number;
  /** Of the slowest link, in bits per second of Ethernet frames. The sender stays just below. */
  readonly rate: number;
  /** In which order the pieces are sent; each one at most once. */
  readonly order: readonly PieceRun[];
}

/** What a plan is made of. */
export interface PlanOptions {
  readonly rate: number;
  readonly order: readonly PieceRun[];
  /** Unpredictable bytes: a key depends on them. */
  readonly random: (count: number) => Uint8Array;
}

/** First port of the sessions' ports: unassigned by IANA, below the ephemeral ports of Linux. */
const FIRST_PORT = 26_000;
const PORTS = 4096;

/** A new session: its own key, group and port. */
export function createMulticastPlan(options: PlanOptions): MulticastPlan {
  const bytes = options.random(8);
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(4);
  return {
    group: groupOf(a, b),
    port: FIRST_PORT + (((c << 8) | d) % PORTS),
    key: hexFromBytes(options.random(KEY_BYTES)),
    session: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0),
    rate: options.rate,
    order: options.order,
  };
}

/**
 * A group of 239.255.0.0/16, the site's own (RFC 2365 §6.1). Only 23 bits of a group reach the Ethernet address (RFC 1112 §6.4), and addresses of x.0.0.y and
 * x.128.0.y are those of routing protocols, which switches flood or hand to their processor: 0 and 128 are left out as third byte.
 */
function groupOf(a: number, b: number): string {
  const third = a % 128 === 0 ? a + 1 : a;
  return `239.255.${third}.${b}`;
}

/** The plan's key as bytes. Throws `DecodeError`. */
export function keyOf(plan: MulticastPlan): Uint8Array {
  const key = bytesFromHex(plan.key);
  if (key.length !== KEY_BYTES) throw invalid("key", `${key.length} bytes`, `${KEY_BYTES}`);
  return key;
}

/** The pieces in the order in which they are sent. Throws `DecodeError` for a plan that does not fit the image or would send a piece twice. */
export function piecesOf(plan: MulticastPlan, pieceCount: number): Uint32Array<ArrayBuffer> {
  if (plan.order.length > MAX_ORDER_RUNS)
    throw invalid("order", `${plan.order.length} runs`, `at most ${MAX_ORDER_RUNS}`);
  if (!(plan.rate >= MIN_RATE && plan.rate <= MAX_RATE))
    throw invalid("rate", `${plan.rate}`, `${MIN_RATE} to ${MAX_RATE}`);
  const seen = new Uint8Array(pieceCount);
  const pieces: number[] = [];
  for (const { first, end } of plan.order) {
    if (!(Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first < end && end <= pieceCount))
      throw invalid("order", `${first} to ${end}`, `pieces of ${pieceCount}`);
    for (let piece = first; piece < end; piece++) {
      if (seen[piece] === 1) throw invalid("order", `piece ${piece} twice`, "each one once");
      seen[piece] = 1;
      pieces.push(piece);
    }
  }
  return Uint32Array.from(pieces);
}

/** The runs of a set's pieces, ascending: the order of a plan that sends them. */
export function runsOf(set: PieceSet): PieceRun[] {
  const runs: { first: number; end: number }[] = [];
  for (let piece = 0; piece < set.pieceCount; piece++) {
    if (!set.has(piece)) continue;
    const last = runs.at(-1);
    if (last?.end === piece) last.end += 1;
    else runs.push({ first: piece, end: piece + 1 });
  }
  return runs;
}

function invalid(what: string, got: string, expected: string): DecodeError {
  return new DecodeError("invalid", `${what}: got ${got}, expected ${expected}`, { what: "multicast plan", offset: 0 });
}
