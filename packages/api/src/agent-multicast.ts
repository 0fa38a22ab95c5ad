import { z } from "zod";
import { MAX_SWARM_PIECES } from "./agent-swarm.ts";

/** Runs of pieces in one request or plan; what is scattered more widely is better had from peers. */
const MAX_PIECE_RUNS = 4096;

/** Most receivers that a session may be asked to wait for. */
const MAX_EXPECTED_RECEIVERS = 20_000;

/** Consecutive pieces of an image: from `first` up to and without `end`. */
export interface PieceRange {
  readonly first: number;
  readonly end: number;
}

/** Body of `POST /agent/v1/swarms/{manifestId}/multicast`: a receiver is ready to listen. Answered when the session begins, or will not. */
export interface MulticastJoin {
  /** What it lacks, ascending. */
  readonly missing: readonly PieceRange[];
  /** How many receivers are to be there before it begins; absent: the server waits until no more come. */
  readonly expect?: number | undefined;
  /** `auto`: only if it is worth it; `multicast`: also for one receiver. */
  readonly method: "auto" | "multicast";
}

/** What the members of one session agree on. Holds the session's key: travels over TLS only, and stands in no log. */
export interface MulticastPlan {
  /** IPv4 multicast address. */
  readonly group: string;
  readonly port: number;
  /** 32 bytes in hexadecimal: packets that were not made with it are dropped. */
  readonly key: string;
  /** So that a sender that starts over is not taken for the one before. */
  readonly session: number;
  /** Bits per second of Ethernet frames that the sender stays below. */
  readonly rate: number;
  /** In which order pieces come, each at most once. */
  readonly order: readonly PieceRange[];
}

/** Answer to {@link MulticastJoin}. */
export type MulticastAnswer =
  | {
      readonly state: "session";
      readonly plan: MulticastPlan;
      /** When the sender begins at the latest, or how long ago that was (negative), in milliseconds. */
      readonly startsInMs: number;
    }
  | {
      readonly state: "none";
      /** `few`: not enough receivers for it to be worth it; `off`: this server sends none. */
      readonly reason: "few" | "off" | "failed";
    };

const pieceRangeSchema: z.ZodType<PieceRange> = z
  .object({ first: z.int().min(0).max(MAX_SWARM_PIECES), end: z.int().min(1).max(MAX_SWARM_PIECES) })
  .refine(({ first, end }) => first < end, "first: expected below end");

const pieceRangesSchema: z.ZodType<readonly PieceRange[]> = z.array(pieceRangeSchema).max(MAX_PIECE_RUNS);

/** Schema of {@link MulticastJoin}. */
export const multicastJoinSchema: z.ZodType<MulticastJoin> = z
  .object({
    missing: pieceRangesSchema,
    expect: z.int().min(1).max(MAX_EXPECTED_RECEIVERS).optional(),
    method: z.enum(["auto", "multicast"]),
  })
  .meta({ id: "MulticastJoin" });

const multicastPlanSchema: z.ZodType<MulticastPlan> = z
  .object({
    group: z.ipv4(),
    port: z.int().min(1).max(65_535),
    key: z.string().regex(/^[0-9a-f]{64}$/),
    session: z.int().min(0).max(0xffff_ffff),
    rate: z.number().positive(),
    order: pieceRangesSchema,
  })
  .meta({ id: "MulticastPlan" });

/** Schema of {@link MulticastAnswer}. */
export const multicastAnswerSchema: z.ZodType<MulticastAnswer> = z
  .discriminatedUnion("state", [
    z.object({ state: z.literal("session"), plan: multicastPlanSchema, startsInMs: z.int() }),
    z.object({ state: z.literal("none"), reason: z.enum(["few", "off", "failed"]) }),
  ])
  .meta({ id: "MulticastAnswer" });
