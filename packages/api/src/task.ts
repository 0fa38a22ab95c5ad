import { z } from "zod";
import { MAX_TEXT_LENGTH } from "./limits.ts";
import { amountSchema } from "./values.ts";

/** What jobs do with a machine's disk. */
export const JOB_KINDS = ["deploy", "capture", "verify", "wipe"] as const;
/** One of {@link JOB_KINDS}. */
export type JobKind = (typeof JOB_KINDS)[number];

/** How the content travels; `auto` is multicast where it is heard and peers for the rest. */
export const DEPLOY_METHODS = ["auto", "p2p", "multicast", "unicast"] as const;
/** One of {@link DEPLOY_METHODS}. */
export type DeployMethod = (typeof DEPLOY_METHODS)[number];

/**
 * Where a machine's part of a job stands. `waiting`: for its turn. `booting`: for its machine to start the agent. `preparing`:
 * checks before the first write. `filling`: content is moved, or read, or erased. `finishing`: partition table, boot entry.
 * `done`, `failed` and `cancelled` are final until the job is retried.
 */
export const TASK_STATES = [
  "waiting",
  "booting",
  "preparing",
  "filling",
  "finishing",
  "paused",
  "done",
  "failed",
  "cancelled",
] as const;
/** One of {@link TASK_STATES}. */
export type TaskState = (typeof TASK_STATES)[number];

/**
 * Why a task failed, or was cancelled, or goes on in spite of something.
 *
 * Before the first write: `disk-not-found`, `disk-ambiguous`, `disk-too-small`, `disk-failing`, `disk-in-use`, `sector-size`,
 * `firmware-mode`, `battery-low`, `bitlocker`, `raid-member`, `identity-clash`, `image-missing`, `signature-missing`,
 * `signature-wrong`, `unsupported`. While it runs: `disk-read`, `disk-write` (with the sector), `disk-gone`, `network`,
 * `no-source`, `damaged`, `out-of-memory`, `out-of-space`. Afterwards: `partition-table`, `grow`, `boot-entry`, `injection`,
 * `verification`. From the server: `agent-lost`, `cancelled`, `job-stopped`, `machine-removed`. Ours: `internal`.
 */
export const TASK_ERRORS = [
  "disk-not-found",
  "disk-ambiguous",
  "disk-too-small",
  "disk-failing",
  "disk-in-use",
  "sector-size",
  "firmware-mode",
  "battery-low",
  "bitlocker",
  "raid-member",
  "identity-clash",
  "image-missing",
  "signature-missing",
  "signature-wrong",
  "unsupported",
  "disk-read",
  "disk-write",
  "disk-gone",
  "network",
  "no-source",
  "damaged",
  "out-of-memory",
  "out-of-space",
  "partition-table",
  "grow",
  "boot-entry",
  "injection",
  "verification",
  "agent-lost",
  "cancelled",
  "job-stopped",
  "machine-removed",
  "internal",
] as const;
/** One of {@link TASK_ERRORS}. */
export type TaskErrorCode = (typeof TASK_ERRORS)[number];

/** What stopped a task. */
export interface TaskError {
  readonly code: TaskErrorCode;
  /** One sentence: what, where, got, expected. */
  readonly message: string;
  /** The first sector, of 512 bytes, that could not be read or written. */
  readonly sector?: number | undefined;
  /** What the disk says of itself by SMART, as text. */
  readonly smart?: string | undefined;
}

/** How far a task is. Counted over all attempts that resumed one another. */
export interface TaskProgress {
  /** What there is to do in all, in plain bytes. 0: not known yet. */
  readonly totalBytes: number;
  /** In place and verified. */
  readonly doneBytes: number;
  /** Where they came from, as transferred: `local` was there already and did not travel. */
  readonly bytes: {
    readonly seed: number;
    readonly peers: number;
    readonly multicast: number;
    readonly local: number;
  };
  /** Now, averaged over some seconds. */
  readonly bytesPerSecond: number;
  /** Chunks whose digest was computed and right. */
  readonly hashesVerified: number;
  /** Requests that had to be made again. */
  readonly retries: number;
  /** Errors that did not end the task: wrong bytes, broken connections, lost packets that were given up. */
  readonly errors: number;
}

/** Before anything is known. */
export const NO_PROGRESS: TaskProgress = {
  totalBytes: 0,
  doneBytes: 0,
  bytes: { seed: 0, peers: 0, multicast: 0, local: 0 },
  bytesPerSecond: 0,
  hashesVerified: 0,
  retries: 0,
  errors: 0,
};

/** Schema of {@link JobKind}. */
export const jobKindSchema: z.ZodType<JobKind> = z.enum(JOB_KINDS).meta({ id: "JobKind" });
/** Schema of {@link DeployMethod}. */
export const deployMethodSchema: z.ZodType<DeployMethod> = z.enum(DEPLOY_METHODS).meta({ id: "DeployMethod" });
/** Schema of {@link TaskState}. */
export const taskStateSchema: z.ZodType<TaskState> = z.enum(TASK_STATES).meta({ id: "TaskState" });

/** Schema of {@link TaskError}. */
export const taskErrorSchema: z.ZodType<TaskError> = z
  .object({
    code: z.enum(TASK_ERRORS),
    message: z.string().max(MAX_TEXT_LENGTH * 2),
    sector: amountSchema.optional(),
    smart: z
      .string()
      .max(16 * 1024)
      .optional(),
  })
  .meta({ id: "TaskError" });

/** Schema of {@link TaskProgress}. */
export const taskProgressSchema: z.ZodType<TaskProgress> = z
  .object({
    totalBytes: amountSchema,
    doneBytes: amountSchema,
    bytes: z.object({ seed: amountSchema, peers: amountSchema, multicast: amountSchema, local: amountSchema }),
    bytesPerSecond: amountSchema,
    hashesVerified: amountSchema,
    retries: amountSchema,
    errors: amountSchema,
  })
  .meta({ id: "TaskProgress" });
