import { TASK_ERRORS } from "@ingot/api";
import { AgentError, codeOf, messageOf, taskErrorOf } from "../errors.ts";
import { describeHealth } from "../inventory/disk.ts";
import type { StopReason, TaskOutcome, WorkTask } from "../loop/agent-loop.ts";
import type { TaskContext } from "./task-context.ts";
import { TaskReporter } from "./task-reporter.ts";

/** What a task is run with, but for what the run makes itself. */
export type RunContext = Omit<TaskContext, "voice" | "onDisk"> & {
  readonly onStop: (reason: StopReason) => void;
  readonly onChange: TaskReporterChange;
  readonly onDisk: (description: string) => void;
  readonly onFailure: (message: string) => void;
};

type TaskReporterChange = ConstructorParameters<typeof TaskReporter>[2];

/** `deploy debian:3` */
export function titleOf(task: WorkTask): string {
  switch (task.kind) {
    case "deploy":
      return `deploy ${task.image.name}:${task.image.version}`;
    case "capture":
      return `capture as ${task.name}`;
    case "verify":
      return `${task.repair ? "repair" : "verify"} ${task.image.name}:${task.image.version}`;
    case "wipe":
      return `wipe (${task.method})`;
  }
}

/**
 * Runs a task to its end and sees to it that the server knows how it ended. A task that somebody stopped is not reported: the
 * server said so itself. Never rejects for a task's own failure.
 */
export async function runTask(context: RunContext, task: WorkTask): Promise<TaskOutcome> {
  const { session, signal } = context;
  const reporter = new TaskReporter(
    (report, reportSignal) => session.client.report(task.taskId, report, reportSignal),
    ({ taskId, reason }) => {
      if (taskId === task.taskId) context.onStop(reason);
    },
    context.onChange,
  );
  let diskPath: string | undefined;
  const onDisk = (path: string, description: string): void => {
    diskPath = path;
    context.onDisk(description);
  };
  try {
    const note = await work({ ...context, voice: reporter, onDisk }, task);
    await reporter.end("done", undefined, note, signal);
    return "done";
  } catch (error) {
    if (signal.aborted) {
      await reporter.close();
      return "stopped";
    }
    const { failure, smart } = await lookAtDisk(context, diskPath, error);
    const taskError = taskErrorOf(failure, TASK_ERRORS, smart);
    // A fault of ours: the log of this machine keeps the stack.
    if (taskError.code === "internal" && error instanceof Error)
      process.stderr.write(`${error.stack ?? error.message}\n`);
    context.onFailure(`${taskError.code}: ${taskError.message}`);
    try {
      await reporter.end("failed", taskError, undefined, signal);
    } catch (reportError) {
      if (signal.aborted) return "stopped";
      // The server refuses to hear of it: the task is not this machine's any more.
      if (!(reportError instanceof AgentError)) throw reportError;
      context.onFailure(`${taskError.code}: ${taskError.message} (not reported: ${messageOf(reportError)})`);
    }
    return "failed";
  }
}

async function work(context: TaskContext, task: WorkTask): Promise<string> {
  // Each kind is loaded when it is needed: most machines only ever need one.
  switch (task.kind) {
    case "deploy":
      return (await import("./deploy-task.ts")).runDeploy(context, task);
    case "verify":
      return (await import("./verify-task.ts")).runVerify(context, task);
    case "wipe":
      return (await import("./wipe-task.ts")).runWipe(context, task);
    case "capture":
      return (await import("./capture-task.ts")).runCapture(context, task);
  }
}

/** After a disk's failure: is it there still, and what does it say of itself? */
async function lookAtDisk(
  context: RunContext,
  path: string | undefined,
  error: unknown,
): Promise<{ failure: unknown; smart: string | undefined }> {
  const code = codeOf(error);
  const isDisk = /^(disk-|write-failed|read-failed|EIO|ENXIO|ENODEV)/.test(code);
  if (path === undefined || !isDisk) return { failure: error, smart: undefined };
  const { disks } = await context.inventory();
  const disk = disks.find((candidate) => candidate.path === path);
  if (disk === undefined)
    return {
      failure: new AgentError("disk-gone", `${path} is not there any more`, { cause: error }),
      smart: undefined,
    };
  return { failure: error, smart: describeHealth(disk.health) };
}
