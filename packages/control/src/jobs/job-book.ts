import type { JobAlert, TaskProgress } from "@ingot/api";
import type { Database } from "../tables.ts";
import {
  type JobRecord,
  type JobSummary,
  listJobs,
  listTasks,
  type TaskRecord,
  updateJob,
  updateTask,
} from "./job-store.ts";
import { summarize } from "./job-view.ts";
import { waitsForSeeds } from "./job-seeds.ts";
import type { StartAttempt } from "./machine-starts.ts";
import { isClosed, isOver, needsSlot, type ScheduledJob, type ScheduledTask } from "./schedule.ts";
import { type StartRules, startRulesOf } from "./start-rules.ts";

/** A task of a job that is not over. */
export class OpenTask {
  readonly job: OpenJob;
  record: TaskRecord;
  /** Its machine is to start the agent. */
  claims = false;
  /** Until when it has its slot. */
  leaseUntilMs: number | undefined;
  /** Newer than the record's. */
  progress: TaskProgress;
  /** The stored progress is older. */
  isUnsaved = false;
  /** As much of it as was counted for the server's metrics. */
  metered: TaskProgress;
  /** When it got its first slot, since the server started. */
  beganMs: number | undefined;
  /** When the job's log got a line of it. */
  loggedMs = 0;
  /** Since when it has been slow. */
  slowSinceMs: number | undefined;
  /** Somebody was told that it is slow, in this attempt. */
  toldSlow = false;
  /** It is done beside the machine's own system. */
  isBeside = false;
  /** What was done to get its machine to start the agent, since it last had a slot. */
  start: StartAttempt | undefined;
  /** Why its machine has not started the agent yet. */
  bootNote: string | undefined;

  constructor(job: OpenJob, record: TaskRecord) {
    this.job = job;
    this.record = record;
    this.progress = record.progress;
    this.metered = record.progress;
  }

  /** The record with the newest progress. */
  get current(): TaskRecord {
    return this.record.progress === this.progress ? this.record : { ...this.record, progress: this.progress };
  }
}

/** A job that is not over. */
export class OpenJob {
  record: JobRecord;
  tasks: readonly OpenTask[] = [];
  /** Somebody was told that many of its tasks failed. */
  toldErrors = false;
  /** Why none of its tasks begins yet. */
  waitsFor: string | undefined;
  /** The newest of what somebody was told of it. */
  alerts: readonly JobAlert[];
  readonly rules: StartRules;

  constructor(record: JobRecord) {
    this.record = record;
    this.alerts = record.summary.alerts;
    this.rules = startRulesOf(record.spec);
    this.waitsFor = waitsForSeeds(record.spec);
  }

  /** Counts and sums as of now. */
  get summary(): JobSummary {
    return summarize(
      this.tasks.map((task) => task.current),
      this.alerts,
    );
  }
}

/** What becomes of a task. */
export interface TaskChange {
  readonly task: OpenTask;
  readonly record: TaskRecord;
  readonly claims: boolean;
  readonly leaseUntilMs: number | undefined;
}

