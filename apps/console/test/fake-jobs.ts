import type { Job, Task, TaskProgress, TaskState } from "@ingot/api";

const GiB = 2 ** 30;
const MiB = 2 ** 20;

const NOTHING: TaskProgress = {
  totalBytes: 0,
  doneBytes: 0,
  bytes: { seed: 0, peers: 0, multicast: 0, local: 0 },
  bytesPerSecond: 0,
  hashesVerified: 0,
  retries: 0,
  errors: 0,
};

const NONE: Readonly<Record<TaskState, number>> = {
  waiting: 0,
  booting: 0,
  preparing: 0,
  filling: 0,
  finishing: 0,
  paused: 0,
  done: 0,
  failed: 0,
  cancelled: 0,
};

/** A job of 24 machines that is half done, with what `facts` says otherwise. */
export function makeJob(nowMs: number, facts: Partial<Job>): Job {
  return {
    id: "j-1",
    kind: "deploy",
    state: "running",
    reason: "15 of 24 machines are under way",
    image: { name: "win11-lab", version: 7, manifestId: "ab".repeat(32) },
    method: "auto",
    priority: 50,
    createdAt: new Date(nowMs - 130_000).toISOString(),
    startedAt: new Date(nowMs - 120_000).toISOString(),
    waves: [100],
    alerts: [],
    counts: { ...NONE, done: 6, filling: 14, finishing: 1, failed: 1, waiting: 2 },
    progress: {
      ...NOTHING,
      totalBytes: 24 * 18 * GiB,
      doneBytes: 24 * 11 * GiB,
      bytes: { seed: 9 * GiB, peers: 102 * GiB, multicast: 61 * GiB, local: 92 * GiB },
      bytesPerSecond: 1640 * MiB,
      hashesVerified: 1_056_412,
      retries: 3,
    },
    ...facts,
  };
}

/** A task that is being filled, with what `facts` says otherwise. */
export function makeTask(nowMs: number, facts: Partial<Task>): Task {
  return {
    id: "t-1",
    jobId: "j-1",
    machine: "m1",
    machineName: "pc-01",
    state: "filling",
    reason: "filling the disk",
    wave: 1,
    attempt: 1,
    progress: {
      ...NOTHING,
      totalBytes: 18 * GiB,
      doneBytes: 11 * GiB,
      bytes: { seed: 0.4 * GiB, peers: 4.2 * GiB, multicast: 2.5 * GiB, local: 3.9 * GiB },
      bytesPerSecond: 109 * MiB,
      hashesVerified: 44_012,
    },
    startedAt: new Date(nowMs - 118_000).toISOString(),
    changedAt: new Date(nowMs - 90_000).toISOString(),
    ...facts,
  };
}

/** The tasks of `makeJob`. */
export function makeTasks(nowMs: number): Task[] {
  const states: TaskState[] = [
    ...Array<TaskState>(6).fill("done"),
    ...Array<TaskState>(14).fill("filling"),
    "finishing",
    "failed",
    "waiting",
    "waiting",
  ];
  return states.map((state, i) => {
    const name = `pc-${String(i + 1).padStart(2, "0")}`;
    const task = makeTask(nowMs, { id: `t-${i + 1}`, machine: `m${i + 1}`, machineName: name, state });
    const doneBytes = state === "done" || state === "finishing" ? 18 * GiB : (7 + (i % 5)) * GiB;
    const moves = state === "filling" ? (88 + (i % 7) * 5) * MiB : 0;
    if (state === "waiting") return { ...task, reason: "waits for a slot", progress: NOTHING };
    const progress = { ...task.progress, doneBytes, bytesPerSecond: moves };
    if (state !== "failed")
      return { ...task, reason: state === "done" ? "cloned and verified" : task.reason, progress };
    const message = "the disk has 120 GB, the image needs 256 GB; nothing was written";
    return { ...task, reason: message, error: { code: "disk-too-small", message }, progress: NOTHING };
  });
}
