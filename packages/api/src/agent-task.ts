import { z } from "zod";
import { type DiskRule, diskRuleSchema } from "./disk-rule.ts";
import { MAX_INJECTED_CHARACTERS, MAX_INJECTED_FILES } from "./limits.ts";
import { type DeployMethod, deployMethodSchema } from "./task.ts";

/** One version of an image, as tasks name it. */
export interface TaskImage {
  readonly name: string;
  readonly version: number;
  readonly manifestId: string;
}

/** Checks before the first write that an operator may have switched off for a job. */
export const SKIPPABLE_CHECKS = [
  "firmware-mode",
  "battery-low",
  "disk-failing",
  "bitlocker",
  "raid-member",
  "disk-in-use",
] as const;
/** One of {@link SKIPPABLE_CHECKS}. */
export type SkippableCheck = (typeof SKIPPABLE_CHECKS)[number];

/** What the machine does when the task is done. */
export const AFTER_TASK = ["reboot", "poweroff", "stay"] as const;
/** One of {@link AFTER_TASK}. */
export type AfterTask = (typeof AFTER_TASK)[number];

/** A file that is written into the new system. */
export interface InjectedFile {
  /** Absolute path in the file system of `partition`. */
  readonly path: string;
  readonly content: string;
  /** Number of the partition; absent: the one that holds the operating system. */
  readonly partition?: number | undefined;
}

interface TaskBase {
  readonly taskId: string;
  readonly jobId: string;
  readonly after: AfterTask;
}

/** Fill a disk with a version of an image. */
export interface DeployTask extends TaskBase {
  readonly kind: "deploy";
  readonly image: TaskImage;
  readonly disk: DiskRule;
  readonly method: DeployMethod;
  readonly rates: {
    readonly downloadBytesPerSecond?: number | undefined;
    readonly uploadBytesPerSecond?: number | undefined;
  };
  readonly skipChecks: readonly SkippableCheck[];
  /** Grow the last partition and its file system to the disk's end. */
  readonly grow: boolean;
  /** Written into the new system. */
  readonly hostName?: string | undefined;
  /** What the machine was given last: what of it is in place is not sent again. */
  readonly previousManifestId?: string | undefined;
  readonly finish: {
    /** Make a firmware boot entry (UEFI) and put it first. */
    readonly bootEntry: boolean;
    readonly files: readonly InjectedFile[];
  };
}

/** Read a disk and send it as a new version of an image: `POST /agent/v1/captures/{taskId}`. */
export interface CaptureTask extends TaskBase {
  readonly kind: "capture";
  /** Name of the image that gets a new version. */
  readonly name: string;
  readonly disk: DiskRule;
  readonly rates: { readonly uploadBytesPerSecond?: number | undefined };
}

/** Read a disk again and compare it with a version of an image. */
export interface VerifyTask extends TaskBase {
  readonly kind: "verify";
  readonly image: TaskImage;
  readonly disk: DiskRule;
  /** Write what is damaged again, and nothing else. Otherwise damage fails the task with `damaged`; what cannot be told always does. */
  readonly repair: boolean;
}

/** Erase a disk. */
export interface WipeTask extends TaskBase {
  readonly kind: "wipe";
  readonly disk: DiskRule;
  /** `discard`: give every block back, zeros where the disk does not do that; `zero`: write zeros everywhere. */
  readonly method: "discard" | "zero";
}

/** Nothing to do. */
export interface IdleTask {
  readonly kind: "idle";
  /** What to do with the machine meanwhile. */
  readonly after: AfterTask;
}

/** What a machine is to do. */
export type AgentTask = DeployTask | CaptureTask | VerifyTask | WipeTask | IdleTask;

const manifestIdSchema: z.ZodType<string> = z.string().regex(/^[0-9a-f]{64}$/);
const rateSchema: z.ZodType<number | undefined> = z.int().positive().optional();

/** Schema of {@link TaskImage}. */
export const taskImageSchema: z.ZodType<TaskImage> = z.object({
  name: z.string(),
  version: z.int().positive(),
  manifestId: manifestIdSchema,
});

/** Schema of {@link InjectedFile}. */
export const injectedFileSchema: z.ZodType<InjectedFile> = z
  .object({
    path: z
      .string()
      .max(500)
      .regex(/^\/(?!.*(^|\/)\.\.(\/|$))[^\0]*[^/\0]$/, "an absolute path without .."),
    content: z.string().max(MAX_INJECTED_CHARACTERS * 2),
    partition: z.int().min(1).max(128).optional(),
  })
  .meta({ id: "InjectedFile" });

const base = { taskId: z.string(), jobId: z.string(), after: z.enum(AFTER_TASK) };

/** Schema of {@link AgentTask}. */
export const agentTaskSchema: z.ZodType<AgentTask> = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("deploy"),
      ...base,
      image: taskImageSchema,
      disk: diskRuleSchema,
      method: deployMethodSchema,
      rates: z.object({ downloadBytesPerSecond: rateSchema, uploadBytesPerSecond: rateSchema }),
      skipChecks: z.array(z.enum(SKIPPABLE_CHECKS)),
      grow: z.boolean(),
      hostName: z.string().optional(),
      previousManifestId: manifestIdSchema.optional(),
      finish: z.object({ bootEntry: z.boolean(), files: z.array(injectedFileSchema).max(MAX_INJECTED_FILES) }),
    }),
    z.object({
      kind: z.literal("capture"),
      ...base,
      name: z.string(),
      disk: diskRuleSchema,
      rates: z.object({ uploadBytesPerSecond: rateSchema }),
    }),
    z.object({ kind: z.literal("verify"), ...base, image: taskImageSchema, disk: diskRuleSchema, repair: z.boolean() }),
    z.object({ kind: z.literal("wipe"), ...base, disk: diskRuleSchema, method: z.enum(["discard", "zero"]) }),
    z.object({ kind: z.literal("idle"), after: z.enum(AFTER_TASK) }),
  ])
  .meta({ id: "AgentTask", description: "What a machine is to do" });
