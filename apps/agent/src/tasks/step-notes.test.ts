import { expect, test } from "vitest";
import { stepNotes } from "./step-notes.ts";

test("each step that people wait for is told once, and zeroing, which runs beside the transfer, is not", () => {
  const notes: string[] = [];
  const onStep = stepNotes((text) => notes.push(text));
  const at = { doneBytes: 1, totalBytes: 2 };
  for (const step of ["checking", "checking", "moving", "zeroing", "filling", "verifying", "verifying"] as const) {
    onStep({ step, ...at });
  }
  expect(notes).toEqual([
    "looks for what is in place",
    "moves what is elsewhere on the disk",
    "reads everything again",
  ]);
});
