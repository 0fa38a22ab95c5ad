import type { AgentSystem, ChangeWindow, DeployMethod, JobKind, JobState, TaskState } from "@ingot/api";
import { isWindowOpen } from "./change-window.ts";

/** Tasks of one pool share its slots. */
export type SlotPool = "swarm" | "unicast" | "capture";

/** How many tasks of each pool may be under way at once. */
export type SlotLimits = Readonly<Record<SlotPool, number>>;

/** Where a machine's agent runs that was heard lately. */
export type Presence = AgentSystem;

/** What the scheduler needs to know of a job that is not over. */
export interface ScheduledJob {
  readonly id: string;
  readonly kind: JobKind;
  readonly method?: DeployMethod | undefined;
  readonly state: JobState;
  readonly reason: string;
  readonly priority: number;
  /** Of two jobs with the same priority the lower goes first. */
  readonly order: number;
  readonly startAtMs?: number | undefined;
  readonly window?: ChangeWindow | undefined;
  readonly stopIfFailed?: number | undefined;
  /** Why none of its tasks begins yet. */
  readonly waitsFor?: string | undefined;
  /** Its tasks can be done while the machine's own system runs. */
  readonly runsInstalled: boolean;
}

/** What the scheduler needs to know of a task. */
export interface ScheduledTask {
  readonly id: string;
  readonly jobId: string;
  readonly machine: string;
  readonly state: TaskState;
  readonly reason: string;
  readonly wave: number;
  /** It had a slot in this attempt: its machine's disk may be half written. */
  readonly begun: boolean;
  /** Its machine is to start the agent. */
  readonly claims: boolean;
  /** Until when it has its slot; only, and always, in the states that need one. */
  readonly leaseUntilMs?: number | undefined;
  /** Why its machine has not started the agent yet, where something is known of that. */
  readonly bootNote?: string | undefined;
}

/** The state of everything at one moment. */
export interface ScheduleInput {
  readonly nowMs: number;
  /** In the server's local time. */
  readonly minuteOfDay: number;
  readonly jobs: readonly ScheduledJob[];
  /** Every task of these jobs, in the order in which they are to begin. */
  readonly tasks: readonly ScheduledTask[];
  /** Machines whose agent was heard lately. */
  readonly present: ReadonlyMap<string, Presence>;
  readonly slots: SlotLimits;
}

/** A task changes. `slot`: it is given one, loses it, or nothing changes in that. */
export interface TaskDecision {
  readonly kind: "task";
  readonly id: string;
  readonly state: TaskState;
  readonly reason: string;
  readonly claims: boolean;
  readonly slot: "grant" | "drop" | "keep";
  /** Its slot ran out. */
  readonly lost?: boolean | undefined;
  /** It is cancelled because its job stopped. */
  readonly stopped?: boolean | undefined;
}

/** A job changes. */
interface JobDecision {
  readonly kind: "job";
  readonly id: string;
  readonly state: JobState;
  readonly reason: string;
}

/** What is to change now. */
export type Decision = TaskDecision | JobDecision;

/** Whether a task in this state has a slot. */
export function needsSlot(state: TaskState): boolean {
  return state === "preparing" || state === "filling" || state === "finishing";
}

/** Whether a task in this state is over, until its job is retried. */
export function isOver(state: TaskState): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** Whether a job in this state is over as far as its own word goes; tasks that had begun may still end. */
export function isClosed(state: JobState): boolean {
  return state === "stopped" || state === "cancelled" || state === "done" || state === "failed";
}

/** The pool that a job's tasks take their slots from. */
export function poolOf(job: Pick<ScheduledJob, "kind" | "method">): SlotPool {
  if (job.kind === "capture") return "capture";
  return job.method === "unicast" ? "unicast" : "swarm";
}

/** Why a task waits whose machine was lost. */
const lostReason = "nothing was heard from its machine for half a minute; it goes on when the machine is back";

