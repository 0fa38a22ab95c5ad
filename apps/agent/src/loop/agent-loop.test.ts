import type { HeartbeatAnswer } from "@ingot/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  INITIAL_LOOP,
  type LoopAction,
  type LoopEvent,
  type LoopState,
  stepLoop,
  type WorkTask,
} from "./agent-loop.ts";

const wipe = (taskId: string, after: WorkTask["after"] = "stay"): WorkTask => ({
  kind: "wipe",
  taskId,
  jobId: "j",
  after,
  disk: { choose: "only" },
  method: "discard",
});

const answer = (more: Partial<HeartbeatAnswer> = {}): LoopEvent => ({
  kind: "answered",
  answer: { serverTime: "2026-11-22T08:30:00.000Z", intervalSeconds: 10, ...more },
});

function run(events: readonly LoopEvent[], from: LoopState = INITIAL_LOOP): { state: LoopState; kinds: string[] } {
  let state = from;
  const kinds: string[] = [];
  for (const event of events) {
    const step = stepLoop(state, event);
    state = step.state;
    kinds.push(...step.actions.filter((a) => a.kind !== "heartbeat").map(nameOf));
  }
  return { state, kinds };
}

function nameOf(action: LoopAction): string {
  if (action.kind === "start") return `start ${action.task.taskId}`;
  if (action.kind === "stop") return `stop ${action.taskId} ${action.reason}`;
  return action.kind === "leave" ? `leave ${action.how}` : action.kind;
}

test("a task is started once, however often it is given", () => {
  const given = answer({ task: wipe("a") });
  expect(run([given, given, given]).kinds).toEqual(["start a"]);
});

test("what was just done is not begun again when report and heartbeat cross", () => {
  const given = answer({ task: wipe("a") });
  const { kinds, state } = run([given, { kind: "ended", taskId: "a", outcome: "done" }, given]);
  expect(kinds).toEqual(["start a"]);
  // The server has noticed, and the operator wants it once more.
  expect(run([answer(), given], state).kinds).toEqual(["start a"]);
});

test("a failed task stays on the screen and is begun again when it is given again", () => {
  const given = answer({ task: wipe("a", "reboot") });
  expect(run([given, { kind: "ended", taskId: "a", outcome: "failed" }, given]).kinds).toEqual(["start a", "start a"]);
});

test("a paused task stops and goes on when it is given again", () => {
  const given = answer({ task: wipe("a") });
  const events: LoopEvent[] = [
    given,
    answer({ stop: { taskId: "a", reason: "paused" } }),
    answer({ stop: { taskId: "a", reason: "paused" } }),
    { kind: "ended", taskId: "a", outcome: "stopped" },
    given,
  ];
  expect(run(events).kinds).toEqual(["start a", "stop a paused", "start a"]);
});

test("a task that is resumed while it is still stopping begins again afterwards", () => {
  const events: LoopEvent[] = [
    answer({ task: wipe("a") }),
    { kind: "told-to-stop", taskId: "a", reason: "paused" },
    answer({ task: wipe("a") }),
    { kind: "ended", taskId: "a", outcome: "stopped" },
  ];
  expect(run(events).kinds).toEqual(["start a", "stop a paused", "start a"]);
});

test("another task replaces the running one only when that has ended", () => {
  const events: LoopEvent[] = [answer({ task: wipe("a") }), answer({ task: wipe("b") })];
  const { kinds, state } = run(events);
  expect(kinds).toEqual(["start a", "stop a lost"]);
  expect(run([{ kind: "ended", taskId: "a", outcome: "stopped" }], state).kinds).toEqual(["start b"]);
});

test("a server that is away does not disturb a task", () => {
  const away: LoopEvent = { kind: "unanswered", message: "no route", random: 0.5 };
  const { kinds, state } = run([answer({ task: wipe("a") }), away, away, away]);
  expect(kinds).toEqual(["start a", "notice", "notice", "notice"]);
  expect(state.task?.taskId).toBe("a");
});

test("an idle agent backs off, with jitter, up to a minute", () => {
  let state = INITIAL_LOOP;
  const waits: number[] = [];
  for (let i = 0; i < 12; i++) {
    const step = stepLoop(state, { kind: "unanswered", message: "", random: i % 2 });
    state = step.state;
    waits.push(...step.actions.filter((a) => a.kind === "heartbeat").map((a) => a.afterMs));
  }
  expect(waits.slice(0, 4)).toEqual([500, 2000, 2000, 8000]);
  expect(Math.max(...waits)).toBe(60_000);
});

test("after a task the machine does what the task says, once", () => {
  const events: LoopEvent[] = [
    answer({ task: wipe("a", "reboot") }),
    { kind: "ended", taskId: "a", outcome: "done" },
    answer({ task: wipe("b") }),
  ];
  expect(run(events).kinds).toEqual(["start a", "leave reboot"]);
  expect(run([answer({ task: { kind: "idle", after: "poweroff" } })]).kinds).toEqual(["leave poweroff"]);
  expect(run([answer({ task: { kind: "idle", after: "stay" } })]).kinds).toEqual([]);
});

test("a restart is not begun in the middle of a task, and once begun nothing else is, until the machine has stayed", () => {
  const restart = answer({ restart: { jobId: "7", reason: "job 7 needs the machine" } });
  const given = answer({ task: wipe("a") });
  expect(run([given, restart]).kinds).toEqual(["start a"]);
  const { kinds, state } = run([restart, given, restart]);
  expect(kinds).toEqual(["restart"]);
  expect(stepLoop(state, { kind: "stayed", afterMs: 0 }).actions).toEqual([{ kind: "heartbeat", afterMs: 0 }]);
  expect(run([{ kind: "stayed", afterMs: 0 }, given], state).kinds).toEqual(["start a"]);
});

const anyEvent: fc.Arbitrary<LoopEvent> = fc.oneof(
  fc.constantFrom("a", "b").map((id) => answer({ task: wipe(id) })),
  fc.constantFrom("a", "b").map((id) => answer({ stop: { taskId: id, reason: "paused" as const } })),
  fc.constant(answer()),
  fc.constant<LoopEvent>({ kind: "unanswered", message: "x", random: 0 }),
  fc
    .constantFrom("a", "b")
    .chain((taskId) =>
      fc.constantFrom("done", "failed", "stopped").map((outcome) => ({ kind: "ended" as const, taskId, outcome })),
    ),
);

test("whatever happens, at most one task runs, and a started task is stopped only while it runs", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      let state = INITIAL_LOOP;
      const running = new Set<string>();
      for (const event of events) {
        // The runner only says so of tasks that it runs.
        if (event.kind === "ended" && !running.delete(event.taskId)) continue;
        const step = stepLoop(state, event);
        for (const action of step.actions) {
          if (action.kind === "start") running.add(action.task.taskId);
          if (action.kind === "stop") expect(running.has(action.taskId)).toBe(true);
        }
        expect(running.size).toBeLessThanOrEqual(1);
        state = step.state;
        expect(running.size === 1).toBe(state.task !== undefined);
      }
    }),
  );
});
