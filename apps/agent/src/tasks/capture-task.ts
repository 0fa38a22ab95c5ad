import type { CaptureTask } from "@ingot/api";
import { captureRanges } from "../capture/capture-ranges.ts";
import { chooseDisk } from "../disk-rule/choose-disk.ts";
import { describeDisk } from "../inventory/disk.ts";
import { checkInUse } from "../preflight/checks.ts";
import { requirePassed } from "../preflight/preflight.ts";
import { stepProgress } from "./step-progress.ts";
import type { TaskContext } from "./task-context.ts";

/** Reads the used blocks of a disk and sends them as a new version of an image. */
export async function runCapture(context: TaskContext, task: CaptureTask): Promise<string> {
  const { session, voice, signal } = context;
  const { encodeSparse } = await import("@ingot/api");
  voice.enter("preparing");
  const { disks } = await context.inventory();
  const disk = chooseDisk(task.disk, disks);
  context.onDisk(disk.path, describeDisk(disk));
  requirePassed([checkInUse(disk)]);
  const startedAt = performance.now();
  voice.enter("filling", `reading ${describeDisk(disk)}`);
  let sentBytes = 0;
  const data = captureRanges({
    path: disk.path,
    sizeBytes: disk.sizeBytes,
    bytesPerSecond: task.rates.uploadBytesPerSecond,
    onProgress: (doneBytes, dataBytes) => {
      sentBytes = dataBytes;
      const seconds = (performance.now() - startedAt) / 1000;
      voice.advance({
        ...stepProgress(voice.progress, { doneBytes, totalBytes: disk.sizeBytes }),
        bytesPerSecond: Math.round(dataBytes / Math.max(seconds, 0.001)),
      });
    },
    onNote: (note) => voice.note(note),
    signal,
  });
  await session.client.capture(task.taskId, encodeSparse({ sizeBytes: disk.sizeBytes, data }), signal);
  return `${disk.name} is a version of ${task.name}: ${sentBytes} bytes of ${disk.sizeBytes} were sent`;
}
