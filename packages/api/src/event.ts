import { z } from "zod";
import { amountSchema, timeSchema } from "./values.ts";

/** Everything that is worth an entry in the history. */
export const EVENT_KINDS = [
  "server.started",
  "server.stopped",
  "service.failed",
  "settings.changed",
  "machine.registered",
  "machine.refused",
  "machine.clash",
  "machine.created",
  "machine.changed",
  "machine.removed",
  "machine.woken",
  "machine.restarted",
  "machine.booting",
  "machine.running",
  "machine.up",
  "machine.failed",
  "machine.off",
  "group.changed",
  "group.removed",
  "image.added",
  "image.tagged",
  "image.removed",
  "image.verified",
  "image.damaged",
  "disk.created",
  "disk.reset",
  "disk.removed",
  "disk.failed",
  "disk.refused",
  "agent.enrolled",
  "agent.waiting",
  "agent.refused",
  "agent.clash",
  "agent.replaced",
  "agent.revoked",
  "agent.expelled",
  "token.created",
  "token.replayed",
  "job.created",
  "job.preloaded",
  "job.running",
  "job.paused",
  "job.stopped",
  "job.cancelled",
  "job.retried",
  "job.done",
  "job.failed",
  "job.alert",
  "task.started",
  "task.lost",
  "task.done",
  "task.failed",
  "task.slow",
] as const;

/** One of {@link EVENT_KINDS}. */
export type EventKind = (typeof EVENT_KINDS)[number];

/** Something that happened. Named so because `Event` is the platform's. */
export interface IngotEvent {
  /** Ascending; the cursor of the history and the `Last-Event-ID` of the stream. */
  readonly id: number;
  readonly at: string;
  readonly kind: EventKind;
  /** The machine's id; it may have been removed since. */
  readonly machine?: string | undefined;
  /** `NAME` or `NAME:VERSION`. */
  readonly image?: string | undefined;
  /** One sentence for people. */
  readonly message: string;
  /** Facts for programs; what is here depends on `kind`. */
  readonly data?: Readonly<Record<string, string | number | boolean | null>> | undefined;
}

/** Schema of {@link EventKind}. */
export const eventKindSchema: z.ZodType<EventKind> = z.enum(EVENT_KINDS).meta({ id: "EventKind" });

/** Schema of {@link IngotEvent}. */
export const eventSchema: z.ZodType<IngotEvent> = z
  .object({
    id: amountSchema,
    at: timeSchema,
    kind: eventKindSchema,
    machine: z.string().optional(),
    image: z.string().optional(),
    message: z.string(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  })
  .meta({ id: "Event", description: "Something that happened" });
