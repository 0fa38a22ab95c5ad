import {
  type AgentPlan,
  type AgentTask,
  DEFAULT_DISK_RULE,
  type JobKind,
  parseDiskRule,
  type TaskImage,
} from "@ingot/api";
import { ControlError } from "../errors.ts";
import type { MachineRecord } from "../machine-store.ts";
import type { JobRecord, TaskRecord } from "./job-store.ts";
import { contentFor, hostNameFor } from "./templates.ts";

/** The plan by which a machine starts the agent for a job. */
export const PLAN_OF_KIND: Readonly<Record<JobKind, AgentPlan>> = {
  deploy: "clone",
  capture: "capture",
  verify: "verify",
  wipe: "wipe",
};

/** The task as its machine's agent gets it. @throws ControlError `notFound` where the image is not known that the kind needs. */
export function renderTask(
  job: JobRecord,
  task: TaskRecord,
  machine: MachineRecord,
  previous: TaskImage | undefined,
): AgentTask {
  const { spec } = job;
  const base = {
    taskId: task.id,
    jobId: String(job.id),
    after: spec.after ?? "reboot",
    disk: parseDiskRule(spec.disk ?? "only") ?? DEFAULT_DISK_RULE,
  };
  switch (spec.kind) {
    case "deploy": {
      const { hostName: wanted } = spec;
      const hostName = wanted === false ? undefined : hostNameFor(machine, wanted === true ? undefined : wanted);
      return {
        kind: "deploy",
        ...base,
        image: imageOf(task),
        method: spec.method ?? "auto",
        rates: {
          downloadBytesPerSecond: spec.downloadBytesPerSecond,
          uploadBytesPerSecond: spec.uploadBytesPerSecond,
        },
        skipChecks: spec.skipChecks ?? [],
        grow: spec.grow ?? false,
        hostName,
        previousManifestId: previous?.manifestId,
        finish: {
          bootEntry: true,
          files: (spec.files ?? []).map((file) => ({
            path: file.path,
            content: contentFor(machine, file, hostName),
            partition: file.partition,
          })),
        },
      };
    }
    case "capture":
      return { kind: "capture", ...base, name: spec.image, rates: { uploadBytesPerSecond: spec.uploadBytesPerSecond } };
    case "verify":
      return { kind: "verify", ...base, image: imageOf(task), repair: spec.repair ?? false };
    case "wipe":
      return { kind: "wipe", ...base, method: spec.wipeMethod ?? "discard" };
  }
}

function imageOf(task: TaskRecord): TaskImage {
  if (task.image !== undefined) return task.image;
  throw new ControlError("notFound", `task ${task.id}: it is not known which image is meant`);
}