/** Why a task waits whose machine has not started the agent from the network. */
const bootReasons = {
  off: "it begins when its machine starts from the network",
  installed: "its machine's own system is running; it begins when the machine starts from the network",
} as const;

/**
 * What is to change now. Pure, and idempotent: with its decisions applied it decides nothing more at the same moment.
 *
 * Holds always: of each pool no more tasks have slots than there are; a task has a slot exactly in the states `preparing`,
 * `filling` and `finishing`; a machine has at most one task with a slot; a task that is over stays as it is; every state has a reason.
 */
export function schedule(input: ScheduleInput): Decision[] {
  return new Scheduling(input).decide();
}

class Scheduling {
  readonly #input: ScheduleInput;
  readonly #decisions: Decision[] = [];
  readonly #tasksOf = new Map<string, ScheduledTask[]>();
  readonly #used: Record<SlotPool, number> = { swarm: 0, unicast: 0, capture: 0 };
  /** Which job has the machine. */
  readonly #machines = new Map<string, string>();

  constructor(input: ScheduleInput) {
    this.#input = input;
    for (const task of input.tasks) {
      const tasks = this.#tasksOf.get(task.jobId);
      if (tasks === undefined) this.#tasksOf.set(task.jobId, [task]);
      else tasks.push(task);
    }
  }

  decide(): Decision[] {
    const jobs = this.#input.jobs.toSorted((a, b) => b.priority - a.priority || a.order - b.order);
    for (const job of jobs) for (const task of this.#of(job)) this.#holdSlot(job, task);
    // A paused job keeps its machines only while no other has use for them.
    for (const job of jobs) if (job.state !== "paused") this.#decideJob(job);
    for (const job of jobs) if (job.state === "paused") this.#decideJob(job);
    return this.#decisions;
  }

  #of(job: ScheduledJob): readonly ScheduledTask[] {
    return this.#tasksOf.get(job.id) ?? [];
  }

  /** Counts slots that stay taken. */
  #holdSlot(job: ScheduledJob, task: ScheduledTask): void {
    if (!this.#keepsSlot(job, task)) return;
    this.#used[poolOf(job)] += 1;
    this.#machines.set(task.machine, job.id);
  }

