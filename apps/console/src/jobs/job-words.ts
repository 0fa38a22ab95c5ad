import type { Job, JobKind, JobState, Task, TaskProgress, TaskState } from "@ingot/api";
import { compareNames } from "../live/fleet.ts";

/** How a state looks: which of the page's colours it has. */
export type Tone = "failed" | "boot" | "up" | "info" | "off";

/** What an operator calls each kind of job. */
const KIND_LABELS: Readonly<Record<JobKind, string>> = {
  deploy: "Deploy",
  capture: "Capture",
  verify: "Verify",
  wipe: "Wipe",
};

/** States of jobs in words. */
export const JOB_LABELS: Readonly<Record<JobState, string>> = {
  scheduled: "Scheduled",
  running: "Running",
  paused: "Paused",
  stopped: "Stopped",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** Colours of jobs' states. */
export const JOB_TONES: Readonly<Record<JobState, Tone>> = {
  scheduled: "info",
  running: "boot",
  paused: "off",
  stopped: "failed",
  done: "up",
  failed: "failed",
  cancelled: "off",
};

/** States of tasks in words. */
export const TASK_LABELS: Readonly<Record<TaskState, string>> = {
  waiting: "Waiting",
  booting: "Booting",
  preparing: "Checking",
  filling: "Filling",
  finishing: "Finishing",
  paused: "Paused",
  done: "Done",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** Colours of tasks' states. */
export const TASK_TONES: Readonly<Record<TaskState, Tone>> = {
  waiting: "off",
  booting: "info",
  preparing: "info",
  filling: "boot",
  finishing: "boot",
  paused: "off",
  done: "up",
  failed: "failed",
  cancelled: "off",
};

/** The order in which states stand in a bar: what is over first, what has not begun last. */
export const TASK_ORDER: readonly TaskState[] = [
  "done",
  "failed",
  "cancelled",
  "finishing",
  "filling",
  "preparing",
  "booting",
  "paused",
  "waiting",
];

/** What a job does, in one line: "Deploy win11-lab:7". */
export function titleOf(job: Job): string {
  const { kind, image, captureTo } = job;
  if (captureTo !== undefined) return `${KIND_LABELS[kind]} to ${captureTo}`;
  return image === undefined ? KIND_LABELS[kind] : `${KIND_LABELS[kind]} ${image.name}:${image.version}`;
}

/** Machines of a job. */
export function machinesOf(job: Job): number {
  return Object.values(job.counts).reduce((sum, count) => sum + count, 0);
}

/** Whether nothing more will happen in it by itself. */
export function isOver({ state }: Job): boolean {
  return state === "done" || state === "failed" || state === "cancelled" || state === "stopped";
}

/** How far it is, 0 to 1; what is not known yet counts as not begun. */
export function shareDone({ totalBytes, doneBytes }: TaskProgress): number {
  return totalBytes === 0 ? 0 : Math.min(1, doneBytes / totalBytes);
}

/** Milliseconds until it is through at this rate; undefined when nothing moves or nothing is known. */
export function remainingMs({ totalBytes, doneBytes, bytesPerSecond }: TaskProgress): number | undefined {
  if (bytesPerSecond === 0 || totalBytes === 0) return undefined;
  return (Math.max(0, totalBytes - doneBytes) / bytesPerSecond) * 1000;
}

/** Where a task's bytes came from. */
export const SOURCES = ["local", "multicast", "peers", "seed"] as const;
/** One of {@link SOURCES}. */
export type Source = (typeof SOURCES)[number];

/** Sources in words. */
export const SOURCE_LABELS: Readonly<Record<Source, string>> = {
  local: "was there already",
  multicast: "multicast",
  peers: "from peers",
  seed: "from the server",
};

/** Which tasks are shown. */
export const TASK_SHOWS = ["all", "active", "failed"] as const;
/** One of {@link TASK_SHOWS}. */
type TaskShow = (typeof TASK_SHOWS)[number];

const ACTIVE: ReadonlySet<TaskState> = new Set(["booting", "preparing", "filling", "finishing"]);

/** The tasks that fit, those that need somebody first: failed, then under way, then the others; each by the machine's name. */
export function selectTasks(tasks: Iterable<Task>, text: string, show: TaskShow): readonly Task[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const rank = ({ state }: Task): number => (state === "failed" ? 0 : ACTIVE.has(state) ? 1 : 2);
  return [...tasks]
    .filter((task) => {
      if (show === "failed" && task.state !== "failed") return false;
      if (show === "active" && !ACTIVE.has(task.state)) return false;
      const all =
        `${task.machineName}\n${TASK_LABELS[task.state]}\n${task.reason}\n${task.error?.code ?? ""}`.toLowerCase();
      return words.every((word) => all.includes(word));
    })
    .sort((a, b) => rank(a) - rank(b) || compareNames(a.machineName, b.machineName));
}
