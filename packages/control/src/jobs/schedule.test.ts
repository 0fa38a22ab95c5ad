import type { JobState, TaskState } from "@ingot/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Decision,
  isOver,
  needsSlot,
  poolOf,
  type Presence,
  schedule,
  type ScheduledJob,
  type ScheduledTask,
  type ScheduleInput,
  type SlotLimits,
} from "./schedule.ts";

type Job = { -readonly [Key in keyof ScheduledJob]: ScheduledJob[Key] };
type Task = { -readonly [Key in keyof ScheduledTask]: ScheduledTask[Key] };

/** A world in memory that does what the scheduler decides. */
class World {
  nowMs = 0;
  minuteOfDay = 600;
  readonly jobs: Job[] = [];
  readonly tasks: Task[] = [];
  /** Machines that run the agent's system. */
  readonly present: Set<string> = new Set();
  /** Machines that run an agent in their own system. */
  readonly installed: Set<string> = new Set();
  slots: SlotLimits = { swarm: 3, unicast: 2, capture: 1 };

  addJob(machines: readonly string[], changes: Partial<Job> = {}, waveOf: (index: number) => number = () => 0): Job {
    const id = String(this.jobs.length + 1);
    const job: Job = {
      id,
      kind: "deploy",
      state: "scheduled",
      reason: "made",
      priority: 50,
      order: this.jobs.length,
      runsInstalled: false,
      ...changes,
    };
    this.jobs.push(job);
    machines.forEach((machine, index) => {
      this.tasks.push({
        id: `${id}-${machine}`,
        jobId: id,
        machine,
        state: "waiting",
        reason: "made",
        wave: waveOf(index),
        begun: false,
        claims: false,
      });
    });
    return job;
  }

  task(id: string): Task {
    const task = this.tasks.find((entry) => entry.id === id);
    if (task === undefined) throw new Error(`no task ${id}`);
    return task;
  }

  /** Decides until nothing is left to decide; answers what was decided. */
  run(): Decision[] {
    const all: Decision[] = [];
    for (let looks = 0; looks < 10; looks += 1) {
      const decisions = schedule(this.input());
      if (decisions.length === 0) return all;
      all.push(...decisions);
      decisions.forEach((decision) => this.#apply(decision));
    }
    throw new Error("the scheduler does not come to rest");
  }

  input(): ScheduleInput {
    const { nowMs, minuteOfDay, jobs, tasks, slots } = this;
    const present = new Map<string, Presence>([
      ...[...this.installed].map((machine) => [machine, "installed"] as const),
      ...[...this.present].map((machine) => [machine, "ram"] as const),
    ]);
    return { nowMs, minuteOfDay, jobs, tasks, present, slots };
  }

  report(id: string, state: TaskState): void {
    Object.assign(this.task(id), {
      state,
      reason: `it says ${state}`,
      ...(isOver(state) && { claims: false, leaseUntilMs: undefined }),
    });
  }

  statesOf(job: Job): TaskState[] {
    return this.tasks.filter((task) => task.jobId === job.id).map((task) => task.state);
  }

  #apply(decision: Decision): void {
    if (decision.kind === "job") {
      const job = this.jobs.find((entry) => entry.id === decision.id);
      if (job !== undefined) Object.assign(job, { state: decision.state, reason: decision.reason });
      return;
    }
    const task = this.task(decision.id);
    const { state, reason, claims, slot } = decision;
    const leaseUntilMs = slot === "grant" ? this.nowMs + 30_000 : slot === "drop" ? undefined : task.leaseUntilMs;
    Object.assign(task, { state, reason, claims, leaseUntilMs, begun: task.begun || slot === "grant" });
  }
}

test("a job for a machine that is off waits for it to boot, and begins when its agent is there", () => {
  const world = new World();
  const job = world.addJob(["m1"]);
  world.run();
  expect(job.state).toBe("running");
  expect(world.task("1-m1")).toMatchObject({ state: "booting", claims: true });
  world.present.add("m1");
  world.run();
  expect(world.task("1-m1")).toMatchObject({ state: "preparing", begun: true, leaseUntilMs: 30_000 });
  world.report("1-m1", "done");
  world.run();
  expect(job).toMatchObject({ state: "done", reason: "its machine is done" });
});

test("slots are leases: a machine that falls silent gives its slot back, and goes on when it returns", () => {
  const world = new World();
  world.slots = { swarm: 1, unicast: 1, capture: 1 };
  world.addJob(["m1", "m2"]);
  world.present.add("m1").add("m2");
  world.run();
  expect(world.task("1-m2")).toMatchObject({ state: "waiting", reason: "all 1 slots are taken" });
  world.report("1-m1", "filling");
  world.nowMs = 30_000;
  world.present.delete("m1");
  const decisions = world.run();
  expect(decisions).toContainEqual(expect.objectContaining({ id: "1-m1", state: "waiting", slot: "drop", lost: true }));
  expect(world.task("1-m2").state).toBe("preparing");
  expect(world.task("1-m1").reason).toContain("nothing was heard");
  world.present.add("m1");
  world.report("1-m2", "done");
  world.run();
  expect(world.task("1-m1")).toMatchObject({ state: "preparing", reason: "it goes on where it was" });
});

