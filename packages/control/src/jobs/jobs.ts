import { AGENT_LOST_SECONDS, type AgentPlan, type Job, NO_PROGRESS, type Task, type TaskProgress } from "@ingot/api";
import { type Clock, timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import type { EventLog } from "../event-log.ts";
import type { Inventory } from "../inventory.ts";
import { MAX_OPEN_JOBS } from "../limits.ts";
import type { LiveHub } from "../live-hub.ts";
import { KeyedMutex } from "../mutex.ts";
import type { ServerSettings } from "../server-settings.ts";
import type { Database } from "../tables.ts";
import { JobBook, type OpenJob, type OpenTask, type TaskChange } from "./job-book.ts";
import { jobEvent, taskEvent } from "./job-events.ts";
import { JobSeeds } from "./job-seeds.ts";
import { JobLog, LOG_EVERY_MS } from "./job-log.ts";
import { type JobRecord, readJob, listTasks, type TaskRecord } from "./job-store.ts";
import { JobMeter } from "./job-meter.ts";
import { jobView, taskView } from "./job-view.ts";
import { MachineStarts, type Wake } from "./machine-starts.ts";
import {
  type Decision,
  isOver,
  needsSlot,
  type Presence,
  schedule,
  type SlotLimits,
  type TaskDecision,
} from "./schedule.ts";
import { PLAN_OF_KIND } from "./task-render.ts";
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
  readonly settings: ServerSettings;
  /** Absent: machines are not switched on. */
  readonly wake: Wake | undefined;
  /** Minutes since midnight in the server's local time. */
  readonly minuteOfDay: (nowMs: number) => number;
  readonly onError: (error: unknown) => void;
}

/** Jobs that are not over: what each machine does for them, and when. */
export class Jobs {
  readonly log: JobLog;
  /** Tells of machines that are slow and of jobs that go wrong. */
  readonly watch: TaskWatch;
  /** What jobs have done since the server started. */
  readonly meter: JobMeter;
  /** Switches machines on and restarts them. */
  readonly starts: MachineStarts;
  /** What jobs ask of seeds. */
  readonly seeds: JobSeeds;
  readonly #deps: JobsDeps;
  readonly #book: JobBook;
  /** Everything that changes a state takes turns. */
  readonly #mutex = new KeyedMutex();
  /** When the agent of each machine was heard, and where it runs. */
  readonly #heard = new Map<string, { readonly atMs: number; readonly presence: Presence }>();
  readonly #dirty = new Set<OpenJob>();
  #pass: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #waking: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => undefined;
  #ticks = 0;

  private constructor(deps: JobsDeps) {
    this.#deps = deps;
    this.log = new JobLog(deps.db);
    this.#book = new JobBook(deps.db);
    this.starts = new MachineStarts(deps);
    this.seeds = new JobSeeds({ ...deps, jobs: () => this.#book.jobs, reschedule: () => this.reschedule() });
    this.meter = new JobMeter(this.#book);
    this.watch = new TaskWatch({ ...deps, meter: this.meter });
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
    await this.#waking;
    await this.#pass;
    await this.#saving;
    await this.#mutex.run("jobs", () => Promise.resolve());
  }

  /** One second passed. */
  tick(): void {
    this.#ticks += 1;
    if (this.#book.jobs.length > 0) this.reschedule().catch(this.#deps.onError);
    this.#waking = this.#waking.then(() => this.#wake()).catch(this.#deps.onError);
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

  /** Machines whose agent was heard lately. */
  get presentCount(): number {
    return this.#heard.size;
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
      const next = this.#changed(job, change);
      const tasks = (next.tasks ?? []).map((entry) => ({ ...entry, claims: false, leaseUntilMs: undefined }));
      await this.#apply({ tasks, jobs: [next.job] }, new Set());
      await this.#schedule();
      return jobView(job.record, job.summary);
    });
  }

  /** What a change makes of a job. One that stays over leaves the book again. */
  #changed<Next>(job: OpenJob, change: (job: OpenJob) => Next): Next {
    try {
      return change(job);
    } catch (error) {
      if (job.record.finishedAt !== undefined) this.#book.remove(job.record.id);
      throw error;
    }
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

  /** Runs what changes states, when everything that was begun before is through. Within it only {@link change} waits for its own turn. */
  turn<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#mutex.run("jobs", work);
  }

  /** A task that is not over. */
  task(id: string): OpenTask | undefined {
    return this.#book.task(id);
  }

  /** The task that has a machine: with a slot, or next in turn. */
  claimOf(machine: string): OpenTask | undefined {
    return this.#book.claimOf(machine);
  }

  /** The tasks of a machine that are not over. */
  tasksOf(machine: string): readonly OpenTask[] {
    return this.#book.tasksOf(machine);
  }

  /** The agent of a machine was heard. */
  hear(machine: string, presence: Presence): void {
    this.#heard.set(machine, { atMs: this.#deps.clock.now(), presence });
  }

  /** The agent of a machine is gone. */
  forget(machine: string): void {
    this.#heard.delete(machine);
  }

  /** Makes changes of tasks durable and tells of them. Only within a turn; `reschedule` afterwards lets others begin. */
  async put(changes: readonly TaskChange[], also?: (trx: Database) => Promise<void>): Promise<void> {
    await this.#apply({ tasks: changes, jobs: [] }, new Set(), also);
    for (const { task, record } of changes) if (isOver(record.state)) this.watch.finished(task.job);
  }

  /** Looks at what may begin now. Only within a turn. */
  look(): Promise<void> {
    return this.#schedule();
  }

  /** Newer figures of a task. */
  note(task: OpenTask, progress: TaskProgress): void {
    this.meter.moved(task, progress);
    task.progress = progress;
    task.isUnsaved = true;
    this.#dirty.add(task.job);
    this.watch.moved(task);
  }

  /** Switches machines on, and says so in their tasks. */
  async #wake(): Promise<void> {
    const woken = await this.starts.tick(this.#book.claimed(), (machine) => this.#heard.has(machine));
    if (woken > 0) await this.reschedule();
  }

  async #schedule(): Promise<void> {
    // What one look ends may let something else begin; each task changes a few times at most.
    for (let looks = 0; looks < 5; looks += 1) {
      const nowMs = this.#deps.clock.now();
      const present = new Map<string, Presence>();
      for (const [machine, { atMs, presence }] of this.#heard) {
        if (nowMs - atMs < leaseMs) present.set(machine, presence);
        else this.#heard.delete(machine);
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
    for (const { task, record } of changes.tasks) this.#count(task, record, clock.now());
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

  /** Counts what comes to a task, for the metrics. */
  #count(task: OpenTask, record: TaskRecord, nowMs: number): void {
    this.meter.moved(task, record.progress);
    if (record.state === task.record.state) return;
    if (needsSlot(record.state)) task.beganMs ??= nowMs;
    this.meter.entered(task, record.state, nowMs);
    if (isOver(record.state)) task.beganMs = undefined;
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