/** Every job that is not over, with its tasks, in memory; what changes is written first. Callers take turns. */
export class JobBook {
  readonly #db: Database;
  readonly #jobs = new Map<number, OpenJob>();
  readonly #tasks = new Map<string, OpenTask>();
  /** The task that has a machine. */
  readonly #claims = new Map<string, OpenTask>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Reads the jobs that are not over. Tasks that had a slot keep it until `leaseUntilMs`: it was the server that was away. */
  async load(limit: number, leaseUntilMs: number): Promise<void> {
    for (const record of await listJobs(this.#db, { limit, isOpen: true })) {
      this.add(record, await listTasks(this.#db, { jobId: record.id }), leaseUntilMs);
    }
  }

  /** Takes a job in. */
  add(record: JobRecord, tasks: readonly TaskRecord[], leaseUntilMs?: number): OpenJob {
    const job = new OpenJob(record);
    job.tasks = tasks.map((task) => new OpenTask(job, task));
    this.#jobs.set(record.id, job);
    for (const task of job.tasks) {
      this.#tasks.set(task.record.id, task);
      if (!needsSlot(task.record.state)) continue;
      task.leaseUntilMs = leaseUntilMs;
      this.#setClaim(task, true);
    }
    return job;
  }

  get jobs(): readonly OpenJob[] {
    return [...this.#jobs.values()];
  }

  job(id: number): OpenJob | undefined {
    return this.#jobs.get(id);
  }

  task(id: string): OpenTask | undefined {
    return this.#tasks.get(id);
  }

  /** The task that has a machine: with a slot, or next in turn. */
  claimOf(machine: string): OpenTask | undefined {
    return this.#claims.get(machine);
  }

  /** The tasks that have a machine, each its own. */
  claimed(): Iterable<OpenTask> {
    return this.#claims.values();
  }

  /** The tasks of a machine that are not over. */
  tasksOf(machine: string): readonly OpenTask[] {
    return [...this.#tasks.values()].filter((task) => task.record.machine === machine && !isOver(task.record.state));
  }

  /** What the scheduler looks at. */
  scheduled(): { readonly jobs: ScheduledJob[]; readonly tasks: ScheduledTask[] } {
    const jobs: ScheduledJob[] = [];
    const tasks: ScheduledTask[] = [];
    for (const job of this.#jobs.values()) {
      const { id, kind, state, reason, priority, spec } = job.record;
      jobs.push({
        id: String(id),
        kind,
        state,
        reason,
        priority,
        order: id,
        method: spec.kind === "deploy" ? spec.method : undefined,
        startAtMs: spec.at === undefined ? undefined : Date.parse(spec.at),
        window: spec.window,
        stopIfFailed: spec.stopIfFailed,
        waitsFor: job.waitsFor,
        runsInstalled: job.rules.runsInstalled,
      });
      for (const { record, claims, leaseUntilMs, bootNote } of job.tasks) {
        const { machine, wave, begun } = record;
        const { id: taskId, state: taskState, reason: taskReason } = record;
        tasks.push({
          id: taskId,
          jobId: String(id),
          machine,
          state: taskState,
          reason: taskReason,
          wave,
          begun,
          claims,
          leaseUntilMs,
          bootNote,
        });
      }
    }
    return { jobs, tasks };
  }

  /**
   * Makes changes durable, then visible. `also` is written in the same transaction. Answers the jobs that are over with them;
   * they are no longer in the book.
   */
  async apply(
    changes: { readonly tasks: readonly TaskChange[]; readonly jobs: readonly JobRecord[] },
    nowText: string,
    also: (trx: Database) => Promise<void> = () => Promise.resolve(),
  ): Promise<JobRecord[]> {
    const newest = new Map(changes.tasks.map((change) => [change.task, change.record]));
    const records = this.#jobsAfter(changes, newest, nowText);
    await this.#db.transaction().execute(async (trx) => {
      for (const { record } of changes.tasks) await updateTask(trx, record);
      for (const record of records) await updateJob(trx, record);
      await also(trx);
    });
    for (const { task, record, claims, leaseUntilMs } of changes.tasks) {
      task.record = record;
      task.progress = record.progress;
      task.isUnsaved = false;
      task.leaseUntilMs = leaseUntilMs;
      if (needsSlot(record.state) || isOver(record.state)) {
        task.start = undefined;
        task.bootNote = undefined;
      }
      this.#setClaim(task, claims);
    }
    const over: JobRecord[] = [];
    for (const record of records) {
      const job = this.#jobs.get(record.id);
      if (job !== undefined) job.record = record;
      if (record.finishedAt === undefined) continue;
      over.push(record);
      this.remove(record.id);
    }
    return over;
  }

  /** Writes progress that is only in memory; answers the tasks that had some. */
  async saveProgress(also: (trx: Database, tasks: readonly OpenTask[]) => Promise<void>): Promise<readonly OpenTask[]> {
    const unsaved = [...this.#tasks.values()].filter((task) => task.isUnsaved);
    if (unsaved.length === 0) return unsaved;
    const saved = unsaved.map((task) => ({ id: task.record.id, progress: JSON.stringify(task.progress) }));
    for (const task of unsaved) task.isUnsaved = false;
    await this.#db.transaction().execute(async (trx) => {
      for (const { id, progress } of saved)
        await trx.updateTable("tasks").set({ progress }).where("id", "=", id).execute();
      await also(trx, unsaved);
    });
    return unsaved;
  }

  /** The jobs that these changes touch, as they are afterwards. */
  #jobsAfter(
    changes: { readonly tasks: readonly TaskChange[]; readonly jobs: readonly JobRecord[] },
    newest: ReadonlyMap<OpenTask, TaskRecord>,
    nowText: string,
  ): JobRecord[] {
    const touched = new Map<OpenJob, JobRecord>();
    // Of a large job each change costs a look at all its tasks: only where the job itself may change with it.
    for (const { task, record } of changes.tasks) {
      const { job } = task;
      const begins = job.record.startedAt === undefined && record.startedAt !== undefined;
      if (begins || isClosed(job.record.state)) touched.set(job, job.record);
    }
    for (const record of changes.jobs) {
      const job = this.#jobs.get(record.id);
      if (job !== undefined) touched.set(job, record);
    }
    return [...touched].map(([job, record]) => {
      const tasks = job.tasks.map((task) => newest.get(task) ?? task.current);
      const startedAt = record.startedAt ?? (tasks.some((task) => task.startedAt !== undefined) ? nowText : undefined);
      const isFinished = isClosed(record.state) && tasks.every((task) => isOver(task.state));
      return {
        ...record,
        startedAt,
        finishedAt: isFinished ? nowText : undefined,
        summary: summarize(tasks, job.alerts),
      };
    });
  }

  #setClaim(task: OpenTask, claims: boolean): void {
    task.claims = claims;
    const { machine } = task.record;
    if (claims) this.#claims.set(machine, task);
    else if (this.#claims.get(machine) === task) this.#claims.delete(machine);
  }

  /** Takes a job out. */
  remove(id: number): void {
    for (const task of this.#jobs.get(id)?.tasks ?? []) {
      this.#setClaim(task, false);
      this.#tasks.delete(task.record.id);
    }
    this.#jobs.delete(id);
  }
}
