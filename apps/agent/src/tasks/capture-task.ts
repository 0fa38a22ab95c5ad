import type { CaptureTask } from "@ingot/api";
import type { UsedBlocks } from "@ingot/disks";
import { captureRanges } from "../capture/capture-ranges.ts";
import { AgentError } from "../errors.ts";
import { chooseDisk } from "../disk-rule/choose-disk.ts";
import { describeDisk } from "../inventory/disk.ts";
import { checkEncrypted, checkQuiet, checkRaid } from "../preflight/checks.ts";
import { requirePassed } from "../preflight/preflight.ts";
import { stepProgress } from "./step-progress.ts";
import type { TaskContext } from "./task-context.ts";

/**
 * Reads the used blocks of a disk and sends them as a new version of an image. Encrypted volumes are sealed to this
 * machine, and a part of an array is no system: both stop it.
 */
export async function runCapture(context: TaskContext, task: CaptureTask): Promise<string> {
  const { session, voice, signal } = context;
  const [{ encodeSparse }, { openUsedImage }] = await Promise.all([import("@ingot/api"), import("@ingot/disks")]);
  voice.enter("preparing");
  const { disks } = await context.inventory();
  const disk = chooseDisk(task.disk, disks);
  context.onDisk(disk.path, describeDisk(disk));
  requirePassed([checkQuiet(disk)]);
  await using image = await openUsedImage(disk.path);
  requirePassed([checkEncrypted(image.used.findings), checkRaid(image.used.findings)]);
  const totalBytes = image.used.dataBytes;
  const startedAt = performance.now();
  voice.enter("filling", `reading ${describeDisk(disk)}: ${describeUse(image.used)}`);
  let sentBytes = 0;
  const data = captureRanges(image.data, {
    bytesPerSecond: task.rates.uploadBytesPerSecond,
    onProgress: (doneBytes, dataBytes) => {
      sentBytes = dataBytes;
      const seconds = Math.max(0.001, (performance.now() - startedAt) / 1000);
      const progress = stepProgress(voice.progress, { doneBytes, totalBytes });
      voice.advance({ ...progress, bytesPerSecond: Math.round(dataBytes / seconds) });
    },
    signal,
  });
  try {
    await session.client.capture(task.taskId, encodeSparse({ sizeBytes: image.sizeBytes, data }), signal);
  } catch (error) {
    // Everything that the network or the server says is an AgentError already; what is left is the disk's.
    if (error instanceof Error && "code" in error && error.code === "EIO")
      throw new AgentError("disk-read", `reading ${disk.path}`, { cause: error });
    throw error;
  }
  return `${disk.name} is a version of ${task.name}: ${sentBytes} bytes of ${image.sizeBytes} were sent`;
}

/** `partition 1 ext, partition 2 as it is (ext: was not unmounted cleanly)` */
function describeUse(used: UsedBlocks): string {
  return used.partitions
    .map(({ number, content, reason }) => {
      const name = number === undefined ? "the disk" : `partition ${number}`;
      const how = content === "raw" ? "as it is" : content;
      return reason === undefined ? `${name} ${how}` : `${name} ${how} (${reason})`;
    })
    .join(", ");
}
