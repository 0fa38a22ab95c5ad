import { describe, expect, test } from "vitest";
import { makeDemoFleet, makeFleet } from "./fake-fleet.ts";
import { makeJob, makeTasks } from "./fake-jobs.ts";
import { useConsole, withoutBrowser } from "./use-console.ts";

describe.skipIf(withoutBrowser)("jobs in Chromium", () => {
  const openConsole = useConsole();

  test("a job shows every machine's progress while it happens, and can be paused and cancelled", async () => {
    const now = Date.now();
    const fleet = makeDemoFleet(now);
    fleet.jobs.set("j-1", makeJob(now, {}));
    for (const task of makeTasks(now)) fleet.tasks.set(task.id, task);
    const over = makeJob(now - 3_600_000, { id: "j-0", state: "done", reason: "all machines are done" });
    fleet.jobs.set("j-0", {
      ...over,
      counts: { ...over.counts, done: 24, filling: 0, finishing: 0, failed: 0, waiting: 0 },
    });
    const { page, ingot, faults, screenshot } = await openConsole(fleet, { route: "/jobs" });
    await page.locator('[data-job="j-1"]').getByText("6 of 24").waitFor();
    await screenshot("jobs");
    await page.getByRole("link", { name: "Deploy win11-lab:7" }).first().click();
    const row = page.locator('[data-task="t-8"]');
    await row.getByText("Filling", { exact: true }).waitFor();
    const failed = page.locator('[data-state="failed"][data-task]');
    await failed.getByText("the disk has 120 GB, the image needs 256 GB; nothing was written").waitFor();
    const task = fleet.tasks.get("t-8");
    if (task === undefined) throw new Error("the job has a task t-8");
    ingot.emit({ type: "task", task: { ...task, state: "finishing", reason: "writing the boot entry" } });
    await row.getByText("writing the boot entry").waitFor();
    // Of another job: not of this page.
    ingot.emit({ type: "task", task: { ...task, id: "t-x", jobId: "j-9", machineName: "elsewhere" } });
    await screenshot("job");
    await page.getByRole("radiogroup", { name: "Show" }).getByText("Failed").click();
    await page.getByText("1 of 24 machines").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Cancel …" }).click();
    await page.getByText("15 machines stop where they are").waitFor();
    await page.getByRole("button", { name: "Cancel the job" }).click();
    await page.locator('[data-job="j-1"][data-state="cancelled"]').waitFor();
    expect(ingot.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /jobs/j-1/pause",
      "POST /jobs/j-1/cancel",
    ]);
    expect(await page.getByText("elsewhere").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  test("jobs fit on a telephone", async () => {
    const now = Date.now();
    const fleet = makeFleet(now);
    fleet.jobs.set("j-1", makeJob(now, {}));
    for (const task of makeTasks(now)) fleet.tasks.set(task.id, task);
    const { page, faults, screenshot } = await openConsole(fleet, {
      route: "/jobs/j-1",
      width: 390,
      height: 844,
      scheme: "light",
    });
    await page.locator("[data-task]").first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await screenshot("narrow-job");
    expect(faults).toEqual([]);
  });
});
