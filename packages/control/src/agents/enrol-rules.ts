import { AGENT_LOST_SECONDS, type AgentState, type EnrolmentMode } from "@ingot/api";
import type { TokenUse } from "./agent-tokens.ts";

/** An agent that has been there for less than this when another one claims its machine is as new as that one. */
const NEWCOMER_MS: number = 60_000;

/** What the decision depends on. */
export interface EnrolFacts {
  readonly nowMs: number;
  readonly mode: EnrolmentMode;
  /** What is known of this agent; absent at its first word. */
  readonly agent: { readonly state: AgentState; readonly isApproved: boolean; readonly sinceMs: number } | undefined;
  /** What its token came to; absent where it showed none. */
  readonly token: TokenUse | undefined;
  /** Somebody let its machine in before, and that holds for this agent too. */
  readonly isVouchedFor: boolean;
  /** Another computer booted as the same machine after this one did, or is in quarantine for being it. */
  readonly hasRival: boolean;
  /** Another computer booted as the same machine just before this one did, and may be about to come. */
  readonly hasForerunner: boolean;
  /** Another agent that is enrolled for the machine that this one says to be. */
  readonly holder:
    | {
        readonly heardMs: number;
        readonly sinceMs: number;
        /** The same computer has started again since it was heard: it is gone. */
        readonly hasRestarted: boolean;
      }
    | undefined;
}

/** What becomes of an agent that asks to be let in. */
export type EnrolDecision =
  /** `replaces`: the machine's agent of before has fallen silent and gives way. */
  | { readonly kind: "enrol"; readonly replaces: boolean }
  | { readonly kind: "wait"; readonly reason: "approval" | "identity-check" }
  | { readonly kind: "refuse"; readonly reason: "token-missing" | "token-wrong" | "revoked" }
  /** Two live agents say that they are one machine. `both`: the other one is as new. */
  | { readonly kind: "quarantine"; readonly both: boolean };

/**
 * Who is let in. An agent in memory makes itself a new key at every start, so a machine that was reset comes back as somebody else:
 * it takes its machine over once the agent of before has been silent long enough, or at once where the server saw it start. While that one is still heard, two
 * computers say that they are one machine; whoever was there before stays.
 */
export function decideEnrolment(facts: EnrolFacts): EnrolDecision {
  const { nowMs, mode, agent, token, isVouchedFor, hasRival, hasForerunner, holder } = facts;
  if (agent?.state === "revoked") return { kind: "refuse", reason: "revoked" };
  if (agent?.state === "enrolled") return { kind: "enrol", replaces: false };
  if (agent?.state === "quarantined") return { kind: "quarantine", both: false };
  if (agent?.isApproved !== true && !isVouchedFor) {
    if (mode === "token" && token !== "accepted") {
      return { kind: "refuse", reason: token === undefined ? "token-missing" : "token-wrong" };
    }
    if (mode === "approve" && token !== "accepted") return { kind: "wait", reason: "approval" };
  }
  // Seen before either has begun to write: the other one finds this one in quarantine.
  const sinceMs = agent?.sinceMs ?? nowMs;
  const both = holder !== undefined && sinceMs - holder.sinceMs < NEWCOMER_MS;
  if (hasRival) return { kind: "quarantine", both };
  if (holder === undefined)
    return hasForerunner ? { kind: "wait", reason: "identity-check" } : { kind: "enrol", replaces: false };
  if (holder.hasRestarted) return { kind: "enrol", replaces: true };
  if (holder.heardMs > sinceMs) return { kind: "quarantine", both };
  if (nowMs - holder.heardMs < AGENT_LOST_SECONDS * 1000) return { kind: "wait", reason: "identity-check" };
  return { kind: "enrol", replaces: true };
}

const codeLetters = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/** A code for a screen, `KQ7-M2X`: letters and digits that cannot be mistaken for each other. Six random bytes. */
export function codeOf(random: Uint8Array): string {
  const letters = [...random.subarray(0, 6)].map((byte) => codeLetters[byte % codeLetters.length] ?? "A").join("");
  return `${letters.slice(0, 3)}-${letters.slice(3)}`;
}
