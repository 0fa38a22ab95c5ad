import {
  type CreateJob,
  formatImageReference,
  type Job,
  type JobSeed,
  NO_PROGRESS,
  type Page,
  type Task,
  type TaskImage,
} from "@ingot/api";
import { timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import { requireImage } from "../image-references.ts";
import { MAX_OPEN_JOBS } from "../limits.ts";
import type { MachineRecord } from "../machine-store.ts";
import { nameOfJob } from "./job-events.ts";
import {
  countJobs,
  insertJob,
  insertTasks,
  type JobRecord,
  listJobs,
  listTasks,
  readDeployments,
  readJob,
  type TaskRecord,
} from "./job-store.ts";
import { resolveTargets } from "./job-targets.ts";
import { jobView, summarize, taskView } from "./job-view.ts";
import type { Jobs, JobsDeps } from "./jobs.ts";
import { isClosed, isOver } from "./schedule.ts";
import { assignWaves } from "./waves.ts";

/** What operators do with jobs: make them, look at them, pause, resume, cancel and retry them. */
export class JobDesk {
  readonly #deps: JobsDeps;
  readonly #jobs: Jobs;

  constructor(deps: JobsDeps, jobs: Jobs) {
    this.#deps = deps;
    this.#jobs = jobs;
  }

  /**
   * Makes a job. Which machines and which version are meant is decided now, and does not change when a group or tag does.
   * @throws ControlError `notFound`, `conflict`, `invalidRequest`, `busy` where too many jobs are open.
   */
  async create(spec: CreateJob): Promise<Job> {
    const { db, clock, events, inventory } = this.#deps;
    if (this.#jobs.open.length >= MAX_OPEN_JOBS) {
      throw new ControlError("busy", `${MAX_OPEN_JOBS} jobs are not over; cancel some or wait`);
    }
    const machines = await resolveTargets(db, inventory, spec.to);
    if (machines.length === 0) throw new ControlError("invalidRequest", "to: these groups have no machines");
    if (spec.kind === "capture" && machines.length > 1) {
      throw new ControlError("invalidRequest", `to: a capture takes one machine, got ${machines.length}`);
    }
    const images = await this.#imagesOf(spec, machines);
    const at = timeText(clock.now());
    const waves = assignWaves(machines.length, spec.waves ?? [100]);
    const drafts = machines.map(({ row }, position): TaskRecord => ({
      id: "",
      jobId: 0,
      machine: row.id,
      machineName: row.name,
      position,
      wave: waves[position] ?? 0,
      state: "waiting",
      reason: "the job was just made",
      attempt: 1,
      begun: false,
      image: images[position],
      progress: NO_PROGRESS,
      error: undefined,
      note: undefined,
      startedAt: undefined,
      finishedAt: undefined,
      changedAt: at,
    }));
    const [image] = images;
    const draft: Omit<JobRecord, "id"> = {
      kind: spec.kind,
      state: "scheduled",
      reason: spec.at === undefined ? "it was just made" : `it begins at ${spec.at}`,
      spec,
      image: images.every((other) => other?.manifestId === image?.manifestId) ? image : undefined,
      priority: spec.priority ?? 50,
      createdAt: at,
      startedAt: undefined,
      finishedAt: undefined,
      summary: summarize(drafts),
    };
    const { job, tasks } = await db.transaction().execute(async (trx) => {
      const id = await insertJob(trx, draft);
      const records = drafts.map((task) => ({ ...task, id: `${id}-${task.machine}`, jobId: id }));
      await insertTasks(trx, records);
      return { job: { ...draft, id }, tasks: records };
    });
    await events.record({
      kind: "job.created",
      image: job.image === undefined ? undefined : formatImageReference(job.image),
      message: `${nameOfJob(job)} was made for ${machines.length === 1 ? (machines[0]?.row.name ?? "") : `${machines.length} machines`}`,
      data: { job: String(job.id), machines: machines.length },
    });
    await this.#jobs.admit(job, tasks);
    return this.get(String(job.id));
  }

  /** One page of jobs, newest first. */
  async list(query: { readonly limit: number; readonly before?: number | undefined }): Promise<Job[]> {
    const records = await listJobs(this.#deps.db, query);
    return records.map((record) => this.#jobs.viewOf(record.id) ?? jobView(record));
  }

  /** How many jobs there are, over or not. */
  count(): Promise<number> {
    return countJobs(this.#deps.db);
  }

  /** @throws ControlError `notFound`. */
  async get(id: string): Promise<Job> {
    return this.#jobs.viewOf(numberOf(id)) ?? jobView(await this.#record(id));
  }

  /** One page of a job's tasks, in their order. @throws ControlError `notFound`. */
  async tasks(id: string, query: { readonly limit: number; readonly after?: number | undefined }): Promise<Page<Task>> {
    const record = await this.#record(id);
    const found = await listTasks(this.#deps.db, { jobId: record.id, limit: query.limit + 1, after: query.after });
    const page = found.slice(0, query.limit);
    const last = page.at(-1);
    const total = Object.values(record.summary.counts).reduce((sum, count) => sum + count, 0);
    return {
      items: page.map((task) => this.#jobs.taskView(task.id) ?? taskView(task)),
      total,
      ...(found.length > query.limit && last !== undefined && { nextCursor: String(last.position) }),
    };
  }

  /** Who gives what a job deploys, and what they are worth; empty where nobody knows. @throws ControlError `notFound`. */
  async seeds(id: string): Promise<readonly JobSeed[]> {
    const { image } = await this.#record(id);
    return image === undefined ? [] : (this.#jobs.seeds.register?.seedsOf(image.manifestId) ?? []);
  }

  /** The log as CSV. @throws ControlError `notFound`. */
  async log(id: string): Promise<ReadableStream<Uint8Array>> {
    return this.#jobs.log.csv((await this.#record(id)).id);
  }

  /** Nothing more is moved until `resume`. @throws ControlError `notFound`, `conflict`. */
  pause(id: string): Promise<Job> {
    return this.#jobs.change(numberOf(id), ({ record }) => {
      if (record.state !== "running" && record.state !== "scheduled") throw refused(record, "paused");
      return { job: { ...record, state: "paused", reason: "an operator paused it" } };
    });
  }

  /** Goes on. @throws ControlError `notFound`, `conflict`. */
  resume(id: string): Promise<Job> {
    return this.#jobs.change(numberOf(id), ({ record }) => {
      if (record.state !== "paused") throw refused(record, "resumed");
      return { job: { ...record, state: "scheduled", reason: "an operator resumed it" } };
    });
  }

  /** Ends it: machines that are at it stop where they are. @throws ControlError `notFound`, `conflict`. */
  cancel(id: string): Promise<Job> {
    return this.#jobs.change(numberOf(id), ({ record }) => {
      if (record.finishedAt !== undefined || record.state === "cancelled") throw refused(record, "cancelled");
      return { job: { ...record, state: "cancelled", reason: "an operator cancelled it" } };
    });
  }

  /** What failed or was cancelled is tried again; what is verified on its disk is not sent again. @throws ControlError `notFound`, `conflict`. */
  async retry(id: string): Promise<Job> {
    const at = timeText(this.#deps.clock.now());
    const job = await this.#jobs.change(numberOf(id), ({ record, tasks }) => {
      const again = tasks.filter(
        ({ record: { state, error } }) => isOver(state) && state !== "done" && error?.code !== "machine-removed",
      );
      if (again.length === 0) throw refused(record, "retried: no machine failed or was cancelled");
      const state = isClosed(record.state) ? "scheduled" : record.state;
      return {
        job: { ...record, state, reason: `an operator retries ${again.length} machines`, finishedAt: undefined },
        tasks: again.map((task) => ({ task, record: renewed(task.current, at) })),
      };
    });
    await this.#deps.events.record({ kind: "job.retried", message: `job ${job.id} is retried`, data: { job: job.id } });
    return job;
  }

  async #record(id: string): Promise<JobRecord> {
    const record = await readJob(this.#deps.db, numberOf(id));
    if (record !== undefined) return record;
    throw new ControlError("notFound", `job ${id}: there is none of that number`);
  }

  /** What each machine is to get, or is to be compared with. */
  async #imagesOf(spec: CreateJob, machines: readonly MachineRecord[]): Promise<(TaskImage | undefined)[]> {
    const { db } = this.#deps;
    if (spec.kind === "capture" || spec.kind === "wipe") return machines.map(() => undefined);
    if (spec.image !== undefined) {
      const { image, version, manifestId } = await requireImage(db, spec.image);
      return machines.map(() => ({ name: image, version, manifestId }));
    }
    const deployed = await readDeployments(
      db,
      machines.map(({ row }) => row.id),
    );
    const without = machines.filter(({ row }) => !deployed.has(row.id)).map(({ row }) => row.name);
    if (without.length > 0) {
      throw new ControlError(
        "conflict",
        `verify: nothing was deployed to ${without.slice(0, 10).join(", ")}${without.length > 10 ? ", …" : ""}; name an image`,
      );
    }
    return machines.map(({ row }) => deployed.get(row.id));
  }
}

function renewed(task: TaskRecord, at: string): TaskRecord {
  return {
    ...task,
    state: "waiting",
    reason: "it is tried again",
    attempt: task.attempt + 1,
    begun: false,
    error: undefined,
    finishedAt: undefined,
    changedAt: at,
  };
}

function refused(job: JobRecord, what: string): ControlError {
  return new ControlError("conflict", `job ${job.id}: is ${job.state} and cannot be ${what}`);
}

/** @throws ControlError `notFound`. */
function numberOf(id: string): number {
  if (/^[1-9]\d{0,14}$/.test(id)) return Number(id);
  throw new ControlError("notFound", `job ${JSON.stringify(id)}: jobs have numbers`);
}
