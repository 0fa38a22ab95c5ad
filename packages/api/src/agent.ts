import { z } from "zod";
import { type AgentInventory, agentInventorySchema } from "./agent-inventory.ts";
import { type AgentTask, agentTaskSchema } from "./agent-task.ts";
import { MAX_TEXT_LENGTH } from "./limits.ts";
import { type TaskError, taskErrorSchema, type TaskProgress, taskProgressSchema } from "./task.ts";
import { amountSchema, timeSchema } from "./values.ts";

/** Where agents ask, under the server's own address. */
export const AGENT_BASE_PATH: string = "/agent/v1";

/** How often an agent says that it is there, in seconds, unless an answer says otherwise. */
export const HEARTBEAT_SECONDS: number = 10;

/** An agent that was not heard for this long is lost, in seconds: its task waits for its return. */
export const AGENT_LOST_SECONDS: number = 30;

/**
 * What an agent is for. `machine`: it stands for a machine of the inventory and does its tasks. `peer`: it only takes part in
 * swarms (`ingot agent pull`, `serve`); any number may run on one computer.
 */
export type AgentRole = "machine" | "peer";

/**
 * Body of `POST /agent/v1/enrol`. The agent is known by the fingerprint of the key it proved at the TLS handshake; asking again with the same
 * key gives the same answer, so it is asked at every start, and again after `retryAfterSeconds` while the answer is `waiting`.
 */
export interface EnrolRequest {
  readonly role: AgentRole;
  readonly inventory: AgentInventory;
  /** A one-time token, where the server asks for one. */
  readonly token?: string | undefined;
}

/** Why an agent has to wait or is turned away. */
export type EnrolReason =
  /** Somebody has to type `ingot machine approve CODE`. */
  | "approval"
  /** Another agent says that it is this machine; a few seconds show whether it is still there. */
  | "identity-check"
  /** It is: two computers say that they are one machine. `ingot machine approve CODE` decides for this one. */
  | "identity-clash"
  /** The server asks for a token and there was none. */
  | "token-missing"
  /** Not a token of this server, out of date, or used before. */
  | "token-wrong"
  | "registration-closed"
  /** Too many agents. */
  | "full"
  /** An operator turned it away. */
  | "revoked";

/** Answer of `POST /agent/v1/enrol`. */
export type EnrolAnswer =
  | {
      readonly state: "enrolled";
      readonly agentId: string;
      /** Only for the role `machine`. */
      readonly machineId?: string | undefined;
      readonly machineName?: string | undefined;
      /** The Ed25519 key that signs manifests and tickets: 64 lower-case hex digits. Pinned by the agent from now on. */
      readonly signingKey: string;
      readonly serverTime: string;
    }
  | {
      readonly state: "waiting";
      readonly reason: EnrolReason;
      /** To be shown on the machine's screen, where somebody can act on it. */
      readonly code?: string | undefined;
      readonly message: string;
      readonly retryAfterSeconds: number;
    }
  | {
      readonly state: "refused";
      readonly reason: EnrolReason;
      readonly code?: string | undefined;
      readonly message: string;
      readonly retryAfterSeconds: number;
    };

/** Body of `POST /agent/v1/heartbeat`. */
export interface HeartbeatRequest {
  /** `leaving`: the last one; the machine goes down or reboots, and whoever comes next in its name is no clash. */
  readonly state: "idle" | "working" | "leaving";
  /** What it works on. */
  readonly taskId?: string | undefined;
  readonly progress?: TaskProgress | undefined;
  /** Only where it changed. */
  readonly inventory?: AgentInventory | undefined;
  /** Whoever installed it allows that the server restarts the machine for a job. The agent's own system need not say so. */
  readonly mayRestart?: boolean | undefined;
}

/** Answer of `POST /agent/v1/heartbeat`. */
export interface HeartbeatAnswer {
  readonly serverTime: string;
  /** When to ask again, in seconds. Shorter while the machine waits for something. */
  readonly intervalSeconds: number;
  /** What to do. Absent: go on with what is being done. The same task as before MUST be taken as going on, not as starting again. */
  readonly task?: AgentTask | undefined;
  /** The task to stop: everything that is verified stays, nothing more is written. It is given again when it is to go on. */
  readonly stop?: { readonly taskId: string; readonly reason: "paused" | "cancelled" | "lost" } | undefined;
  /** The machine's own system is to restart, and the machine to start from the network: a job needs it. Told until the agent has said `leaving`. */
  readonly restart?: { readonly jobId: string; readonly reason: string } | undefined;
  /** What stands on the machine's screen while it waits: its task's state and reason. */
  readonly notice?: string | undefined;
}

