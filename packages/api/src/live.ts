import { z } from "zod";
import { type Disk, diskSchema } from "./disk.ts";
import { eventSchema, type IngotEvent } from "./event.ts";
import { type Group, groupSchema } from "./group.ts";
import { type Image, imageSchema } from "./image.ts";
import { type Job, jobSchema, type Task, taskSchema } from "./job.ts";
import { type Machine, machineSchema } from "./machine.ts";
import { type Session, sessionSchema } from "./session.ts";
import { type Status, statusSchema } from "./status.ts";

/**
 * One message of `GET /api/v1/events/stream` (server-sent events). The SSE field `event` repeats `type`, `data` is this
 * object as JSON. Only `event` messages have an SSE `id`: a reader that comes back with `Last-Event-ID` gets the events it
 * missed, and after each `hello` it asks for the lists again, because changes of objects are not kept.
 *
 * A reader that is too slow gets, for each object, only its newest state.
 */
export type LiveMessage =
  | {
      readonly type: "hello";
      /** Version of the server; a page that was built for another one reloads itself. */
      readonly version: string;
      readonly at: string;
      readonly lastEventId: number;
    }
  | { readonly type: "machine"; readonly machine: Machine }
  | { readonly type: "group"; readonly group: Group }
  | { readonly type: "disk"; readonly disk: Disk }
  | { readonly type: "image"; readonly image: Image }
  | { readonly type: "event"; readonly event: IngotEvent }
  | { readonly type: "status"; readonly status: Status }
  | { readonly type: "job"; readonly job: Job }
  | { readonly type: "task"; readonly task: Task }
  /** Once every few seconds: sessions that are new or whose figures changed, and the ids of those that are over. */
  | { readonly type: "sessions"; readonly sessions: readonly Session[]; readonly ended: readonly string[] }
  /** `id`: the machine's id (also for its disk), the name of the group or image. */
  | { readonly type: "removed"; readonly what: "machine" | "group" | "disk" | "image"; readonly id: string };

/** Schema of {@link LiveMessage}. */
export const liveMessageSchema: z.ZodType<LiveMessage> = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("hello"), version: z.string(), at: z.string(), lastEventId: z.int() }),
    z.object({ type: z.literal("machine"), machine: machineSchema }),
    z.object({ type: z.literal("group"), group: groupSchema }),
    z.object({ type: z.literal("disk"), disk: diskSchema }),
    z.object({ type: z.literal("image"), image: imageSchema }),
    z.object({ type: z.literal("event"), event: eventSchema }),
    z.object({ type: z.literal("status"), status: statusSchema }),
    z.object({ type: z.literal("job"), job: jobSchema }),
    z.object({ type: z.literal("task"), task: taskSchema }),
    z.object({ type: z.literal("sessions"), sessions: z.array(sessionSchema), ended: z.array(z.string()) }),
    z.object({ type: z.literal("removed"), what: z.enum(["machine", "group", "disk", "image"]), id: z.string() }),
  ])
  .meta({ id: "LiveMessage", description: "One message of the event stream" });
