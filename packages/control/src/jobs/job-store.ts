import type { CreateJob, JobAlert, JobKind, JobState, TaskError, TaskImage, TaskProgress, TaskState } from "@ingot/api";
import type { Insertable, Selectable } from "kysely";
import type { Database, JobsTable, TasksTable } from "../tables.ts";

/** How many tasks there are in each state, and how far they are together. */
export interface JobSummary {
  readonly counts: Readonly<Record<TaskState, number>>;
  readonly progress: TaskProgress;
  readonly alerts: readonly JobAlert[];
}

/** A job as it is stored. */
export interface JobRecord {
  readonly id: number;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly reason: string;
  readonly spec: CreateJob;
  readonly image: TaskImage | undefined;
  readonly priority: number;
  readonly createdAt: string;
  readonly startedAt: string | undefined;
  readonly finishedAt: string | undefined;
  readonly summary: JobSummary;
}

/** A task as it is stored. */
export interface TaskRecord {
  readonly id: string;
  readonly jobId: number;
  readonly machine: string;
  readonly machineName: string;
  readonly position: number;
  readonly wave: number;
  readonly state: TaskState;
  readonly reason: string;
  readonly attempt: number;
  readonly begun: boolean;
  readonly image: TaskImage | undefined;
  readonly progress: TaskProgress;
  readonly error: TaskError | undefined;
  readonly note: string | undefined;
  readonly startedAt: string | undefined;
  readonly finishedAt: string | undefined;
  readonly changedAt: string;
}

/** How many rows one statement writes: well under the variable limit of every database. */
const rowsPerInsert = 500;

/** Writes a new job; answers its number. */
export async function insertJob(db: Database, job: Omit<JobRecord, "id">): Promise<number> {
  const { id } = await db.insertInto("jobs").values(rowOfJob(job)).returning("id").executeTakeFirstOrThrow();
  return id;
}

/** Writes new tasks. */
export async function insertTasks(db: Database, tasks: readonly TaskRecord[]): Promise<void> {
  for (let at = 0; at < tasks.length; at += rowsPerInsert) {
    await db
      .insertInto("tasks")
      .values(tasks.slice(at, at + rowsPerInsert).map(rowOfTask))
      .execute();
  }
}

/** Writes what may have changed of a job. */
export async function updateJob(db: Database, job: JobRecord): Promise<void> {
  const { state, reason, started_at, finished_at, summary } = rowOfJob(job);
  await db
    .updateTable("jobs")
    .set({ state, reason, started_at, finished_at, summary })
    .where("id", "=", job.id)
    .execute();
}

/** Writes what may have changed of a task. */
export async function updateTask(db: Database, task: TaskRecord): Promise<void> {
  const { id, job_id: _job, machine_id: _machine, position: _position, wave: _wave, ...changes } = rowOfTask(task);
  await db.updateTable("tasks").set(changes).where("id", "=", id).execute();
}

/** Jobs, newest first; those with a lower number than `before`. */
export async function listJobs(
  db: Database,
  query: { readonly limit: number; readonly before?: number | undefined; readonly isOpen?: boolean | undefined },
): Promise<JobRecord[]> {
  let select = db.selectFrom("jobs").selectAll().orderBy("id", "desc").limit(query.limit);
  if (query.before !== undefined) select = select.where("id", "<", query.before);
  if (query.isOpen === true) select = select.where("finished_at", "is", null);
  return (await select.execute()).map(jobOfRow);
}

