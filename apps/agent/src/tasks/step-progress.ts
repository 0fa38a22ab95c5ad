import type { TaskProgress } from "@ingot/api";

/** A long step over a disk (checking, verifying, zeroing) as a task's progress; the counts of bytes that travelled stay. */
export function stepProgress(
  before: TaskProgress,
  step: { readonly doneBytes: number; readonly totalBytes: number },
): TaskProgress {
  return { ...before, doneBytes: Math.min(step.doneBytes, step.totalBytes), totalBytes: step.totalBytes };
}
