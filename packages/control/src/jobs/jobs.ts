import {
  AGENT_LOST_SECONDS,
  type AgentPlan,
  type AgentTask,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type Job,
  NO_PROGRESS,
  type Task,
  type TaskError,
  type TaskImage,
  type TaskProgress,
  type TaskReport,
  type TaskReportAnswer,
} from "@ingot/api";
import { type Clock, timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import type { EventLog } from "../event-log.ts";
import type { Inventory } from "../inventory.ts";
import { MAX_OPEN_JOBS } from "../limits.ts";
import type { LiveHub } from "../live-hub.ts";
import { KeyedMutex } from "../mutex.ts";
import type { Database } from "../tables.ts";
import { JobBook, type OpenJob, type OpenTask, type TaskChange } from "./job-book.ts";
import { jobEvent, reasonOf, taskEvent } from "./job-events.ts";
import { JobLog, LOG_EVERY_MS } from "./job-log.ts";
import { type JobRecord, readDeployments, readJob, listTasks, type TaskRecord, writeDeployment } from "./job-store.ts";
import { jobView, taskView } from "./job-view.ts";
import { type Decision, isOver, needsSlot, schedule, type SlotLimits, type TaskDecision } from "./schedule.ts";
import { PLAN_OF_KIND, renderTask } from "./task-render.ts";
import { TaskWatch } from "./task-watch.ts";

/** How often time passes for the jobs. */
const TICK_MS = 1000;

/** How long a task that was under way keeps its slot after the server was away: agents need a moment to find it again. */
const RESTART_GRACE_MS = 60_000;

const leaseMs = AGENT_LOST_SECONDS * 1000;

/** Slots that hold where the server's configuration says nothing. */
export const DEFAULT_SLOTS: SlotLimits = { swarm: 5000, unicast: 16, capture: 4 };

/** What {@link Jobs} works with. */
export interface JobsDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly inventory: Inventory;
  readonly events: EventLog;
  readonly hub: LiveHub;
  readonly slots: SlotLimits;
  /** Minutes since midnight in the server's local time. */
  readonly minuteOfDay: (nowMs: number) => number;
  readonly onError: (error: unknown) => void;
}

/** What a machine's agent is told. */
export type Instruction = Pick<HeartbeatAnswer, "task" | "stop" | "notice">;

/** Jobs that are not over: what each machine does for them, and when. */
export class Jobs {
  readonly log: JobLog;
  readonly #deps: JobsDeps;
  readonly #book: JobBook;
  readonly #watch: TaskWatch;
  /** Everything that changes a state takes turns. */
  readonly #mutex = new KeyedMutex();
  /** When the agent of each machine was heard that can begin a task. */
  readonly #heardMs = new Map<string, number>();
  readonly #dirty = new Set<OpenJob>();
  #pass: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => undefined;
  #ticks = 0;

