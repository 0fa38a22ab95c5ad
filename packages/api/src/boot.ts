import { z } from "zod";
import { amountSchema, timeSchema } from "./values.ts";

/**
 * The stages of a boot, in the order in which a healthy machine passes them. Not every boot has them all: UEFI HTTP boot has
 * no `tftp`, a local boot ends after `script`. `failed` may follow any other;
 * it goes away again when the boot comes further after all.
 *
 * | stage | what was seen |
 * |---|---|
 * | `dhcp` | a DHCP request of a network boot program was answered |
 * | `tftp`, `http` | a boot program was read by TFTP or HTTP |
 * | `script` | the boot program asked for its script |
 * | `iscsi` | the firmware or iPXE logged in to its disk |
 * | `read` | the first bytes were read from the disk |
 * | `os` | a second initiator logged in: the operating system has taken over the disk |
 * | `up` | the operating system reported that it is up |
 * | `failed` | this boot will not come further; `failure` says why |
 */
export const BOOT_STAGES = ["dhcp", "tftp", "http", "script", "iscsi", "read", "os", "up", "failed"] as const;

/** One of {@link BOOT_STAGES}. */
export type BootStage = (typeof BOOT_STAGES)[number];

/** A stage that one boot has reached. */
export interface BootStageEntry {
  readonly stage: BootStage;
  /** When the stage was first seen. */
  readonly at: string;
  /** What exactly was seen, for people: the file's name, the initiator's name. */
  readonly detail?: string | undefined;
}

/** What one machine did from power-on to running. */
export interface BootTimeline {
  /** Counts up by one for each boot of this machine; the first boot is 1. */
  readonly bootId: number;
  readonly startedAt: string;
  /** Each stage at most once, in the order in which they were seen. */
  readonly stages: readonly BootStageEntry[];
  /** Read from the disk since this boot began, over all sessions. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Why the boot failed; only together with the stage `failed`. */
  readonly failure?: string | undefined;
}

/** Schema of {@link BootStage}. */
export const bootStageSchema: z.ZodType<BootStage> = z.enum(BOOT_STAGES).meta({ id: "BootStage" });

/** Schema of {@link BootTimeline}. */
export const bootTimelineSchema: z.ZodType<BootTimeline> = z
  .object({
    bootId: amountSchema,
    startedAt: timeSchema,
    stages: z
      .array(z.object({ stage: bootStageSchema, at: timeSchema, detail: z.string().optional() }))
      .max(BOOT_STAGES.length),
    bytesRead: amountSchema,
    bytesWritten: amountSchema,
    failure: z.string().optional(),
  })
  .meta({ id: "BootTimeline", description: "What a machine did from power-on to running" });
