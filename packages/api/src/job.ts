import { z } from "zod";
import {
  AFTER_TASK,
  type AfterTask,
  SKIPPABLE_CHECKS,
  type SkippableCheck,
  type TaskImage,
  taskImageSchema,
} from "./agent-task.ts";
import { diskRuleTextSchema } from "./disk-rule.ts";
import { MAX_INJECTED_CHARACTERS, MAX_INJECTED_FILES, MAX_JOB_TARGETS, MAX_TEXT_LENGTH, MAX_WAVES } from "./limits.ts";
import { imageReferenceTextSchema, nameSchema } from "./names.ts";
import {
  type DeployMethod,
  deployMethodSchema,
  type JobKind,
  jobKindSchema,
  TASK_STATES,
  type TaskError,
  taskErrorSchema,
  type TaskProgress,
  taskProgressSchema,
  type TaskState,
  taskStateSchema,
} from "./task.ts";
import { amountSchema, timeSchema } from "./values.ts";

/**
 * Where a job stands. `scheduled`: its time has not come. `stopped`: too many of its tasks failed, and none that had not begun
 * will. `failed`: it is over, and not every task is done. A job that is `paused` goes on with `resume`, one that is over with `retry`.
 */
export const JOB_STATES = ["scheduled", "running", "paused", "stopped", "done", "failed", "cancelled"] as const;
/** One of {@link JOB_STATES}. */
export type JobState = (typeof JOB_STATES)[number];

/** When tasks may begin: every day from `from` to `to` in the server's local time; over midnight where `to` is earlier. */
export interface ChangeWindow {
  /** `HH:MM`. */
  readonly from: string;
  readonly to: string;
}

/**
 * A file that is made for each machine from a template: `${name}`, `${number}` (the digits that its name ends with), `${id}`, `${mac}`,
 * `${uuid}`, `${serial}`, `${group}`, `${site}`, and `${hostname}`, are filled in. What is not known becomes empty.
 */
export interface FileTemplate {
  readonly path: string;
  readonly template: string;
  readonly partition?: number | undefined;
}

interface JobBase {
  /** Machines (id, name or MAC address) and groups; `machine:` or `group:` before a name that both have. */
  readonly to: readonly string[];
  /** 0 to 100; higher goes first. Default 50. */
  readonly priority?: number | undefined;
  /** Default: the machine's only internal disk. */
  readonly disk?: string | undefined;
  /** Not before this time. */
  readonly at?: string | undefined;
  readonly window?: ChangeWindow | undefined;
  /** Shares of the machines, in percent, ascending to 100: each wave begins when the one before is finished. Default: all at once. */
  readonly waves?: readonly number[] | undefined;
  /** The job stops when more than this share of the machines that had their turn failed, in percent. */
  readonly stopIfFailed?: number | undefined;
  /** Default `reboot`. */
  readonly after?: AfterTask | undefined;
  /** Switch on machines of which nothing is heard when their turn comes (Wake-on-LAN). Default true. */
  readonly wake?: boolean | undefined;
  /**
   * Restart machines whose own system runs with an agent, when their turn comes. Default: true for `deploy` and `wipe`, which end
   * that system anyway; false for `capture` and `verify`, which are then done beside it.
   */
  readonly restart?: boolean | undefined;
  readonly comment?: string | undefined;
}

/** Body of `POST /api/v1/jobs`: an operator's wish over many machines. */
export type CreateJob =
  | (JobBase & {
      readonly kind: "deploy";
      /** `NAME`, `NAME:VERSION` or `NAME:TAG`; which version that is, is decided now. */
      readonly image: string;
      /** Default `auto`. */
      readonly method?: DeployMethod | undefined;
      /** What one machine receives at most, in bytes a second. */
      readonly downloadBytesPerSecond?: number | undefined;
      /** What one machine sends to others at most, in bytes a second. */
      readonly uploadBytesPerSecond?: number | undefined;
      /** Default false. */
      readonly grow?: boolean | undefined;
      /** Write a host name into the new system: one made of a template as in files, or the machine's name. Default true. */
      readonly hostName?: boolean | string | undefined;
      readonly files?: readonly FileTemplate[] | undefined;
      readonly skipChecks?: readonly SkippableCheck[] | undefined;
      /** The first part of the image, in percent, that is divided among seeds before the first machine begins. */
      readonly preload?: number | undefined;
    })
  | (JobBase & {
      readonly kind: "capture";
      /** Name of the image that gets a new version. */
      readonly image: string;
      readonly uploadBytesPerSecond?: number | undefined;
    })
  | (JobBase & {
      readonly kind: "verify";
      /** Default: what was deployed to each machine last. */
      readonly image?: string | undefined;
      readonly repair?: boolean | undefined;
    })
  | (JobBase & {
      readonly kind: "wipe";
      /** Default `discard`. */
      readonly wipeMethod?: "discard" | "zero" | undefined;
    });

