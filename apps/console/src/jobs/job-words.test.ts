import { describe, expect, it } from "vitest";
import { makeJob, makeTask } from "../../test/fake-jobs.ts";
import { machinesOf, remainingMs, selectTasks, shareDone, titleOf } from "./job-words.ts";

const NOW = Date.parse("2026-11-22T08:00:00.000Z");

describe("a job in words", () => {
  it("says what is done with which version", () => {
    expect(titleOf(makeJob(NOW, { image: { name: "win11-lab", version: 7, manifestId: "00" } }))).toBe(
      "Deploy win11-lab:7",
    );
    expect(titleOf(makeJob(NOW, { kind: "capture", captureTo: "golden", image: undefined }))).toBe("Capture to golden");
    expect(titleOf(makeJob(NOW, { kind: "wipe", image: undefined }))).toBe("Wipe");
  });

  it("counts its machines over all states", () => {
    expect(machinesOf(makeJob(NOW, {}))).toBe(24);
  });

  it("knows how far it is, and when it will be through", () => {
    const { progress } = makeJob(NOW, {});
    expect(shareDone({ ...progress, totalBytes: 0, doneBytes: 0 })).toBe(0);
    expect(shareDone({ ...progress, totalBytes: 400, doneBytes: 100 })).toBe(0.25);
    expect(remainingMs({ ...progress, totalBytes: 400, doneBytes: 100, bytesPerSecond: 100 })).toBe(3000);
    expect(remainingMs({ ...progress, bytesPerSecond: 0 })).toBeUndefined();
  });
});

describe("the tasks that are shown", () => {
  const tasks = [
    makeTask(NOW, { id: "1", machineName: "pc-10", state: "done" }),
    makeTask(NOW, { id: "2", machineName: "pc-9", state: "filling" }),
    makeTask(NOW, { id: "3", machineName: "pc-3", state: "failed", reason: "disk too small" }),
    makeTask(NOW, { id: "4", machineName: "pc-2", state: "waiting" }),
  ];
  const names = (text: string, show: "all" | "active" | "failed"): string[] =>
    selectTasks(tasks, text, show).map(({ machineName }) => machineName);

  it("begin with those that need somebody", () => {
    expect(names("", "all")).toEqual(["pc-3", "pc-9", "pc-2", "pc-10"]);
  });

  it("are filtered by state and by any word of them", () => {
    expect(names("", "active")).toEqual(["pc-9"]);
    expect(names("", "failed")).toEqual(["pc-3"]);
    expect(names("small", "all")).toEqual(["pc-3"]);
    expect(names("pc-1 done", "all")).toEqual(["pc-10"]);
  });
});
