import {
  type EventKind,
  formatImageReference,
  type JobKind,
  type JobState,
  type TaskImage,
  type TaskState,
} from "@ingot/api";
import type { NewEvent } from "../event-log.ts";
import type { JobRecord, TaskRecord } from "./job-store.ts";

const verbs: Readonly<Record<JobKind, string>> = {
  deploy: "deploy",
  capture: "capture",
  verify: "verify",
  wipe: "wipe",
};

/** `job 7 (deploy debian:3)`. */
export function nameOfJob(job: JobRecord): string {
  const image = job.spec.kind === "capture" ? job.spec.image : imageText(job.image);
  return `job ${job.id} (${verbs[job.kind]}${image === undefined ? "" : ` ${image}`})`;
}

/** `NAME:VERSION`. */
export function imageText(image: TaskImage | undefined): string | undefined {
  return image === undefined ? undefined : formatImageReference({ name: image.name, version: image.version });
}

const kindOfJobState: Readonly<Partial<Record<JobState, EventKind>>> = {
  running: "job.running",
  paused: "job.paused",
  stopped: "job.stopped",
  cancelled: "job.cancelled",
  done: "job.done",
  failed: "job.failed",
};

/** What the history says of a job's new state; nothing where it says nothing. */
export function jobEvent(job: JobRecord): NewEvent | undefined {
  const kind = kindOfJobState[job.state];
  if (kind === undefined) return undefined;
  return {
    kind,
    image: imageText(job.image),
    message: `${nameOfJob(job)}: ${job.state}: ${job.reason}`,
    data: { job: String(job.id) },
  };
}

const kindOfTaskState: Readonly<Partial<Record<TaskState, EventKind>>> = {
  preparing: "task.started",
  done: "task.done",
  failed: "task.failed",
};

/** What the history says of a task's new state; nothing where it says nothing. */
export function taskEvent(job: JobRecord, before: TaskRecord, task: TaskRecord, isLost: boolean): NewEvent | undefined {
  const kind = isLost ? "task.lost" : before.state === task.state ? undefined : kindOfTaskState[task.state];
  if (kind === undefined) return undefined;
  return {
    kind,
    machine: task.machine,
    image: imageText(task.image),
    message: `${nameOfJob(job)}: ${task.machineName}: ${task.state}: ${task.reason}`,
    data: {
      job: String(job.id),
      task: task.id,
      ...(task.error !== undefined && { error: task.error.code }),
      ...(task.error?.sector !== undefined && { sector: task.error.sector }),
    },
  };
}

/** Why a task is in the state that its agent reported. */
export function reasonOf(job: JobRecord, task: TaskRecord): string {
  const image = imageText(task.image) ?? "the image";
  switch (task.state) {
    case "preparing":
      return "checks before the first write";
    case "filling":
      return job.kind === "deploy" ? "content is on its way" : "its disk is being worked through";
    case "finishing":
      return "what comes after the content: partition table, boot entry, host name";
    case "done":
      return {
        deploy: `${image} is on its disk`,
        capture: `it became ${image}`,
        // What it found beside that: its system's own changes, what it repaired.
        verify: task.note ?? `its disk is as ${image}`,
        wipe: "its disk is erased",
      }[job.kind];
    case "waiting":
    case "booting":
    case "paused":
    case "failed":
    case "cancelled":
      return task.error?.message ?? task.reason;
  }
}