/** Something about a job that is worth a look: a machine that is slow, or a share of machines that failed. */
export interface JobAlert {
  readonly kind: "slow" | "failed";
  readonly at: string;
  /** The machine's id, where it is about one. */
  readonly machine?: string | undefined;
  /** One sentence for people. */
  readonly message: string;
}

/** An operator's wish over many machines. */
export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: JobState;
  /** Why it is in this state, as one sentence. */
  readonly reason: string;
  /** What is deployed or verified, where one version holds for all machines. */
  readonly image?: TaskImage | undefined;
  /** The image that a capture adds to. */
  readonly captureTo?: string | undefined;
  readonly method?: DeployMethod | undefined;
  /** The first part of the image, in percent, that seeds are to hold before the first machine begins. */
  readonly preload?: number | undefined;
  readonly priority: number;
  readonly createdAt: string;
  /** When its first task began. */
  readonly startedAt?: string | undefined;
  readonly finishedAt?: string | undefined;
  readonly at?: string | undefined;
  readonly window?: ChangeWindow | undefined;
  readonly waves: readonly number[];
  readonly stopIfFailed?: number | undefined;
  readonly comment?: string | undefined;
  readonly counts: Readonly<Record<TaskState, number>>;
  /** The newest ones, oldest of them first. */
  readonly alerts: readonly JobAlert[];
  /** Sum over its tasks; rates only of those that are under way. */
  readonly progress: TaskProgress;
}

/** One machine's part of a job. */
export interface Task {
  readonly id: string;
  readonly jobId: string;
  /** The machine's id; it may have been removed since. */
  readonly machine: string;
  readonly machineName: string;
  readonly state: TaskState;
  /** Why it is in this state, as one sentence. */
  readonly reason: string;
  /** From 1. */
  readonly wave: number;
  /** Counts up with each retry, from 1. */
  readonly attempt: number;
  readonly image?: TaskImage | undefined;
  readonly progress: TaskProgress;
  /** With `failed`, and `cancelled` where it was not an operator. */
  readonly error?: TaskError | undefined;
  /** What the agent says besides, for example which disk it chose; what a capture made. */
  readonly note?: string | undefined;
  readonly startedAt?: string | undefined;
  readonly finishedAt?: string | undefined;
  /** When its state last changed. */
  readonly changedAt: string;
}

const minutePattern = /^([01]\d|2[0-3]):[0-5]\d$/;
const minuteSchema: z.ZodType<string> = z.string().regex(minutePattern, "a time of day is HH:MM, 00:00 to 23:59");

/** Schema of {@link ChangeWindow}. */
export const changeWindowSchema: z.ZodType<ChangeWindow> = z
  .strictObject({ from: minuteSchema, to: minuteSchema })
  .refine(({ from, to }) => from !== to, "a window begins and ends at different times")
  .meta({ id: "ChangeWindow", description: "Every day, in the server's local time" });

const wavesSchema: z.ZodType<readonly number[]> = z
  .array(z.number().gt(0).max(100))
  .min(1)
  .max(MAX_WAVES)
  .refine(
    (waves) => waves.at(-1) === 100 && waves.every((share, index) => share > (waves[index - 1] ?? 0)),
    "waves ascend and end with 100, for example 10, 50, 100",
  );

