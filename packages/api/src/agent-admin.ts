import { z } from "zod";
import type { AgentRole } from "./agent.ts";
import { type AgentInventory, agentInventorySchema } from "./agent-inventory.ts";
import { MAX_TEXT_LENGTH } from "./limits.ts";
import { timeSchema } from "./values.ts";

/** Who is let in when an agent asks for the first time. */
export const ENROLMENT_MODES = ["open", "approve", "token"] as const;
/** One of {@link ENROLMENT_MODES}. */
export type EnrolmentMode = (typeof ENROLMENT_MODES)[number];

/**
 * Where an agent stands. `quarantined`: another agent says that it is the same machine. `replaced`: its machine has another agent
 * now. `revoked`: an operator turned it away.
 */
export const AGENT_STATES = ["waiting", "enrolled", "quarantined", "replaced", "revoked"] as const;
/** One of {@link AGENT_STATES}. */
export type AgentState = (typeof AGENT_STATES)[number];

/** A program on a machine that has proved a key. */
export interface Agent {
  readonly id: string;
  readonly state: AgentState;
  /** Why it is in this state, as one sentence. */
  readonly reason: string;
  readonly role: AgentRole;
  /** SHA-256 of its public key. */
  readonly fingerprint: string;
  /** The machine's id; absent for peers, and while it waits. */
  readonly machine?: string | undefined;
  readonly machineName?: string | undefined;
  /** What stands on its screen while it waits or is quarantined. */
  readonly code?: string | undefined;
  readonly address?: string | undefined;
  /** Heard within the last half minute. */
  readonly isLive: boolean;
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly inventory: AgentInventory;
}

/** Body of `POST /api/v1/agents/approve`. */
export interface ApproveAgent {
  /** The code on the machine's screen, the machine's name, or the agent's id. */
  readonly who: string;
}

/** Body of `POST /api/v1/agent-tokens`. */
export interface CreateAgentToken {
  /** Default 24 hours. */
  readonly lifeSeconds?: number | undefined;
  readonly comment?: string | undefined;
}

/** A one-time token. */
export interface AgentToken {
  readonly id: string;
  /** Only in the answer that made it: the server keeps its hash. */
  readonly token?: string | undefined;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly usedAt?: string | undefined;
  /** The agent that came in with it. */
  readonly usedBy?: string | undefined;
  readonly comment?: string | undefined;
}

/** Schema of {@link EnrolmentMode}. */
export const enrolmentModeSchema: z.ZodType<EnrolmentMode> = z.enum(ENROLMENT_MODES).meta({ id: "EnrolmentMode" });

/** Schema of {@link Agent}. */
export const agentSchema: z.ZodType<Agent> = z
  .object({
    id: z.string(),
    state: z.enum(AGENT_STATES),
    reason: z.string(),
    role: z.enum(["machine", "peer"]),
    fingerprint: z.string(),
    machine: z.string().optional(),
    machineName: z.string().optional(),
    code: z.string().optional(),
    address: z.string().optional(),
    isLive: z.boolean(),
    createdAt: timeSchema,
    lastSeenAt: timeSchema,
    inventory: agentInventorySchema,
  })
  .meta({ id: "Agent", description: "A program on a machine that has proved a key" });

/** Schema of {@link ApproveAgent}. */
export const approveAgentSchema: z.ZodType<ApproveAgent> = z
  .strictObject({ who: z.string().min(1).max(100) })
  .meta({ id: "ApproveAgent" });

/** Schema of {@link CreateAgentToken}. */
export const createAgentTokenSchema: z.ZodType<CreateAgentToken> = z
  .strictObject({
    lifeSeconds: z
      .int()
      .min(60)
      .max(366 * 86_400)
      .optional(),
    comment: z.string().max(MAX_TEXT_LENGTH).optional(),
  })
  .meta({ id: "CreateAgentToken" });

/** Schema of {@link AgentToken}. */
export const agentTokenSchema: z.ZodType<AgentToken> = z
  .object({
    id: z.string(),
    token: z.string().optional(),
    createdAt: timeSchema,
    expiresAt: timeSchema,
    usedAt: timeSchema.optional(),
    usedBy: z.string().optional(),
    comment: z.string().optional(),
  })
  .meta({ id: "AgentToken" });
