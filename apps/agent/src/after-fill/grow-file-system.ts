import type { Partition } from "@ingot/chunks";
import { AgentError } from "../errors.ts";
import { type Programs, runOrThrow } from "../system/programs.ts";
import { withPartitionDevice } from "./partition-device.ts";

/** e2fsck(8): 1 errors corrected, 2 and please reboot, which matters for mounted file systems only. */
const E2FSCK_GOOD = [0, 1, 2];

/** Lets a file system fill its partition. Error: `grow`, with what the tool said; the file system is as it was then. */
export async function growFileSystem(
  programs: Programs,
  diskPath: string,
  partition: Partition,
  kind: "ext" | "ntfs",
  signal?: AbortSignal,
): Promise<void> {
  try {
    await withPartitionDevice(programs, diskPath, partition, async (device) => {
      if (kind === "ext") {
        // resize2fs insists on a check that is younger than the last mount.
        await runOrThrow(programs, "e2fsck", ["-f", "-p", device], { okStatus: E2FSCK_GOOD, signal });
        await runOrThrow(programs, "resize2fs", [device], { signal });
      } else {
        // A dry run first: ntfsresize refuses dirty and hibernated volumes before it has changed anything.
        await runOrThrow(programs, "ntfsresize", ["--no-action", "--force", device], { input: "y\n", signal });
        await runOrThrow(programs, "ntfsresize", ["--force", "--force", device], { input: "y\n", signal });
      }
    });
  } catch (cause) {
    if (cause instanceof AgentError && (cause.code === "program-failed" || cause.code === "surroundings"))
      throw new AgentError("grow", `growing partition ${partition.number}`, { cause });
    throw cause;
  }
}