/** Body of `POST /agent/v1/tasks/{id}/report`: sent on every change of state, and at least every few seconds between. */
export interface TaskReport {
  readonly state: "preparing" | "filling" | "finishing" | "done" | "failed";
  readonly progress: TaskProgress;
  /** With `failed`, and only then. */
  readonly error?: TaskError | undefined;
  /** One sentence for people, for example which disk was chosen. */
  readonly note?: string | undefined;
}

/** Answer of `POST /agent/v1/tasks/{id}/report`. */
export interface TaskReportAnswer {
  readonly stop?: HeartbeatAnswer["stop"];
}

/** Answer of `GET /agent/v1/images/{reference}`: which version is meant, and the proof that this server vouches for it. */
export interface AgentImage {
  readonly name: string;
  readonly version: number;
  readonly manifestId: string;
  /** Ed25519 signature of the manifest's identity, 64 bytes in hexadecimal. Absent: not signed; nothing may be written from it. */
  readonly signature?: string | undefined;
  readonly sizeBytes: number;
  readonly dataBytes: number;
}

/** A one-time token as text: what is hashed is exactly this. */
const tokenSchema: z.ZodType<string> = z.string().min(16).max(128);

/** Schema of {@link EnrolRequest}. */
export const enrolRequestSchema: z.ZodType<EnrolRequest> = z
  .object({ role: z.enum(["machine", "peer"]), inventory: agentInventorySchema, token: tokenSchema.optional() })
  .meta({ id: "EnrolRequest" });

const enrolReasonSchema: z.ZodType<EnrolReason> = z.enum([
  "approval",
  "identity-check",
  "identity-clash",
  "token-missing",
  "token-wrong",
  "registration-closed",
  "full",
  "revoked",
]);

const turnedAway = {
  reason: enrolReasonSchema,
  code: z.string().max(32).optional(),
  message: z.string(),
  retryAfterSeconds: amountSchema,
};

/** Schema of {@link EnrolAnswer}. */
export const enrolAnswerSchema: z.ZodType<EnrolAnswer> = z
  .discriminatedUnion("state", [
    z.object({
      state: z.literal("enrolled"),
      agentId: z.string(),
      machineId: z.string().optional(),
      machineName: z.string().optional(),
      signingKey: z.string().regex(/^[0-9a-f]{64}$/),
      serverTime: timeSchema,
    }),
    z.object({ state: z.literal("waiting"), ...turnedAway }),
    z.object({ state: z.literal("refused"), ...turnedAway }),
  ])
  .meta({ id: "EnrolAnswer" });

const taskIdSchema: z.ZodType<string> = z.string().min(1).max(64);

/** Schema of {@link HeartbeatRequest}. */
export const heartbeatRequestSchema: z.ZodType<HeartbeatRequest> = z
  .object({
    state: z.enum(["idle", "working", "leaving"]),
    taskId: taskIdSchema.optional(),
    progress: taskProgressSchema.optional(),
    inventory: agentInventorySchema.optional(),
    mayRestart: z.boolean().optional(),
  })
  .meta({ id: "HeartbeatRequest" });

const stopSchema: z.ZodType<HeartbeatAnswer["stop"]> = z
  .object({ taskId: taskIdSchema, reason: z.enum(["paused", "cancelled", "lost"]) })
  .optional();

/** Schema of {@link HeartbeatAnswer}. */
export const heartbeatAnswerSchema: z.ZodType<HeartbeatAnswer> = z
  .object({
    serverTime: timeSchema,
    intervalSeconds: z.int().min(1).max(3600),
    task: agentTaskSchema.optional(),
    stop: stopSchema,
    restart: z.object({ jobId: z.string(), reason: z.string() }).optional(),
    notice: z.string().optional(),
  })
  .meta({ id: "HeartbeatAnswer" });

/** Schema of {@link TaskReport}. */
export const taskReportSchema: z.ZodType<TaskReport> = z
  .object({
    state: z.enum(["preparing", "filling", "finishing", "done", "failed"]),
    progress: taskProgressSchema,
    error: taskErrorSchema.optional(),
    note: z.string().max(MAX_TEXT_LENGTH).optional(),
  })
  .refine((report) => (report.state === "failed") === (report.error !== undefined), "error: with failed, and only then")
  .meta({ id: "TaskReport" });

/** Schema of {@link TaskReportAnswer}. */
export const taskReportAnswerSchema: z.ZodType<TaskReportAnswer> = z
  .object({ stop: stopSchema })
  .meta({ id: "TaskReportAnswer" });

/** Schema of {@link AgentImage}. */
export const agentImageSchema: z.ZodType<AgentImage> = z
  .object({
    name: z.string(),
    version: z.int().positive(),
    manifestId: z.string().regex(/^[0-9a-f]{64}$/),
    signature: z
      .string()
      .regex(/^[0-9a-f]{128}$/)
      .optional(),
    sizeBytes: amountSchema,
    dataBytes: amountSchema,
  })
  .meta({ id: "AgentImage" });
