import { z } from "zod";
import { nameSchema } from "./names.ts";
import { amountSchema, timeSchema } from "./values.ts";

/** What goes one way over a session: reads or writes. */
export interface SessionFlow {
  /** Since the session began. */
  readonly bytes: number;
  /** Since the session began. */
  readonly commands: number;
  /** Of the last few seconds. */
  readonly bytesPerSecond: number;
  /** Of the last few seconds, to one decimal. */
  readonly commandsPerSecond: number;
  /** Half of the commands of about the last half minute were answered within so many microseconds; absent where there were none. */
  readonly p50Us?: number | undefined;
  /** As `p50Us`, for 99 of 100 commands. */
  readonly p99Us?: number | undefined;
}

/** One iSCSI session that is open now. */
export interface Session {
  /** Never given to another session while the server runs. */
  readonly id: string;
  /** The id of the machine whose disk it is; absent for discovery sessions. */
  readonly machine?: string | undefined;
  readonly machineName?: string | undefined;
  /** What the machine's disk is over. */
  readonly image?: { readonly name: string; readonly version: number } | undefined;
  /** The initiator's iSCSI name, as it says itself. */
  readonly initiator: string;
  /** The initiator session id, 12 hexadecimal digits: tells apart several sessions of one initiator. */
  readonly isid: string;
  /** IQN of the target; absent for discovery sessions. */
  readonly target?: string | undefined;
  /** The address of the initiator. */
  readonly peer: string;
  /** Address and port of ours that it came in by. */
  readonly portal: string;
  readonly since: string;
  readonly read: SessionFlow;
  readonly write: SessionFlow;
  /** Commands that neither read nor wrote, since the session began. */
  readonly otherCommands: number;
  /** Commands that did not end well, since the session began. Initiators try things out when they log in, so a few are usual. */
  readonly failedCommands: number;
  /** Commands that wait for their answer. */
  readonly openCommands: number;
  /** Bytes of answers that the initiator has not taken yet. */
  readonly queuedBytes: number;
  /** The worker thread that serves it. */
  readonly worker: number;
}

const flowSchema: z.ZodType<SessionFlow> = z
  .object({
    bytes: amountSchema,
    commands: amountSchema,
    bytesPerSecond: amountSchema,
    commandsPerSecond: z.number().min(0),
    p50Us: amountSchema.optional(),
    p99Us: amountSchema.optional(),
  })
  .meta({ id: "SessionFlow", description: "Reads or writes of a session" });

/** Schema of {@link Session}. */
export const sessionSchema: z.ZodType<Session> = z
  .object({
    id: z.string(),
    machine: z.string().optional(),
    machineName: nameSchema.optional(),
    image: z.object({ name: nameSchema, version: z.int().positive() }).optional(),
    initiator: z.string(),
    isid: z.string(),
    target: z.string().optional(),
    peer: z.string(),
    portal: z.string(),
    since: timeSchema,
    read: flowSchema,
    write: flowSchema,
    otherCommands: amountSchema,
    failedCommands: amountSchema,
    openCommands: amountSchema,
    queuedBytes: amountSchema,
    worker: amountSchema,
  })
  .meta({ id: "Session", description: "An iSCSI session that is open now" });
