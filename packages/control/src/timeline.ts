import {
  type BootPlan,
  type BootStage,
  type BootTimeline,
  type EventKind,
  isAgentPlan,
  type MachineState,
} from "@ingot/api";
import { timeText } from "./clock.ts";

/** A machine that neither moves nor leaves for this long while it boots has failed. */
export const STALL_AFTER_MS: number = 5 * 60_000;

/** A machine whose last session is gone for this long is off. Longer than the recovery time of an initiator that lost its connection. */
export const OFF_AFTER_MS: number = 30_000;

/** What is known of one machine's present boot. */
export interface BootState {
  readonly state: MachineState;
  readonly timeline: BootTimeline | undefined;
  /** iSCSI sessions open now. */
  readonly sessions: number;
  /** When the machine was last heard, in milliseconds. */
  readonly lastActivityMs: number;
  /** Who logged in first in this boot: what its second login is compared with. */
  readonly firstProgram: string | undefined;
}

/** Something that was seen of a machine's boot. */
export type BootFact =
  /** A request for a boot program was answered by DHCP. */
  | { readonly kind: "dhcp"; readonly detail: string }
  /** A boot program was read. */
  | { readonly kind: "file"; readonly protocol: "tftp" | "http"; readonly name: string }
  /** A script was given, for boot `bootId`; what it does is `plan`. */
  | { readonly kind: "script"; readonly bootId: number; readonly plan: BootPlan }
  /** A session was opened. `program` tells iSCSI implementations apart: the initiator's name and the authority part of its ISID. */
  | {
      readonly kind: "login";
      readonly bootId: number;
      readonly starts: boolean;
      readonly program: string;
      readonly initiator: string;
      readonly sessions: number;
    }
  /** A session was closed; so many are left. */
  | { readonly kind: "logout"; readonly sessions: number }
  /** Since the last fact of this kind so much was read and written in boot `bootId`. */
  | { readonly kind: "transfer"; readonly bootId: number; readonly bytesRead: number; readonly bytesWritten: number }
  /** The machine says so itself. */
  | { readonly kind: "report"; readonly state: "up" | "failed"; readonly detail: string | undefined }
  /** The server met something that ends this boot. */
  | { readonly kind: "failure"; readonly reason: string }
  /** Time passed. */
  | { readonly kind: "tick" };

/** What a fact leads to. */
export interface BootStep {
  readonly state: BootState;
  /** Worth an entry in the history. */
  readonly event?: { readonly kind: EventKind; readonly message: string } | undefined;
}

/** A machine that was never seen booting. */
export function initialBootState(state: MachineState, nowMs: number): BootState {
  return { state, timeline: undefined, sessions: 0, lastActivityMs: nowMs, firstProgram: undefined };
}

const preludeStages: readonly BootStage[] = ["dhcp", "tftp", "http"];

/**
 * The state after a fact. Pure; facts may come late, twice or not at all (a DHCP server that is not ours says nothing).
 *
 * Holds always: each stage is there at most once; the boot number never goes back; byte counts never go back within a boot;
 * `failure` is set exactly when the stage `failed` is there.
 */
export function reduceBoot(before: BootState, fact: BootFact, nowMs: number): BootStep {
  switch (fact.kind) {
    case "dhcp":
      return { state: prelude(before, "dhcp", fact.detail, nowMs) };
    case "file":
      return { state: prelude(before, fact.protocol, fact.name, nowMs) };
    case "script":
      return reduceScript(before, fact, nowMs);
    case "login":
      return reduceLogin(before, fact, nowMs);
    case "logout":
      return { state: { ...before, sessions: fact.sessions, lastActivityMs: nowMs } };
    case "transfer":
      return { state: reduceTransfer(before, fact, nowMs) };
    case "report":
      return reduceReport(before, fact, nowMs);
    case "failure":
      return fail(before, fact.reason, nowMs);
    case "tick":
      return reduceTick(before, nowMs);
  }
}