test("a wave begins when the one before has finished", () => {
  const world = new World();
  world.addJob(["m1", "m2", "m3"], {}, (index) => (index === 0 ? 0 : 1));
  for (const machine of ["m1", "m2", "m3"]) world.present.add(machine);
  world.run();
  expect(world.tasks.map((task) => task.state)).toEqual(["preparing", "waiting", "waiting"]);
  expect(world.task("1-m2")).toMatchObject({ reason: "wave 2 begins when wave 1 has finished", claims: false });
  world.report("1-m1", "failed");
  world.run();
  expect(world.tasks.map((task) => task.state)).toEqual(["failed", "preparing", "preparing"]);
});

test("a job stops when too many of those that had their turn failed; those that are at it finish", () => {
  const world = new World();
  const job = world.addJob(["m1", "m2", "m3", "m4"], { stopIfFailed: 40 }, (index) => Math.floor(index / 2));
  for (const machine of ["m1", "m2", "m3", "m4"]) world.present.add(machine);
  world.run();
  world.report("1-m1", "failed");
  world.run();
  expect(job).toMatchObject({ state: "stopped" });
  expect(job.reason).toBe("1 of the 2 machines that had their turn failed: 50 %, allowed are 40 %");
  expect(world.statesOf(job)).toEqual(["failed", "preparing", "cancelled", "cancelled"]);
  world.report("1-m2", "done");
  world.run();
  expect(job.state).toBe("stopped");
});

test("outside of the change window nothing begins, and what has begun goes on", () => {
  const world = new World();
  world.addJob(["m1", "m2"], { window: { from: "22:00", to: "05:00" } });
  world.present.add("m1");
  world.run();
  expect(world.task("1-m1")).toMatchObject({
    state: "waiting",
    claims: false,
    reason: "outside of the change window 22:00 to 05:00",
  });
  world.minuteOfDay = 23 * 60;
  world.run();
  expect(world.tasks.map((task) => task.state)).toEqual(["preparing", "booting"]);
  world.minuteOfDay = 5 * 60;
  world.nowMs = 31_000;
  world.present.clear();
  world.run();
  expect(world.tasks.map(({ state, claims }) => [state, claims])).toEqual([
    ["waiting", true],
    ["waiting", false],
  ]);
  world.present.add("m1").add("m2");
  world.run();
  expect(world.tasks.map((task) => task.state)).toEqual(["preparing", "waiting"]);
});

test("while a job waits for something nothing of it begins, and what has begun goes on", () => {
  const world = new World();
  const job = world.addJob(["m1", "m2"], {}, (index) => index);
  for (const machine of ["m1", "m2"]) world.present.add(machine);
  Object.assign(job, { waitsFor: "seeds are filled" });
  world.run();
  expect(world.task("1-m1")).toMatchObject({ state: "waiting", reason: "seeds are filled", claims: false });
  Object.assign(job, { waitsFor: undefined });
  world.run();
  expect(world.task("1-m1").state).toBe("preparing");
  Object.assign(job, { waitsFor: "seeds are filled" });
  world.nowMs = 30_001;
  world.run();
  expect(world.task("1-m1")).toMatchObject({ state: "preparing", reason: "it goes on where it was" });
});

test("the higher priority has a machine first, and a job does not begin before its time", () => {
  const world = new World();
  world.addJob(["m1"], { priority: 10 });
  world.addJob(["m1"], { priority: 90, startAtMs: 1000 });
  world.present.add("m1");
  world.run();
  expect(world.task("2-m1").reason).toBe("the job begins at 1970-01-01T00:00:01.000Z");
  expect(world.task("1-m1").state).toBe("preparing");
  world.nowMs = 1000;
  world.run();
  expect(world.task("2-m1").reason).toBe("job 1 has its machine");
  world.report("1-m1", "done");
  world.run();
  expect(world.task("2-m1").state).toBe("preparing");
});

test("pausing gives slots back and resuming takes them again; cancelling ends everything that is not over", () => {
  const world = new World();
  const job = world.addJob(["m1", "m2"]);
  world.present.add("m1");
  world.run();
  job.state = "paused";
  world.run();
  expect(world.tasks.map(({ state, claims, leaseUntilMs }) => [state, claims, leaseUntilMs])).toEqual([
    ["paused", true, undefined],
    ["paused", false, undefined],
  ]);
  job.state = "scheduled";
  world.run();
  expect(world.tasks.map((task) => task.state)).toEqual(["preparing", "booting"]);
  job.state = "cancelled";
  world.run();
  expect(world.tasks.map((task) => task.state)).toEqual(["cancelled", "cancelled"]);
});

