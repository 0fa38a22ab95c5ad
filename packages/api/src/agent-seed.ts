import { z } from "zod";
import { MAX_SWARM_PIECES } from "./agent-swarm.ts";
import { amountSchema } from "./values.ts";

/** Seeds among which the first part of an image is divided before a job begins, at most. */
export const MAX_PRELOAD_SEEDS = 8;

/** Parts that one seed holds at a time, at most: one for each job that is not over. */
const MAX_SEED_ORDERS = 1000;

/** Of the pieces below `end` those whose number leaves one of `places` when it is divided by `of`. */
export interface SeedPart {
  readonly end: number;
  readonly of: number;
  readonly places: readonly number[];
}

/** Body of `POST /agent/v1/seed`: a machine that lends space and uplink says that it is there. */
export interface SeedHeartbeat {
  readonly freeBytes: number;
  /** Of the parts that it was asked to hold, by manifest: how many pieces are there, verified. */
  readonly held: readonly { readonly manifestId: string; readonly pieces: number }[];
}

/** What a seed is to hold for as long as it stands in the answers. */
export interface SeedOrder {
  readonly manifestId: string;
  /** `NAME:VERSION`. */
  readonly image: string;
  readonly part: SeedPart;
}

/** Answer to {@link SeedHeartbeat}. What stands in it no more is given up. */
export interface SeedAnswer {
  readonly orders: readonly SeedOrder[];
  /** When to ask again, in seconds. */
  readonly intervalSeconds: number;
}

const manifestIdSchema = z.string().regex(/^[0-9a-f]{64}$/);

/** Schema of {@link SeedHeartbeat}. */
export const seedHeartbeatSchema: z.ZodType<SeedHeartbeat> = z
  .object({
    freeBytes: amountSchema,
    held: z
      .array(z.object({ manifestId: manifestIdSchema, pieces: z.int().min(0).max(MAX_SWARM_PIECES) }))
      .max(MAX_SEED_ORDERS),
  })
  .meta({ id: "SeedHeartbeat" });

const partSchema: z.ZodType<SeedPart> = z.object({
  end: z.int().min(0).max(MAX_SWARM_PIECES),
  of: z.int().min(1).max(MAX_PRELOAD_SEEDS),
  places: z
    .array(
      z
        .int()
        .min(0)
        .max(MAX_PRELOAD_SEEDS - 1),
    )
    .max(MAX_PRELOAD_SEEDS),
});

/** Schema of {@link SeedAnswer}. */
export const seedAnswerSchema: z.ZodType<SeedAnswer> = z
  .object({
    orders: z
      .array(z.object({ manifestId: manifestIdSchema, image: z.string().max(200), part: partSchema }))
      .max(MAX_SEED_ORDERS),
    intervalSeconds: z.number().gt(0).max(600),
  })
  .meta({ id: "SeedAnswer" });
