import type { DeploymentProgress } from "@ingot/disks";

const NOTES: Readonly<Partial<Record<DeploymentProgress["step"], string>>> = {
  checking: "looks for what is in place",
  moving: "moves what is elsewhere on the disk",
  verifying: "reads everything again",
};

/**
 * Tells of each long step around a fill once, as a remark. How far such a step is stays out of the task's progress: that counts the image's
 * content, and some steps run beside its transfer.
 */
export function stepNotes(note: (text: string) => void): (progress: DeploymentProgress) => void {
  let last: string | undefined;
  return ({ step }) => {
    const text = NOTES[step];
    if (text === undefined || step === last) return;
    last = step;
    note(text);
  };
}
