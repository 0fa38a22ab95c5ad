import {
  type Job,
  type JobAlert,
  NO_PROGRESS,
  type Task,
  TASK_STATES,
  type TaskProgress,
  type TaskState,
} from "@ingot/api";
import type { JobRecord, JobSummary, TaskRecord } from "./job-store.ts";
import { needsSlot } from "./schedule.ts";

/** The job as the API shows it. */
export function jobView(record: JobRecord, summary: JobSummary = record.summary): Job {
  const { id, kind, state, reason, spec, image, priority, createdAt, startedAt, finishedAt } = record;
  return {
    id: String(id),
    kind,
    state,
    reason,
    image,
    captureTo: spec.kind === "capture" ? spec.image : undefined,
    method: spec.kind === "deploy" ? (spec.method ?? "auto") : undefined,
    preload: spec.kind === "deploy" ? spec.preload : undefined,
    priority,
    createdAt,
    startedAt,
    finishedAt,
    at: spec.at,
    window: spec.window,
    waves: spec.waves ?? [100],
    stopIfFailed: spec.stopIfFailed,
    comment: spec.comment,
    ...summary,
  };
}

/** The task as the API shows it. */
export function taskView(record: TaskRecord): Task {
  const { jobId, wave, begun: _begun, position: _position, ...rest } = record;
  return { ...rest, jobId: String(jobId), wave: wave + 1 };
}

/** How many tasks are in which state, and how far they are together. */
export function summarize(tasks: Iterable<TaskRecord>, alerts: readonly JobAlert[] = []): JobSummary {
  const counts = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
  let progress = NO_PROGRESS;
  for (const { state, progress: part } of tasks) {
    counts[state] += 1;
    progress = addProgress(progress, needsSlot(state) ? part : { ...part, bytesPerSecond: 0 });
  }
  return { counts, progress, alerts };
}

function addProgress(a: TaskProgress, b: TaskProgress): TaskProgress {
  return {
    totalBytes: a.totalBytes + b.totalBytes,
    doneBytes: a.doneBytes + b.doneBytes,
    bytes: {
      seed: a.bytes.seed + b.bytes.seed,
      peers: a.bytes.peers + b.bytes.peers,
      multicast: a.bytes.multicast + b.bytes.multicast,
      local: a.bytes.local + b.bytes.local,
    },
    bytesPerSecond: a.bytesPerSecond + b.bytesPerSecond,
    hashesVerified: a.hashesVerified + b.hashesVerified,
    retries: a.retries + b.retries,
    errors: a.errors + b.errors,
  };
}
