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
    case "deploy":
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
        hostName: spec.hostName === false ? undefined : hostNameOf(machine.row.name),
        previousManifestId: previous?.manifestId,
        finish: {
          bootEntry: true,
          files: (spec.files ?? []).map(({ path, template, partition }) => ({
            path,
            content: fillTemplate(template, machine),
            partition,
          })),
        },
      };
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

/** A host name as RFC 1123 §2.1 wants it: what a name may have besides becomes a hyphen. */
function hostNameOf(name: string): string {
  return name
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 63);
}

/** Fills `${name}` and the like in; what is not known becomes empty, what is no placeholder stays. */
function fillTemplate(template: string, { row, macs }: MachineRecord): string {
  const facts: Readonly<Record<string, string>> = {
    name: row.name,
    id: row.id,
    mac: macs[0] ?? "",
    uuid: row.uuid ?? "",
    serial: row.serial ?? "",
    group: row.group_name ?? "",
    site: row.site ?? "",
  };
  return template.replaceAll(/\$\{([a-z]+)\}/g, (whole, key: string) => facts[key] ?? whole);
}