  #keepsSlot(job: ScheduledJob, task: ScheduledTask): boolean {
    const isLeased = task.leaseUntilMs !== undefined && task.leaseUntilMs > this.#input.nowMs;
    return needsSlot(task.state) && isLeased && job.state !== "paused" && job.state !== "cancelled";
  }

  #decideJob(job: ScheduledJob): void {
    const tasks = this.#of(job);
    const state = this.#jobState(job, tasks);
    if (state.state !== job.state || state.reason !== job.reason)
      this.#decisions.push({ kind: "job", id: job.id, ...state });
    const openWave = openWaveOf(tasks);
    for (const task of tasks) {
      if (isOver(task.state) || this.#keepsSlot(job, task)) continue;
      this.#decideTask(job, state, task, openWave);
    }
  }

  #jobState(job: ScheduledJob, tasks: readonly ScheduledTask[]): { state: JobState; reason: string } {
    const { state, reason } = job;
    if (isClosed(state)) return { state, reason };
    const failed = tasks.filter((task) => task.state === "failed").length;
    if (tasks.every((task) => isOver(task.state))) return endOf(tasks, failed);
    const openWave = openWaveOf(tasks);
    const hadTurn = tasks.filter((task) => task.wave <= openWave).length;
    if (job.stopIfFailed !== undefined && failed > 0 && (failed / hadTurn) * 100 > job.stopIfFailed) {
      const share = Math.round((failed / hadTurn) * 1000) / 10;
      return {
        state: "stopped",
        reason: `${failed} of the ${hadTurn} machines that had their turn failed: ${share} %, allowed are ${job.stopIfFailed} %`,
      };
    }
    if (state !== "scheduled") return { state, reason };
    if (job.startAtMs !== undefined && job.startAtMs > this.#input.nowMs) return { state, reason };
    return { state: "running", reason: job.startAtMs === undefined ? "it was started" : "its time has come" };
  }

  #decideTask(job: ScheduledJob, { state }: { state: JobState }, task: ScheduledTask, openWave: number): void {
    const isLost = needsSlot(task.state) && state !== "paused" && state !== "cancelled";
    const put = (next: TaskState, reason: string, claims: boolean, extra: Partial<TaskDecision> = {}): void => {
      const slot = needsSlot(task.state) ? "drop" : "keep";
      const same = next === task.state && reason === task.reason && claims === task.claims;
      if (!same) this.#decisions.push({ kind: "task", id: task.id, state: next, reason, claims, slot, ...extra });
    };
    if (state === "cancelled") return put("cancelled", "the job was cancelled", false);
    if (state === "stopped" && !task.begun)
      return put("cancelled", "the job stopped because too many machines failed", false, { stopped: true });
    if (state === "paused") {
      const claims = task.begun && !this.#machines.has(task.machine);
      if (claims) this.#machines.set(task.machine, job.id);
      return put("paused", "the job is paused", claims);
    }
    if (state === "scheduled") {
      const at = job.startAtMs === undefined ? "" : ` at ${new Date(job.startAtMs).toISOString()}`;
      return put("waiting", `the job begins${at}`, false);
    }
    // What has begun goes on, whatever the hour: the disk is half written.
    if (!task.begun) {
      if (task.wave > openWave)
        return put("waiting", `wave ${task.wave + 1} begins when wave ${openWave + 1} has finished`, false);
      const { window } = job;
      if (window !== undefined && !isWindowOpen(window, this.#input.minuteOfDay)) {
        return put("waiting", `outside of the change window ${window.from} to ${window.to}`, false);
      }
      if (job.waitsFor !== undefined) return put("waiting", job.waitsFor, false);
    }
    const owner = this.#machines.get(task.machine);
    if (owner !== undefined) return put("waiting", `job ${owner} has its machine`, false, isLost ? { lost: true } : {});
    this.#machines.set(task.machine, job.id);
    const presence = this.#input.present.get(task.machine);
    if (presence !== "ram" && !(presence === "installed" && job.runsInstalled)) {
      // What was lost says so until it is back.
      if (isLost) return put("waiting", lostReason, true, { lost: true });
      if (task.begun && task.reason === lostReason && presence === undefined) return put("waiting", lostReason, true);
      return put("booting", task.bootNote ?? bootReasons[presence ?? "off"], true);
    }
    const pool = poolOf(job);
    const limit = this.#input.slots[pool];
    if (this.#used[pool] >= limit) return put("waiting", `all ${limit} slots are taken`, true);
    this.#used[pool] += 1;
    this.#decisions.push({
      kind: "task",
      id: task.id,
      state: "preparing",
      reason: task.begun ? "it goes on where it was" : "its machine is there",
      claims: true,
      slot: "grant",
    });
  }
}

/** The first wave with a task that is not over. */
function openWaveOf(tasks: readonly ScheduledTask[]): number {
  let open = Number.POSITIVE_INFINITY;
  for (const task of tasks) if (!isOver(task.state)) open = Math.min(open, task.wave);
  return open;
}

/** How a job ends of which every task is over. */
function endOf(tasks: readonly ScheduledTask[], failed: number): { state: JobState; reason: string } {
  const done = tasks.filter((task) => task.state === "done").length;
  const all = tasks.length;
  if (done === all)
    return { state: "done", reason: all === 1 ? "its machine is done" : `all ${all} machines are done` };
  const cancelled = all - done - failed;
  const parts = [
    `${done} of ${all} machines are done`,
    failed > 0 ? `${failed} failed` : "",
    cancelled > 0 ? `${cancelled} were cancelled` : "",
  ];
  return { state: failed > 0 ? "failed" : "cancelled", reason: parts.filter((part) => part !== "").join(", ") };
}