const fileTemplateSchema: z.ZodType<FileTemplate> = z
  .strictObject({
    path: z
      .string()
      .max(500)
      .regex(/^\/(?!.*(^|\/)\.\.(\/|$))[^\0]*[^/\0]$/, "an absolute path without .."),
    template: z.string().max(MAX_INJECTED_CHARACTERS),
    partition: z.int().min(1).max(128).optional(),
  })
  .meta({ id: "FileTemplate" });

const rateSchema = z.int().min(1000).optional().meta({ description: "Bytes a second" });

const base = {
  to: z.array(z.string().min(1).max(200)).min(1).max(MAX_JOB_TARGETS),
  priority: z.int().min(0).max(100).optional(),
  disk: diskRuleTextSchema.optional(),
  at: timeSchema.optional(),
  window: changeWindowSchema.optional(),
  waves: wavesSchema.optional(),
  stopIfFailed: z.number().min(0).max(100).optional(),
  after: z.enum(AFTER_TASK).optional(),
  wake: z.boolean().optional(),
  restart: z.boolean().optional(),
  comment: z.string().max(MAX_TEXT_LENGTH).optional(),
};

/** Schema of {@link CreateJob}. Unknown keys are refused. */
export const createJobSchema: z.ZodType<CreateJob> = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("deploy"),
      ...base,
      image: imageReferenceTextSchema,
      method: deployMethodSchema.optional(),
      downloadBytesPerSecond: rateSchema,
      uploadBytesPerSecond: rateSchema,
      grow: z.boolean().optional(),
      hostName: z.union([z.boolean(), z.string().min(1).max(200)]).optional(),
      files: z.array(fileTemplateSchema).max(MAX_INJECTED_FILES).optional(),
      skipChecks: z.array(z.enum(SKIPPABLE_CHECKS)).optional(),
      preload: z.number().gt(0).max(100).optional(),
    }),
    z.strictObject({ kind: z.literal("capture"), ...base, image: nameSchema, uploadBytesPerSecond: rateSchema }),
    z.strictObject({
      kind: z.literal("verify"),
      ...base,
      image: imageReferenceTextSchema.optional(),
      repair: z.boolean().optional(),
    }),
    z.strictObject({ kind: z.literal("wipe"), ...base, wipeMethod: z.enum(["discard", "zero"]).optional() }),
  ])
  .meta({ id: "CreateJob" });

/** Schema of {@link JobState}. */
export const jobStateSchema: z.ZodType<JobState> = z.enum(JOB_STATES).meta({ id: "JobState" });

const jobAlertSchema: z.ZodType<JobAlert> = z
  .object({
    kind: z.enum(["slow", "failed"]),
    at: timeSchema,
    machine: z.string().optional(),
    message: z.string(),
  })
  .meta({ id: "JobAlert" });

/** Schema of {@link Job}. */
export const jobSchema: z.ZodType<Job> = z
  .object({
    id: z.string(),
    kind: jobKindSchema,
    state: jobStateSchema,
    reason: z.string(),
    image: taskImageSchema.optional(),
    captureTo: z.string().optional(),
    method: deployMethodSchema.optional(),
    preload: z.number().optional(),
    priority: z.int(),
    createdAt: timeSchema,
    startedAt: timeSchema.optional(),
    finishedAt: timeSchema.optional(),
    at: timeSchema.optional(),
    window: changeWindowSchema.optional(),
    waves: z.array(z.number()),
    stopIfFailed: z.number().optional(),
    comment: z.string().optional(),
    counts: z.record(z.enum(TASK_STATES), amountSchema),
    alerts: z.array(jobAlertSchema),
    progress: taskProgressSchema,
  })
  .meta({ id: "Job", description: "An operator's wish over many machines" });

/** Schema of {@link Task}. */
export const taskSchema: z.ZodType<Task> = z
  .object({
    id: z.string(),
    jobId: z.string(),
    machine: z.string(),
    machineName: z.string(),
    state: taskStateSchema,
    reason: z.string(),
    wave: z.int().positive(),
    attempt: z.int().positive(),
    image: taskImageSchema.optional(),
    progress: taskProgressSchema,
    error: taskErrorSchema.optional(),
    note: z.string().optional(),
    startedAt: timeSchema.optional(),
    finishedAt: timeSchema.optional(),
    changedAt: timeSchema,
  })
  .meta({ id: "Task", description: "One machine's part of a job" });