/** Stages before the script. They begin a new boot when the one before had come further, or was long ago. */
function prelude(before: BootState, stage: BootStage, detail: string, nowMs: number): BootState {
  const { timeline } = before;
  const continues =
    timeline !== undefined &&
    timeline.stages.every((entry) => preludeStages.includes(entry.stage)) &&
    nowMs - before.lastActivityMs < STALL_AFTER_MS;
  const base = continues ? before : beginBoot(before, (timeline?.bootId ?? 0) + 1, nowMs);
  return { ...reach(base, stage, detail, nowMs), state: "booting" };
}

function reduceScript(before: BootState, fact: BootFact & { kind: "script" }, nowMs: number): BootStep {
  const { timeline } = before;
  // Files count as part of the boot that is on its way; a second script without a login between is a retry.
  const continues = timeline !== undefined && !hasAny(timeline, ["iscsi", "read", "os", "up", "failed"]);
  const bootId = Math.max(fact.bootId, timeline?.bootId ?? 0);
  const base = continues ? withBootId(before, bootId) : beginBoot(before, bootId, nowMs);
  if (fact.plan === "diskless") {
    const retry = continues && hasAny(timeline, ["script"]);
    const state: BootState = { ...reach(base, "script", "boots from its disk here", nowMs), state: "booting" };
    return retry ? { state } : { state, event: { kind: "machine.booting", message: `begins boot ${bootId}` } };
  }
  const detail = describePlan(fact.plan);
  return { state: { ...reach(base, "script", detail, nowMs), state: before.state === "new" ? "new" : "running" } };
}

function describePlan(plan: BootPlan): string {
  if (isAgentPlan(plan)) return `starts the agent's system: ${plan}`;
  return plan === "local" ? "boots from its own disk" : "shows the menu";
}

function reduceLogin(before: BootState, fact: BootFact & { kind: "login" }, nowMs: number): BootStep {
  const { timeline } = before;
  const counted: BootState = { ...before, sessions: fact.sessions, lastActivityMs: nowMs };
  if (timeline !== undefined && timeline.bootId > fact.bootId) {
    // A later boot is on its way; this session is on the disk of the one before.
    return { state: counted };
  }
  const sameBoot = timeline !== undefined && timeline.bootId === fact.bootId;
  const base = sameBoot ? counted : beginBoot(counted, fact.bootId, nowMs);
  const first = base.timeline === undefined || !hasAny(base.timeline, ["iscsi"]);
  if (first) {
    const reached = { ...reach(base, "iscsi", fact.initiator, nowMs), firstProgram: fact.program };
    // Nobody asked for a script: an initiator of its own, not a boot that could be followed.
    return { state: { ...reached, state: fact.starts ? "booting" : "running" } };
  }
  if (fact.program === base.firstProgram) return { state: withdrawFailure(base) };
  if (hasAny(base.timeline, ["os"])) {
    return { state: { ...withdrawFailure(base), state: hasAny(base.timeline, ["up"]) ? "up" : "running" } };
  }
  const state: BootState = { ...reach(base, "os", fact.initiator, nowMs), state: "running" };
  return { state, event: { kind: "machine.running", message: "its operating system has taken over the disk" } };
}

function reduceTransfer(before: BootState, fact: BootFact & { kind: "transfer" }, nowMs: number): BootState {
  const { timeline } = before;
  if (timeline === undefined || timeline.bootId !== fact.bootId) return before;
  const base: BootState = {
    ...before,
    lastActivityMs: nowMs,
    timeline: {
      ...timeline,
      bytesRead: timeline.bytesRead + fact.bytesRead,
      bytesWritten: timeline.bytesWritten + fact.bytesWritten,
    },
  };
  if (fact.bytesRead === 0 || hasAny(base.timeline, ["read"])) return withdrawFailure(base);
  return reach(base, "read", undefined, nowMs);
}