/** How many jobs there are. */
export async function countJobs(db: Database): Promise<number> {
  const row = await db
    .selectFrom("jobs")
    .select(({ fn }) => fn.countAll().as("count"))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** One job. */
export async function readJob(db: Database, id: number): Promise<JobRecord | undefined> {
  const row = await db.selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : jobOfRow(row);
}

/** Tasks of a job in their order, those after position `after`. */
export async function listTasks(
  db: Database,
  query: { readonly jobId: number; readonly limit?: number | undefined; readonly after?: number | undefined },
): Promise<TaskRecord[]> {
  let select = db.selectFrom("tasks").selectAll().where("job_id", "=", query.jobId).orderBy("position");
  if (query.after !== undefined) select = select.where("position", ">", query.after);
  if (query.limit !== undefined) select = select.limit(query.limit);
  return (await select.execute()).map(taskOfRow);
}

/** What was deployed last to these machines. */
export async function readDeployments(
  db: Database,
  machines: readonly string[],
): Promise<ReadonlyMap<string, TaskImage>> {
  const found = new Map<string, TaskImage>();
  for (let at = 0; at < machines.length; at += rowsPerInsert) {
    const rows = await db
      .selectFrom("deployments")
      .selectAll()
      .where("machine_id", "in", machines.slice(at, at + rowsPerInsert))
      .execute();
    for (const row of rows) {
      found.set(row.machine_id, { name: row.image, version: row.version, manifestId: row.manifest_id });
    }
  }
  return found;
}

/** Notes what is on a machine's disk now. */
export async function writeDeployment(db: Database, machine: string, image: TaskImage, at: string): Promise<void> {
  const values = { image: image.name, version: image.version, manifest_id: image.manifestId, deployed_at: at };
  await db
    .insertInto("deployments")
    .values({ machine_id: machine, ...values })
    .onConflict((conflict) => conflict.column("machine_id").doUpdateSet(values))
    .execute();
}

function rowOfJob(job: Omit<JobRecord, "id">): Insertable<JobsTable> {
  return {
    kind: job.kind,
    state: job.state,
    reason: job.reason,
    spec: JSON.stringify(job.spec),
    image: job.image === undefined ? null : JSON.stringify(job.image),
    priority: job.priority,
    created_at: job.createdAt,
    started_at: job.startedAt ?? null,
    finished_at: job.finishedAt ?? null,
    summary: JSON.stringify(job.summary),
  };
}

function jobOfRow(row: Selectable<JobsTable>): JobRecord {
  return {
    id: row.id,
    kind: row.kind as JobKind,
    state: row.state as JobState,
    reason: row.reason,
    spec: JSON.parse(row.spec) as CreateJob,
    image: row.image === null ? undefined : (JSON.parse(row.image) as TaskImage),
    priority: row.priority,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    // Jobs of older versions have no alerts.
    summary: { alerts: [], ...(JSON.parse(row.summary) as Omit<JobSummary, "alerts">) },
  };
}

function rowOfTask(task: TaskRecord): Insertable<TasksTable> {
  return {
    id: task.id,
    job_id: task.jobId,
    machine_id: task.machine,
    machine_name: task.machineName,
    position: task.position,
    wave: task.wave,
    state: task.state,
    reason: task.reason,
    attempt: task.attempt,
    begun: task.begun ? 1 : 0,
    image: task.image === undefined ? null : JSON.stringify(task.image),
    progress: JSON.stringify(task.progress),
    error: task.error === undefined ? null : JSON.stringify(task.error),
    note: task.note ?? null,
    started_at: task.startedAt ?? null,
    finished_at: task.finishedAt ?? null,
    changed_at: task.changedAt,
  };
}

function taskOfRow(row: Selectable<TasksTable>): TaskRecord {
  return {
    id: row.id,
    jobId: row.job_id,
    machine: row.machine_id,
    machineName: row.machine_name,
    position: row.position,
    wave: row.wave,
    state: row.state as TaskState,
    reason: row.reason,
    attempt: row.attempt,
    begun: row.begun === 1,
    image: row.image === null ? undefined : (JSON.parse(row.image) as TaskImage),
    progress: JSON.parse(row.progress) as TaskProgress,
    error: row.error === null ? undefined : (JSON.parse(row.error) as TaskError),
    note: row.note ?? undefined,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    changedAt: row.changed_at,
  };
}
