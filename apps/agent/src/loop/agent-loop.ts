import type { AfterTask, AgentTask, HeartbeatAnswer } from "@ingot/api";
import { backOffMs } from "../client/back-off.ts";
import { HEARTBEAT_MS } from "../limits.ts";

/** A task with work in it. */
export type WorkTask = Exclude<AgentTask, { kind: "idle" }>;

/** Why a running task is stopped. */
export type StopReason = NonNullable<HeartbeatAnswer["stop"]>["reason"];

/** How a task ended, as the runner says. `stopped`: somebody stopped it; what is verified stays. */
export type TaskOutcome = "done" | "failed" | "stopped";

/** What the loop is in. */
export interface LoopState {
  readonly task: WorkTask | undefined;
  /** The running task was told to stop. */
  readonly stopping: boolean;
  /** What to begin when the running task has ended. */
  readonly next: WorkTask | undefined;
  /** The task that ended here last: until the server has noticed, it may give it once more. */
  readonly ended: { readonly taskId: string; readonly outcome: TaskOutcome } | undefined;
  /** Heartbeats that failed in a row. */
  readonly failures: number;
  /** Set once the machine goes down. */
  readonly leaving: boolean;
}

/** What happens to the loop. */
export type LoopEvent =
  | { readonly kind: "answered"; readonly answer: HeartbeatAnswer }
  /** The server did not answer a heartbeat. */
  | { readonly kind: "unanswered"; readonly message: string; readonly random: number }
  /** The server told a task's report to stop it. */
  | { readonly kind: "told-to-stop"; readonly taskId: string; readonly reason: StopReason }
  | { readonly kind: "ended"; readonly taskId: string; readonly outcome: TaskOutcome }
  /** The machine did not go down, because it is not allowed to or somebody prevented it. `afterMs`: when to speak to the server again. */
  | { readonly kind: "stayed"; readonly afterMs: number };

/** What is to be done. */
export type LoopAction =
  | { readonly kind: "start"; readonly task: WorkTask }
  | { readonly kind: "stop"; readonly taskId: string; readonly reason: StopReason }
  | { readonly kind: "heartbeat"; readonly afterMs: number }
  | { readonly kind: "notice"; readonly text: string }
  /** Say goodbye and restart the machine's own system, for the machine to start from the network. */
  | { readonly kind: "restart"; readonly reason: string }
  /** Say goodbye, then this. */
  | { readonly kind: "leave"; readonly how: Exclude<AfterTask, "stay"> };

/** Before the first heartbeat. */
export const INITIAL_LOOP: LoopState = {
  task: undefined,
  stopping: false,
  next: undefined,
  ended: undefined,
  failures: 0,
  leaving: false,
};

/**
 * The agent's life between enrolment and power-off: one task at a time, heartbeats whatever happens. A server that is away
 * changes nothing about a task that runs. Nothing is kept across a restart: the server gives the task again, and the
 * disk itself knows what it holds.
 */
export function stepLoop(state: LoopState, event: LoopEvent): { state: LoopState; actions: readonly LoopAction[] } {
  if (event.kind === "stayed")
    return { state: { ...state, leaving: false }, actions: [{ kind: "heartbeat", afterMs: event.afterMs }] };
  if (state.leaving) return { state, actions: [] };
  switch (event.kind) {
    case "answered":
      return answered({ ...state, failures: 0 }, event.answer);
    case "unanswered": {
      const failures = state.failures + 1;
      const afterMs = state.task === undefined ? backOffMs(failures, event.random) : HEARTBEAT_MS;
      const text = `the server does not answer (${event.message}); asking again in ${Math.ceil(afterMs / 1000)} s`;
      return {
        state: { ...state, failures },
        actions: [
          { kind: "notice", text },
          { kind: "heartbeat", afterMs },
        ],
      };
    }
    case "told-to-stop":
      return stop(state, event.taskId, event.reason);
    case "ended":
      return ended(state, event.taskId, event.outcome);
  }
}

function answered(state: LoopState, answer: HeartbeatAnswer): { state: LoopState; actions: readonly LoopAction[] } {
  const actions: LoopAction[] = [{ kind: "heartbeat", afterMs: answer.intervalSeconds * 1000 }];
  if (answer.notice !== undefined) actions.push({ kind: "notice", text: answer.notice });
  if (answer.stop !== undefined) {
    const stopped = stop(state, answer.stop.taskId, answer.stop.reason);
    return { state: stopped.state, actions: [...actions, ...stopped.actions] };
  }
  const { task, restart } = answer;
  if (restart !== undefined && state.task === undefined)
    return { state: { ...state, leaving: true }, actions: [{ kind: "restart", reason: restart.reason }] };
  if (task === undefined) return { state: { ...state, ended: undefined }, actions };
  if (task.kind === "idle") {
    if (state.task !== undefined || task.after === "stay") return { state, actions };
    return leave(state, task.after);
  }
  if (state.task === undefined) {
    // A report and a heartbeat may cross: what was done a moment ago is not begun again. A stopped task is, when it is given again.
    if (state.ended?.taskId === task.taskId && state.ended.outcome === "done") return { state, actions };
    return { state: { ...state, task, ended: undefined }, actions: [...actions, { kind: "start", task }] };
  }
  // The same one means "go on". While it is being stopped it is to begin again afterwards.
  if (state.task.taskId === task.taskId && !state.stopping) return { state, actions };
  if (state.stopping) return { state: { ...state, next: task }, actions };
  actions.push({ kind: "stop", taskId: state.task.taskId, reason: "lost" });
  return { state: { ...state, stopping: true, next: task }, actions };
}

function stop(
  state: LoopState,
  taskId: string,
  reason: StopReason,
): { state: LoopState; actions: readonly LoopAction[] } {
  if (state.next?.taskId === taskId) return { state: { ...state, next: undefined }, actions: [] };
  if (state.task?.taskId !== taskId || state.stopping) return { state, actions: [] };
  return { state: { ...state, stopping: true }, actions: [{ kind: "stop", taskId, reason }] };
}

function ended(
  state: LoopState,
  taskId: string,
  outcome: TaskOutcome,
): { state: LoopState; actions: readonly LoopAction[] } {
  if (state.task?.taskId !== taskId) return { state, actions: [] };
  const { after } = state.task;
  const idle: LoopState = { ...state, task: undefined, stopping: false, next: undefined, ended: { taskId, outcome } };
  if (state.next !== undefined)
    return { state: { ...idle, task: state.next }, actions: [{ kind: "start", task: state.next }] };
  // A machine that failed stays where it is, with the reason on its screen, until somebody decides.
  if (outcome === "done" && after !== "stay") return leave(idle, after);
  return { state: idle, actions: [{ kind: "heartbeat", afterMs: 0 }] };
}

function leave(state: LoopState, how: "reboot" | "poweroff"): { state: LoopState; actions: readonly LoopAction[] } {
  return { state: { ...state, leaving: true }, actions: [{ kind: "leave", how }] };
}