const machines = ["m1", "m2", "m3", "m4", "m5"];
const anyJob = fc.record({
  machines: fc.uniqueArray(fc.constantFrom(...machines), { minLength: 1 }),
  kind: fc.constantFrom("deploy", "capture", "verify", "wipe" as const),
  method: fc.constantFrom("auto", "unicast" as const),
  priority: fc.integer({ min: 0, max: 3 }),
  startAtMs: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
  stopIfFailed: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  window: fc.option(fc.constant({ from: "08:00", to: "12:00" }), { nil: undefined }),
  waves: fc.integer({ min: 1, max: 3 }),
});
const anyStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("report" as const),
      pick: fc.nat(),
      state: fc.constantFrom<TaskState>("filling", "finishing", "done", "failed"),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 40_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("presence" as const), machine: fc.constantFrom(...machines) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("hour" as const), minute: fc.integer({ min: 0, max: 1439 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("job" as const),
      pick: fc.nat(),
      state: fc.constantFrom<JobState>("paused", "scheduled", "cancelled"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("add" as const), job: anyJob }) },
);

test("whatever happens: slots never leak, a machine has one task, what is over stays so, every state has a reason", () => {
  fc.assert(
    fc.property(
      fc.array(anyJob, { minLength: 1, maxLength: 3 }),
      fc.array(anyStep, { maxLength: 60 }),
      (jobs, steps) => {
        const world = new World();
        const add = ({ machines: some, waves, ...changes }: (typeof jobs)[number]): void => {
          world.addJob(some, changes, (index) => index % waves);
        };
        jobs.forEach(add);
        for (const step of steps) {
          const over = new Map(world.tasks.filter((task) => isOver(task.state)).map((task) => [task.id, task.state]));
          if (step.kind === "wait") world.nowMs += step.ms;
          if (step.kind === "hour") world.minuteOfDay = step.minute;
          if (step.kind === "add") add(step.job);
          if (step.kind === "presence" && !world.present.delete(step.machine)) world.present.add(step.machine);
          if (step.kind === "report") {
            const active = world.tasks.filter((task) => needsSlot(task.state));
            const task = active[step.pick % Math.max(1, active.length)];
            if (task !== undefined) world.report(task.id, step.state);
          }
          if (step.kind === "job") {
            const open = world.jobs.filter(
              ({ state }) => state === "running" || state === "paused" || state === "scheduled",
            );
            const job = open[step.pick % Math.max(1, open.length)];
            if (job !== undefined) Object.assign(job, { state: step.state, reason: "an operator" });
          }
          world.run();
          check(world, over);
        }
      },
    ),
    { numRuns: 300 },
  );
});

function check(world: World, over: ReadonlyMap<string, TaskState>): void {
  const used = { swarm: 0, unicast: 0, capture: 0 };
  const busy = new Set<string>();
  for (const task of world.tasks) {
    expect(task.reason).not.toBe("");
    expect(over.get(task.id) ?? task.state).toBe(task.state);
    expect(task.leaseUntilMs !== undefined).toBe(needsSlot(task.state));
    if (!needsSlot(task.state)) continue;
    const job = world.jobs.find(({ id }) => id === task.jobId);
    if (job !== undefined) used[poolOf(job)] += 1;
    expect(busy.has(task.machine)).toBe(false);
    busy.add(task.machine);
    expect(task.leaseUntilMs).toBeGreaterThan(world.nowMs);
  }
  for (const pool of ["swarm", "unicast", "capture"] as const)
    expect(used[pool]).toBeLessThanOrEqual(world.slots[pool]);
  for (const job of world.jobs) {
    expect(job.reason).not.toBe("");
    if (job.state === "done") expect(new Set(world.statesOf(job))).toEqual(new Set(["done"]));
    const claims = world.tasks.filter((task) => task.claims).map((task) => task.machine);
    expect(new Set(claims).size).toBe(claims.length);
  }
}

test("what only reads begins beside a machine's own system, everything else waits for the agent's", () => {
  const world = new World();
  world.addJob(["m1"], { kind: "verify", runsInstalled: true });
  world.addJob(["m2"]);
  world.installed.add("m1").add("m2");
  world.run();
  expect(world.task("1-m1")).toMatchObject({ state: "preparing" });
  expect(world.task("2-m2")).toMatchObject({ state: "booting", claims: true });
  expect(world.task("2-m2").reason).toContain("own system is running");
  world.task("2-m2").bootNote = "it was asked to restart";
  world.run();
  expect(world.task("2-m2").reason).toBe("it was asked to restart");
  world.present.add("m2");
  world.run();
  expect(world.task("2-m2").state).toBe("preparing");
});
