import { z } from "zod";
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from "./limits.ts";
import { type Agent, agentSchema, type AgentToken, agentTokenSchema } from "./agent-admin.ts";
import { type Disk, diskSchema } from "./disk.ts";
import { eventSchema, type IngotEvent } from "./event.ts";
import { type Group, groupSchema } from "./group.ts";
import { type Image, imageSchema } from "./image.ts";
import { type Job, jobSchema, type Task, taskSchema } from "./job.ts";
import { type Machine, machineSchema } from "./machine.ts";
import { type Session, sessionSchema } from "./session.ts";

/** One page of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Give it back as `cursor` for the next page; absent on the last one. */
  readonly nextCursor?: string | undefined;
  /** Entries of the whole list, over all pages. */
  readonly total: number;
}

function pageOf<Item>(id: string, item: z.ZodType<Item>): z.ZodType<Page<Item>> {
  return z
    .object({ items: z.array(item), nextCursor: z.string().optional(), total: z.int().min(0) })
    .meta({ id }) as z.ZodType<Page<Item>>;
}

/** A page of machines, by name. */
export const machinePageSchema: z.ZodType<Page<Machine>> = pageOf("MachinePage", machineSchema);
/** A page of groups, by name. */
export const groupPageSchema: z.ZodType<Page<Group>> = pageOf("GroupPage", groupSchema);
/** A page of images, by name. */
export const imagePageSchema: z.ZodType<Page<Image>> = pageOf("ImagePage", imageSchema);
/** A page of disks, by the machine's name. */
export const diskPageSchema: z.ZodType<Page<Disk>> = pageOf("DiskPage", diskSchema);
/** A page of sessions, in the order in which they began. */
export const sessionPageSchema: z.ZodType<Page<Session>> = pageOf("SessionPage", sessionSchema);
/** A page of events, oldest first. */
export const eventPageSchema: z.ZodType<Page<IngotEvent>> = pageOf("EventPage", eventSchema);
/** A page of jobs, newest first. */
export const jobPageSchema: z.ZodType<Page<Job>> = pageOf("JobPage", jobSchema);
/** A page of a job's tasks, by wave and machine. */
export const taskPageSchema: z.ZodType<Page<Task>> = pageOf("TaskPage", taskSchema);
/** A page of agents, by id. */
export const agentPageSchema: z.ZodType<Page<Agent>> = pageOf("AgentPage", agentSchema);
/** A page of tokens, newest first. */
export const agentTokenPageSchema: z.ZodType<Page<AgentToken>> = pageOf("AgentTokenPage", agentTokenSchema);

/** Which page of a list is wanted. */
export interface PageQuery {
  /** Entries per page. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The query parameters that every list takes; to be extended by the list's own filters. */
export const pageQueryShape: { readonly limit: z.ZodType<number>; readonly cursor: z.ZodType<string | undefined> } = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_PAGE_SIZE)
    .default(DEFAULT_PAGE_SIZE)
    .meta({ description: "Entries per page" }),
  cursor: z.string().max(200).optional().meta({ description: "`nextCursor` of the page before" }),
};
