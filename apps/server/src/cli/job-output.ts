import { formatImageReference, type Job, type JobSeed, type Task, TASK_STATES, type TaskState } from "@ingot/api";
import { formatAgo, formatBytes, formatFacts, formatTable } from "./output.ts";

/** What a job does, in a few words: `deploy debian:3`. */
export function titleOf(job: Job): string {
  const image =
    job.captureTo ??
    (job.image === undefined ? undefined : formatImageReference({ name: job.image.name, version: job.image.version }));
  return image === undefined ? job.kind : `${job.kind} ${image}`;
}

/** How many machines are where: `3 filling, 21 done`. */
export function countsOf(counts: Job["counts"]): string {
  return TASK_STATES.filter((state) => counts[state] > 0)
    .map((state) => `${counts[state]} ${state}`)
    .join(", ");
}

/** How much of the content is in place; empty where that is not known. */
function shareOf({ doneBytes, totalBytes }: Job["progress"]): string {
  return totalBytes === 0 ? "" : `${Math.floor((doneBytes / totalBytes) * 100)} %`;
}

/** The list of jobs. */
export function describeJobs(jobs: readonly Job[], nowMs: number): string {
  return formatTable(
    ["JOB", "WHAT", "STATE", "MACHINES", "DONE", "RATE", "MADE"],
    jobs.map((job) => [
      job.id,
      titleOf(job),
      job.state,
      countsOf(job.counts),
      shareOf(job.progress),
      formatRate(job.progress.bytesPerSecond),
      formatAgo(job.createdAt, nowMs),
    ]),
    "no jobs; one begins with: ingot deploy IMAGE --to GROUP",
  );
}

/** One job with its tasks, and who gives what it deploys. */
export function describeJob(job: Job, tasks: readonly Task[], seeds: readonly JobSeed[]): string {
  const { progress, window } = job;
  const facts = formatFacts([
    ["job", job.id],
    ["what", titleOf(job)],
    ["state", `${job.state}: ${job.reason}`],
    ["machines", countsOf(job.counts)],
    ["method", job.method],
    ["preload", job.preload === undefined ? undefined : `the first ${job.preload} %`],
    ["priority", String(job.priority)],
    ["waves", job.waves.length > 1 ? job.waves.map((share) => `${share} %`).join(", ") : undefined],
    ["stops at", job.stopIfFailed === undefined ? undefined : `more than ${job.stopIfFailed} % failed`],
    ["window", window === undefined ? undefined : `${window.from} to ${window.to}`],
    ["not before", job.at],
    ["made", job.createdAt],
    ["begun", job.startedAt],
    ["over", job.finishedAt],
    [
      "content",
      progress.totalBytes === 0
        ? undefined
        : `${formatBytes(progress.doneBytes)} of ${formatBytes(progress.totalBytes)}, ${sourcesOf(job)}`,
    ],
    ...job.alerts.map((alert): [string, string] => ["alert", `${alert.at} ${alert.message}`]),
    ["comment", job.comment],
  ]);
  const parts = [facts, describeTasks(tasks), ...(seeds.length > 0 ? [describeSeeds(seeds)] : [])];
  return parts.join("\n\n");
}

/** Where the content came from. */
function sourcesOf({ progress: { bytes } }: Pick<Job, "progress">): string {
  return (["seed", "peers", "multicast", "local"] as const)
    .filter((source) => bytes[source] > 0)
    .map((source) => `${formatBytes(bytes[source])} ${source === "local" ? "there already" : `from ${source}`}`)
    .join(", ");
}

/** A job's tasks. */
function describeTasks(tasks: readonly Task[]): string {
  return formatTable(
    ["MACHINE", "WAVE", "STATE", "DONE", "RATE", "TRY", "WHY"],
    tasks.map((task) => [
      task.machineName,
      String(task.wave),
      task.state,
      shareOf(task.progress),
      formatRate(task.state === "filling" ? task.progress.bytesPerSecond : 0),
      String(task.attempt),
      task.error?.sector === undefined ? task.reason : `${task.reason} (sector ${task.error.sector})`,
    ]),
    "no tasks",
  );
}

/** Who gives what a job deploys, and what was measured of them. */
function describeSeeds(seeds: readonly JobSeed[]): string {
  return formatTable(
    ["SEED", "SITE", "HOLDS", "IS", "ANSWERS AT", "AFTER", "BUSY", "RECEIVERS", "SCORE"],
    seeds.map((seed) => [
      seed.isServer ? "server" : (seed.address ?? seed.fingerprint.slice(0, 12)),
      seed.site,
      seed.partPieces === undefined ? "all" : `${seed.heldPieces} of a part of ${seed.partPieces}`,
      seed.standing,
      formatRate(seed.uploadRate ?? 0),
      seed.latencyMs === undefined ? "" : `${Math.round(seed.latencyMs)} ms`,
      `${Math.round(seed.load * 100)} %`,
      String(seed.receivers),
      seed.score === undefined ? "" : `${seed.score.toFixed(2)} s`,
    ]),
    "no seeds",
  );
}

/** Megabytes a second, as disks and networks are compared; empty for none. */
function formatRate(bytesPerSecond: number): string {
  return bytesPerSecond === 0 ? "" : `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
}

const busyStates: readonly TaskState[] = [
  "filling",
  "finishing",
  "preparing",
  "failed",
  "paused",
  "booting",
  "waiting",
];

/** What a terminal shows while a job goes on: a bar, the counts, and as many machines as there is room for, the busiest first. */
export function renderWatch(
  job: Job,
  tasks: readonly Task[],
  room: { readonly columns: number; readonly rows: number },
): string[] {
  const { doneBytes, totalBytes, bytesPerSecond } = job.progress;
  const share = job.state === "done" ? 1 : totalBytes === 0 ? 0 : doneBytes / totalBytes;
  const width = Math.max(10, Math.min(40, room.columns - 40));
  const filled = Math.round(width * share);
  const secondsLeft =
    bytesPerSecond > 0 && totalBytes > doneBytes ? Math.ceil((totalBytes - doneBytes) / bytesPerSecond) : undefined;
  const parts = [
    `${"█".repeat(filled)}${"░".repeat(width - filled)} ${Math.floor(share * 100)} %`,
    formatRate(bytesPerSecond),
    secondsLeft === undefined ? "" : `${secondsLeft} s left`,
  ];
  const lines = [
    `job ${job.id}  ${titleOf(job)}  ${job.state}: ${job.reason}`,
    parts.filter((part) => part !== "").join("  "),
    countsOf(job.counts),
  ];
  const space = Math.max(0, room.rows - lines.length - 2);
  const shown = tasks
    .filter((task) => busyStates.includes(task.state))
    .toSorted((a, b) => busyStates.indexOf(a.state) - busyStates.indexOf(b.state));
  const nameWidth = Math.max(0, ...shown.slice(0, space).map((task) => task.machineName.length));
  for (const task of shown.slice(0, space)) {
    const detail =
      task.state === "filling" ? `${shareOf(task.progress)}  ${formatRate(task.progress.bytesPerSecond)}` : task.reason;
    lines.push(`  ${task.machineName.padEnd(nameWidth)}  ${task.state.padEnd(9)}  ${detail}`.trimEnd());
  }
  if (shown.length > space) lines.push(`  and ${shown.length - space} more`);
  return lines.map((line) => line.slice(0, room.columns));
}
