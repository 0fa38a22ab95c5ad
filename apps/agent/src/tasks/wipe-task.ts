import type { WipeTask } from "@ingot/api";
import { chooseDisk } from "../disk-rule/choose-disk.ts";
import { describeDisk } from "../inventory/disk.ts";
import { checkInUse } from "../preflight/checks.ts";
import { requirePassed } from "../preflight/preflight.ts";
import { wipeDisk } from "../wipe/wipe-disk.ts";
import { stepProgress } from "./step-progress.ts";
import type { TaskContext } from "./task-context.ts";

/** Erases a disk. Returns what was done and what that means. */
export async function runWipe(context: TaskContext, task: WipeTask): Promise<string> {
  const { voice, signal, programs } = context;
  voice.enter("preparing");
  const { disks } = await context.inventory();
  const disk = chooseDisk(task.disk, disks);
  context.onDisk(disk.path, describeDisk(disk));
  requirePassed([checkInUse(disk)]);
  voice.enter("filling", `erasing ${describeDisk(disk)}`);
  const report = await wipeDisk({
    path: disk.path,
    sizeBytes: disk.sizeBytes,
    method: task.method,
    programs,
    onProgress: (doneBytes) => voice.advance(stepProgress(voice.progress, { doneBytes, totalBytes: disk.sizeBytes })),
    random: Math.random,
    signal,
  });
  return `${disk.name}: ${report.note}`;
}
