import { type Job, type JobSeed, NO_PROGRESS, type Task, TASK_STATES, type TaskState } from "@ingot/api";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { describeJob, describeJobs, renderWatch } from "./job-output.ts";

const none = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
const job: Job = {
  id: "7",
  kind: "deploy",
  state: "running",
  reason: "it was started",
  image: { name: "debian", version: 3, manifestId: "0".repeat(64) },
  method: "auto",
  priority: 50,
  createdAt: "2026-11-22T08:00:00.000Z",
  waves: [100],
  alerts: [{ kind: "slow", at: "2026-11-22T08:00:00.000Z", message: "pc-1 gets 2.0 MB/s" }],
  counts: { ...none, filling: 1, failed: 1 },
  progress: {
    ...NO_PROGRESS,
    totalBytes: 1000,
    doneBytes: 500,
    bytesPerSecond: 100,
    bytes: { seed: 1024, peers: 2048, multicast: 0, local: 0 },
  },
};
const task = (machineName: string, state: TaskState, changes: Partial<Task> = {}): Task => ({
  id: `7-${machineName}`,
  jobId: "7",
  machine: machineName,
  machineName,
  state,
  reason: "content is on its way",
  wave: 1,
  attempt: 1,
  progress: { ...NO_PROGRESS, totalBytes: 500, doneBytes: 250, bytesPerSecond: 61_500_000 },
  changedAt: job.createdAt,
  ...changes,
});
const failed = task("pc-2", "failed", {
  reason: "sector 4096 cannot be written",
  error: { code: "disk-write", message: "sector 4096 cannot be written", sector: 4096 },
});
const linesOf = (text: string): string[] =>
  stripVTControlCharacters(text)
    .split("\n")
    .map((line) => line.trimEnd());

test("a job is a line", () => {
  expect(linesOf(describeJobs([job], Date.parse("2026-11-22T08:02:05.000Z")))).toEqual([
    "JOB  WHAT             STATE    MACHINES             DONE  RATE      MADE",
    "7    deploy debian:3  running  1 filling, 1 failed  50 %  0.0 MB/s  2 min ago",
  ]);
});

test("every machine's state has its reason beside it", () => {
  const lines = linesOf(describeJob(job, [task("pc-1", "filling"), failed], []));
  expect(lines).toContain("content   500 B of 1000 B, 1.0 KiB from seed, 2.0 KiB from peers");
  expect(lines.slice(-3)).toEqual([
    "MACHINE  WAVE  STATE    DONE  RATE       TRY  WHY",
    "pc-1     1     filling  50 %  61.5 MB/s  1    content is on its way",
    "pc-2     1     failed   50 %             1    sector 4096 cannot be written (sector 4096)",
  ]);
});

test("who gives what a job deploys stands below, with what was measured", () => {
  const nothing = { site: "", isServer: false, isComplete: false, load: 0, receivers: 0 };
  const seeds: JobSeed[] = [
    {
      ...nothing,
      fingerprint: "a".repeat(64),
      address: "10.0.0.1",
      isServer: true,
      isComplete: true,
      heldPieces: 100,
      standing: "good",
      load: 0.5,
      receivers: 12,
      uploadRate: 42_000_000,
      latencyMs: 1.4,
      score: 0.2,
    },
    {
      ...nothing,
      fingerprint: "b".repeat(64),
      address: "10.1.0.9",
      site: "berlin",
      heldPieces: 4,
      partPieces: 7,
      standing: "slow",
    },
    { ...nothing, fingerprint: "c".repeat(64), heldPieces: 0, partPieces: 7, standing: "silent" },
  ];
  expect(linesOf(describeJob(job, [], seeds)).slice(-4)).toEqual([
    "SEED          SITE    HOLDS             IS      ANSWERS AT  AFTER  BUSY  RECEIVERS  SCORE",
    "server                all               good    42.0 MB/s   1 ms   50 %  12         0.20 s",
    "10.1.0.9      berlin  4 of a part of 7  slow                       0 %   0",
    "cccccccccccc          0 of a part of 7  silent                     0 %   0",
  ]);
});

test("a terminal shows a bar, and the busy machines as far as there is room", () => {
  const tasks = [
    task("pc-1", "booting", { reason: "its machine is off" }),
    task("pc-2", "filling"),
    task("pc-3", "done"),
  ];
  expect(renderWatch(job, tasks, { columns: 60, rows: 20 })).toEqual([
    "job 7  deploy debian:3  running: it was started",
    "██████████░░░░░░░░░░ 50 %  0.0 MB/s  5 s left",
    "1 filling, 1 failed",
    "  pc-2  filling    50 %  61.5 MB/s",
    "  pc-1  booting    its machine is off",
  ]);
  const small = renderWatch(job, tasks, { columns: 20, rows: 6 });
  expect(small.at(-1)).toBe("  and 1 more");
  expect(Math.max(...small.map((line) => line.length))).toBeLessThanOrEqual(20);
});