function reduceReport(before: BootState, fact: BootFact & { kind: "report" }, nowMs: number): BootStep {
  if (fact.state === "failed") return fail(before, fact.detail ?? "the machine says so", nowMs);
  const base = before.timeline === undefined ? beginBoot(before, 1, nowMs) : before;
  const again = hasAny(base.timeline, ["up"]) && before.state === "up";
  const state: BootState = { ...reach(base, "up", fact.detail, nowMs), state: "up" };
  return again
    ? { state }
    : { state, event: { kind: "machine.up", message: `is up${inSeconds(state.timeline, nowMs)}` } };
}

function reduceTick(before: BootState, nowMs: number): BootStep {
  const idleMs = nowMs - before.lastActivityMs;
  if (before.state === "booting" && idleMs >= STALL_AFTER_MS) {
    const last = before.timeline?.stages.at(-1)?.stage ?? "power-on";
    return fail(before, `nothing heard for ${STALL_AFTER_MS / 60_000} minutes after '${last}'`, nowMs);
  }
  const hadDisk = hasAny(before.timeline, ["iscsi"]);
  if (
    (before.state === "running" || before.state === "up") &&
    hadDisk &&
    before.sessions === 0 &&
    idleMs >= OFF_AFTER_MS
  ) {
    return { state: { ...before, state: "off" }, event: { kind: "machine.off", message: "has let go of its disk" } };
  }
  return { state: before };
}

function fail(before: BootState, reason: string, nowMs: number): BootStep {
  const base = before.timeline === undefined ? beginBoot(before, 1, nowMs) : before;
  const cleared = withdrawFailure(base);
  const { timeline } = reach(cleared, "failed", reason, nowMs);
  if (timeline === undefined) return { state: before };
  return {
    state: { ...cleared, state: "failed", lastActivityMs: nowMs, timeline: { ...timeline, failure: reason } },
    event: { kind: "machine.failed", message: `boot ${timeline.bootId} failed: ${reason}` },
  };
}

function beginBoot(before: BootState, bootId: number, nowMs: number): BootState {
  return {
    ...before,
    lastActivityMs: nowMs,
    firstProgram: undefined,
    timeline: { bootId, startedAt: timeText(nowMs), stages: [], bytesRead: 0, bytesWritten: 0 },
  };
}

function withBootId(before: BootState, bootId: number): BootState {
  return before.timeline === undefined ? before : { ...before, timeline: { ...before.timeline, bootId } };
}

/** Adds a stage, once; a boot that had been given up comes back to life. */
function reach(before: BootState, stage: BootStage, detail: string | undefined, nowMs: number): BootState {
  const alive = { ...withdrawFailure(before), lastActivityMs: nowMs };
  if (alive.timeline === undefined || hasAny(alive.timeline, [stage])) return alive;
  const entry = { stage, at: timeText(nowMs), ...(detail !== undefined && { detail }) };
  return { ...alive, timeline: { ...alive.timeline, stages: [...alive.timeline.stages, entry] } };
}

function withdrawFailure(before: BootState): BootState {
  if (before.timeline?.failure === undefined) return before;
  const { failure: _withdrawn, ...timeline } = before.timeline;
  const stages = timeline.stages.filter((entry) => entry.stage !== "failed");
  const state = stages.some((entry) => entry.stage === "os") ? "running" : "booting";
  return { ...before, state, timeline: { ...timeline, stages } };
}

function hasAny(timeline: BootTimeline | undefined, stages: readonly BootStage[]): boolean {
  return timeline !== undefined && timeline.stages.some((entry) => stages.includes(entry.stage));
}

function inSeconds(timeline: BootTimeline | undefined, nowMs: number): string {
  if (timeline === undefined) return "";
  return `, ${Math.max(0, Math.round((nowMs - Date.parse(timeline.startedAt)) / 1000))} s after power-on`;
}