  private constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.log = new JobLog(deps.db);
    this.#book = new JobBook(deps.db);
    this.#watch = new TaskWatch({ clock: deps.clock, events: deps.events, onError: deps.onError });
  }

  /** Reads the jobs that are not over. */
  static async open(deps: JobsDeps): Promise<Jobs> {
    const jobs = new Jobs(deps);
    await jobs.#book.load(MAX_OPEN_JOBS, deps.clock.now() + RESTART_GRACE_MS);
    return jobs;
  }

  /** Lets time pass from now on. */
  start(): void {
    this.#cancelTimer = this.#deps.clock.setTimer(TICK_MS, () => {
      this.tick();
      this.start();
    });
  }

  /** Stops and writes what is only in memory. Idempotent. */
  async close(): Promise<void> {
    this.#cancelTimer();
    await this.idle();
    await this.#save();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#pass;
    await this.#saving;
    await this.#mutex.run("jobs", () => Promise.resolve());
  }

  /** One second passed. */
  tick(): void {
    this.#ticks += 1;
    if (this.#book.jobs.length > 0) this.reschedule().catch(this.#deps.onError);
    if (this.#ticks % 2 === 0) this.#saving = this.#saving.then(() => this.#save()).catch(this.#deps.onError);
  }

  /** Decides anew what begins, ends or waits. Calls at once share one look. */
  reschedule(): Promise<void> {
    this.#pass ??= this.#mutex.run("jobs", () => {
      this.#pass = undefined;
      return this.#schedule();
    });
    return this.#pass;
  }

  /** By which plan a machine is to boot for its task; none where it has nothing to do now. */
  planOf(machine: string): AgentPlan | undefined {
    const claim = this.#book.claimOf(machine);
    return claim === undefined ? undefined : PLAN_OF_KIND[claim.job.record.kind];
  }

  /** The jobs that are not over. */
  get open(): readonly OpenJob[] {
    return this.#book.jobs;
  }

  /** Machines whose agent was heard lately and can begin a task. */
  get presentCount(): number {
    return this.#heardMs.size;
  }

  /** Takes a new job in; what is stored of it is stored. */
  async admit(record: JobRecord, tasks: readonly TaskRecord[]): Promise<void> {
    await this.#mutex.run("jobs", () => {
      this.#book.add(record, tasks);
      return this.#schedule();
    });
  }

  /** Changes a job that is not over, or that is stored as over. `change` answers its new form and that of tasks, or throws. */
  async change(
    id: number,
    change: (job: OpenJob) => {
      readonly job: JobRecord;
      readonly tasks?: readonly { task: OpenTask; record: TaskRecord }[];
    },
  ): Promise<Job> {
    return this.#mutex.run("jobs", async () => {
      const job = this.#book.job(id) ?? (await this.#reopen(id));
      const next = change(job);
      const tasks = (next.tasks ?? []).map((entry) => ({ ...entry, claims: false, leaseUntilMs: undefined }));
      await this.#apply({ tasks, jobs: [next.job] }, new Set());
      await this.#schedule();
      return jobView(job.record, job.summary);
    });
  }

  /** The job as it is now, where it is not over. */
  viewOf(id: number): Job | undefined {
    const job = this.#book.job(id);
    return job === undefined ? undefined : jobView(job.record, job.summary);
  }

  /** The task as it is now, where its job is not over. */
  taskView(id: string): Task | undefined {
    const task = this.#book.task(id);
    return task === undefined ? undefined : taskView(task.current);
  }

  /**
   * A machine's agent says that it is there. `canBegin`: it runs where a disk can be written.
   * Answers what it is to do; the slot of a task that it works on is renewed.
   */
  async heartbeat(machine: string, said: HeartbeatRequest, canBegin: boolean): Promise<Instruction> {
    const nowMs = this.#deps.clock.now();
    if (said.state === "leaving") return this.#leave(machine);
    if (canBegin) this.#heardMs.set(machine, nowMs);
    const claim = this.#book.claimOf(machine);
    if (claim !== undefined && !needsSlot(claim.record.state) && canBegin) await this.reschedule();
    const task = this.#book.claimOf(machine);
    if (task === undefined || !needsSlot(task.record.state)) return this.#withoutSlot(task, said.taskId);
    task.leaseUntilMs = nowMs + leaseMs;
    if (said.taskId === task.record.id) {
      if (said.progress !== undefined) this.#note(task, said.progress);
      return {};
    }
    const stop = said.taskId === undefined ? undefined : ({ taskId: said.taskId, reason: "cancelled" } as const);
    return { task: await this.#render(task), stop };
  }

  /** An agent reports on the task that its machine has. @throws ControlError `notFound` for a task that the machine never had. */
  async report(machine: string, taskId: string, report: TaskReport): Promise<TaskReportAnswer> {
    this.#heardMs.set(machine, this.#deps.clock.now());
    const task = this.#book.task(taskId);
    // Most reports change nothing but figures: these need no turn.
    if (task?.record.machine === machine && task.record.state === report.state && task.record.note === report.note) {
      task.leaseUntilMs = this.#deps.clock.now() + leaseMs;
      this.#note(task, report.progress);
      return {};
    }
    return this.#mutex.run("jobs", () => this.#report(machine, taskId, report));
  }

  /** What a machine's disk is to become. @throws ControlError `conflict` where that is not the machine's task now. */
  captureOf(machine: string, taskId: string): { readonly image: string; readonly comment: string | undefined } {
    const task = this.#book.task(taskId);
    const spec = task?.job.record.spec;
    if (task?.record.machine !== machine || spec?.kind !== "capture" || !needsSlot(task.record.state)) {
      throw new ControlError("conflict", `task ${taskId}: no capture that this machine is at`);
    }
    return { image: spec.image, comment: spec.comment ?? `captured from ${task.record.machineName}` };
  }

  /** A machine's disk has become a version of an image: its task is done. */
  async captured(taskId: string, image: TaskImage): Promise<void> {
    await this.#mutex.run("jobs", async () => {
      const task = this.#book.task(taskId);
      if (task === undefined || isOver(task.record.state)) return;
      await this.#finish(task, { ...task.current, image, state: "done" });
    });
  }

  /** Ends what a machine has to do with a failure. */
  async fail(machine: string, error: TaskError, which: "begun" | "all" = "begun"): Promise<void> {
    await this.#mutex.run("jobs", async () => {
      for (const task of this.#book.tasksOf(machine)) {
        const applies = which === "all" || task.claims;
        if (applies) await this.#finish(task, { ...task.current, state: "failed", error });
      }
    });
  }

  /** A machine is no longer in the inventory. */
  async machineRemoved(machine: string): Promise<void> {
    this.#heardMs.delete(machine);
    await this.fail(machine, { code: "machine-removed", message: "the machine was taken out of the inventory" }, "all");
  }

  async #leave(machine: string): Promise<Instruction> {
    this.#heardMs.delete(machine);
    const task = this.#book.claimOf(machine);
    if (task === undefined || !needsSlot(task.record.state)) return {};
    task.leaseUntilMs = this.#deps.clock.now();
    await this.reschedule();
    return {};
  }

  #withoutSlot(task: OpenTask | undefined, working: string | undefined): Instruction {
    const notice = task?.record.reason;
    if (working === undefined) return { notice };
    const known = this.#book.task(working);
    const reason =
      known === undefined || isOver(known.record.state)
        ? "cancelled"
        : known.record.state === "paused"
          ? "paused"
          : "lost";
    return { notice, stop: { taskId: working, reason } };
  }

  async #render(task: OpenTask): Promise<AgentTask> {
    const { machine } = task.record;
    const [record, previous] = await Promise.all([
      this.#deps.inventory.record(machine),
      readDeployments(this.#deps.db, [machine]),
    ]);
    return renderTask(task.job.record, task.record, record, previous.get(machine));
  }

  async #report(machine: string, taskId: string, report: TaskReport): Promise<TaskReportAnswer> {
    const task = this.#book.task(taskId);
    if (task === undefined) return this.#reportOver(machine, taskId, report);
    if (task.record.machine !== machine) throw new ControlError("notFound", `task ${taskId}: not of this machine`);
    const isFinal = report.state === "done" || report.state === "failed";
    if (isOver(task.record.state)) return endedAs(task.record, report);
    if (!needsSlot(task.record.state) && !isFinal) {
      await this.#schedule();
      if (!needsSlot(task.record.state)) {
        return { stop: { taskId, reason: task.record.state === "paused" ? "paused" : "lost" } };
      }
    }
    const { state, progress, error, note } = report;
    const next: TaskRecord = { ...task.record, progress, error, note: note ?? task.record.note, state };
    if (!isFinal) {
      const leaseUntilMs = this.#deps.clock.now() + leaseMs;
      await this.#apply(
        { tasks: [{ task, record: this.#reasoned(task, next), claims: true, leaseUntilMs }], jobs: [] },
        new Set(),
      );
      return {};
    }
    const isEmptyCapture = state === "done" && task.job.record.kind === "capture";
    const missing = { code: "internal", message: "the agent says that it is done, but no image has arrived" } as const;
    await this.#finish(task, isEmptyCapture ? { ...next, state: "failed", error: missing } : next);
    return {};
  }

  /** A report on a task whose job is over. */
  async #reportOver(machine: string, taskId: string, report: TaskReport): Promise<TaskReportAnswer> {
    const row = await this.#deps.db
      .selectFrom("tasks")
      .select(["machine_id", "state"])
      .where("id", "=", taskId)
      .executeTakeFirst();
    if (row?.machine_id !== machine) throw new ControlError("notFound", `task ${taskId}: not of this machine`);
    return endedAs({ id: taskId, state: row.state as TaskRecord["state"] }, report);
  }

  /** Ends a task, with what follows from it for the machine, and looks at what may begin now. */
  async #finish(task: OpenTask, next: TaskRecord): Promise<void> {
    const at = timeText(this.#deps.clock.now());
    const { machine, image } = next;
    const { kind, spec } = task.job.record;
    const change: TaskChange = { task, record: this.#reasoned(task, next), claims: false, leaseUntilMs: undefined };
    await this.#apply({ tasks: [change], jobs: [] }, new Set(), async (trx) => {
      if (next.state !== "done") return;
      if (kind === "deploy" && image !== undefined) await writeDeployment(trx, machine, image, at);
      if (kind !== "wipe" && (spec.after ?? "reboot") !== "stay") {
        await trx.updateTable("machines").set({ next_plan: "local" }).where("id", "=", machine).execute();
      }
    });
    this.#watch.finished(task.job);
    await this.#schedule();
  }

  #reasoned(task: OpenTask, next: TaskRecord): TaskRecord {
    const at = timeText(this.#deps.clock.now());
    const changedAt = next.state === task.record.state ? next.changedAt : at;
    return {
      ...next,
      reason: reasonOf(task.job.record, next),
      changedAt,
      ...(isOver(next.state) && { finishedAt: at }),
    };
  }

  /** Newer figures of a task. */
  #note(task: OpenTask, progress: TaskProgress): void {
    task.progress = progress;
    task.isUnsaved = true;
    this.#dirty.add(task.job);
    this.#watch.moved(task);
  }

  async #schedule(): Promise<void> {
    // What one look ends may let something else begin; each task changes a few times at most.
    for (let looks = 0; looks < 5; looks += 1) {
      const nowMs = this.#deps.clock.now();
      const present = new Set<string>();
      for (const [machine, heardMs] of this.#heardMs) {
        if (nowMs - heardMs < leaseMs) present.add(machine);
        else this.#heardMs.delete(machine);
      }
      const decisions = schedule({
        nowMs,
        minuteOfDay: this.#deps.minuteOfDay(nowMs),
        ...this.#book.scheduled(),
        present,
        slots: this.#deps.slots,
      });
      if (decisions.length === 0) return;
      await this.#carryOut(decisions, nowMs);
    }
  }

  async #carryOut(decisions: readonly Decision[], nowMs: number): Promise<void> {
    const tasks: TaskChange[] = [];
    const jobs: JobRecord[] = [];
    const lost = new Set<string>();
    for (const decision of decisions) {
      if (decision.kind === "job") {
        const job = this.#book.job(Number(decision.id));
        if (job !== undefined) jobs.push({ ...job.record, state: decision.state, reason: decision.reason });
        continue;
      }
      const task = this.#book.task(decision.id);
      if (task === undefined) continue;
      if (decision.lost === true) lost.add(decision.id);
      const leaseUntilMs =
        decision.slot === "grant" ? nowMs + leaseMs : decision.slot === "keep" ? task.leaseUntilMs : undefined;
      tasks.push({ task, record: decided(task, decision, timeText(nowMs)), claims: decision.claims, leaseUntilMs });
    }
    await this.#apply({ tasks, jobs }, lost);
  }

  /** Makes changes durable, then tells of them. */
  async #apply(
    changes: { readonly tasks: readonly TaskChange[]; readonly jobs: readonly JobRecord[] },
    lost: ReadonlySet<string>,
    also: (trx: Database) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const { events, hub, clock, onError } = this.#deps;
    const at = timeText(clock.now());
    const before = new Map(changes.tasks.map(({ task }) => [task, task.record]));
    const jobsBefore = new Map(changes.jobs.map((record) => [record.id, this.#book.job(record.id)?.record.state]));
    const moved = changes.tasks.filter(({ task, record }) => task.record.state !== record.state);
    const over = await this.#book.apply(changes, at, async (trx) => {
      await this.log.write(
        trx,
        at,
        moved.map(({ record }) => record),
      );
      await also(trx);
    });
    for (const { task, record } of changes.tasks) {
      const event = taskEvent(task.job.record, before.get(task) ?? record, record, lost.has(record.id));
      if (event !== undefined) events.record(event).catch(onError);
      if (hub.readerCount > 0) hub.publish({ type: "task", task: taskView(record) });
      this.#dirty.add(task.job);
    }
    for (const record of changes.jobs) {
      const event = record.state === jobsBefore.get(record.id) ? undefined : jobEvent(record);
      if (event !== undefined) events.record(event).catch(onError);
      if (hub.readerCount > 0)
        hub.publish({
          type: "job",
          job: this.viewOf(record.id) ?? jobView(over.find((job) => job.id === record.id) ?? record),
        });
    }
    for (const record of over) for (const job of this.#dirty) if (job.record.id === record.id) this.#dirty.delete(job);
  }

  /** Writes figures that are only in memory, and tells of them. */
  async #save(): Promise<void> {
    const { hub, clock } = this.#deps;
    const nowMs = clock.now();
    const saved = await this.#book.saveProgress(async (trx, tasks) => {
      const due = tasks.filter((task) => nowMs - task.loggedMs >= LOG_EVERY_MS);
      for (const task of due) task.loggedMs = nowMs;
      await this.log.write(
        trx,
        timeText(nowMs),
        due.map((task) => task.current),
      );
    });
    await this.log.prune();
    if (hub.readerCount > 0) {
      for (const task of saved) hub.publish({ type: "task", task: taskView(task.current) });
      for (const job of this.#dirty) hub.publish({ type: "job", job: jobView(job.record, job.summary) });
    }
    this.#dirty.clear();
  }

  /** Takes a job back into the book that was over. @throws ControlError `notFound`. */
  async #reopen(id: number): Promise<OpenJob> {
    const { db } = this.#deps;
    const record = await readJob(db, id);
    if (record === undefined) throw new ControlError("notFound", `job ${id}: there is none of that number`);
    return this.#book.add(record, await listTasks(db, { jobId: id }));
  }
}

/** The task after a decision of the scheduler. */
function decided(task: OpenTask, decision: TaskDecision, at: string): TaskRecord {
  const { current } = task;
  const { state, reason, slot, stopped } = decision;
  const isMoved = state !== current.state;
  return {
    ...current,
    state,
    reason,
    begun: current.begun || slot === "grant",
    startedAt: current.startedAt ?? (slot === "grant" ? at : undefined),
    finishedAt: isOver(state) ? at : undefined,
    changedAt: isMoved ? at : current.changedAt,
    progress: needsSlot(state) ? current.progress : { ...current.progress, bytesPerSecond: NO_PROGRESS.bytesPerSecond },
    error: stopped === true ? { code: "job-stopped", message: reason } : current.error,
  };
}

/** What an agent hears that reports on a task that is over. */
function endedAs(task: Pick<TaskRecord, "id" | "state">, report: TaskReport): TaskReportAnswer {
  return task.state === report.state ? {} : { stop: { taskId: task.id, reason: "cancelled" } };
}
