import { each, type Metric, one } from "./metric.ts";
import type { ServerFacts } from "./server-facts.ts";

/** What is counted of jobs: gauges of those that are not over, counters since the server started. */
export const JOB_METRICS: readonly Metric<ServerFacts>[] = [
  {
    name: "ingot_jobs_open",
    type: "gauge",
    help: "Jobs that are not over.",
    read: ({ jobs }) => one(jobs.openJobs),
  },
  {
    name: "ingot_tasks",
    type: "gauge",
    help: "Tasks, which are machines' parts of jobs that are not over, by state.",
    labels: ["state"],
    read: ({ jobs }) => each("state", Object.entries(jobs.tasksByState)),
  },
  {
    name: "ingot_tasks_finished_total",
    type: "counter",
    help: "Tasks that ended, by the job's kind and how they ended.",
    labels: ["kind", "state"],
    read: ({ jobs }) => jobs.finished.map(({ kind, state, count }) => ({ labels: { kind, state }, value: count })),
  },
  {
    name: "ingot_task_seconds_total",
    type: "counter",
    help: "Time that ended tasks took from their first slot on, by the job's kind; divided by the finished ones it is the time of one.",
    labels: ["kind"],
    read: ({ jobs }) => each("kind", jobs.secondsByKind),
  },
  {
    name: "ingot_task_bytes_total",
    type: "counter",
    help: "Bytes that tasks put in place, by where they came from; local was on the disk already.",
    labels: ["source"],
    read: ({ jobs }) => each("source", Object.entries(jobs.bytes)),
  },
  {
    name: "ingot_task_hashes_verified_total",
    type: "counter",
    help: "Chunks whose digest machines computed and found right.",
    read: ({ jobs }) => one(jobs.hashesVerified),
  },
  {
    name: "ingot_task_errors_total",
    type: "counter",
    help: "Sources that machines caught sending wrong bytes, and other errors that did not end a task.",
    read: ({ jobs }) => one(jobs.errors),
  },
  {
    name: "ingot_task_retries_total",
    type: "counter",
    help: "Requests that machines had to make again.",
    read: ({ jobs }) => one(jobs.retries),
  },
  {
    name: "ingot_job_alerts_total",
    type: "counter",
    help: "Times that somebody was told of a machine that is slow, or of a job that goes wrong.",
    labels: ["kind"],
    read: ({ jobs }) => each("kind", jobs.alerts),
  },
];
