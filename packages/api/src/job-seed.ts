import { z } from "zod";
import { fingerprintSchema } from "./agent-swarm.ts";
import { amountSchema } from "./values.ts";

/** What a source of a swarm does for others now: slow ones are introduced last, and those that gave nothing of late were replaced. */
const SEED_STANDINGS = ["good", "slow", "stalled", "silent"] as const;
/** One of {@link SEED_STANDINGS}. `silent`: it was asked to hold a part, and is not in the swarm now. */
type SeedStanding = (typeof SEED_STANDINGS)[number];

/** A source of what a job deploys: one that has everything, or holds a part for the job. */
export interface JobSeed {
  /** SHA-256 of its key. */
  readonly fingerprint: string;
  readonly address?: string | undefined;
  readonly site: string;
  /** It is the server itself. */
  readonly isServer: boolean;
  readonly standing: SeedStanding;
  readonly heldPieces: number;
  readonly isComplete: boolean;
  /** Pieces that it holds for the job, or is to; absent where it was not asked to. */
  readonly partPieces?: number | undefined;
  /** Part of its upload slots that is in use, 0 to 1. */
  readonly load: number;
  /** Members that it was introduced to and that lack something. */
  readonly receivers: number;
  /** Bytes a second at which it answered requests of late. Absent, as the two below, while it answered none. */
  readonly uploadRate?: number | undefined;
  readonly latencyMs?: number | undefined;
  /** Seconds in which one more request for 4 MiB would be answered: lower is better. */
  readonly score?: number | undefined;
}

/** Schema of {@link JobSeed}. */
const jobSeedSchema: z.ZodType<JobSeed> = z
  .object({
    fingerprint: fingerprintSchema,
    address: z.string().optional(),
    site: z.string(),
    isServer: z.boolean(),
    standing: z.enum(SEED_STANDINGS),
    heldPieces: amountSchema,
    isComplete: z.boolean(),
    partPieces: amountSchema.optional(),
    load: z.number(),
    receivers: amountSchema,
    uploadRate: z.number().optional(),
    latencyMs: z.number().optional(),
    score: z.number().optional(),
  })
  .meta({ id: "JobSeed", description: "A source of what a job deploys" });

/** Schema of the answer to `GET /api/v1/jobs/{job}/seeds`. */
export const jobSeedsSchema: z.ZodType<{ readonly items: readonly JobSeed[] }> = z
  .object({ items: z.array(jobSeedSchema) })
  .meta({ id: "JobSeeds" });
