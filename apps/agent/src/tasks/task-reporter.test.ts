import { NO_PROGRESS, type TaskReport, taskReportSchema } from "@ingot/api";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { AgentError } from "../errors.ts";
import { TaskReporter } from "./task-reporter.ts";

test("every report has the API's form, the last one is repeated until it arrives, and none comes after it", async () => {
  const sent: TaskReport[] = [];
  let failures = 1;
  const reporter = new TaskReporter(
    (report) => {
      expect(taskReportSchema.safeParse(report).success).toBe(true);
      if (report.state === "done" && failures-- > 0)
        return Promise.reject(new AgentError("server-unreachable", "away", { retryAfterMs: 1 }));
      sent.push(report);
      return Promise.resolve({});
    },
    () => undefined,
    () => undefined,
  );
  reporter.enter("preparing", "x".repeat(5000));
  reporter.enter("filling");
  reporter.advance({ ...NO_PROGRESS, totalBytes: 10, doneBytes: 5 });
  await sleep(20);
  reporter.advance({ ...NO_PROGRESS, totalBytes: 10, doneBytes: 10 });
  await reporter.end("done", undefined, "all of it");
  await sleep(20);
  expect(sent.map(({ state }) => state)).toEqual(["filling", "done"]);
  expect(sent.at(-1)).toMatchObject({ progress: { doneBytes: 10 }, note: "all of it" });
});

test("a stop that a report brings is passed on; a server that is away does not disturb", async () => {
  const stops: string[] = [];
  let count = 0;
  const reporter = new TaskReporter(
    () => {
      count += 1;
      if (count === 1) return Promise.reject(new AgentError("server-unreachable", "away"));
      return Promise.resolve({ stop: { taskId: "t", reason: "paused" } });
    },
    ({ reason }) => stops.push(reason),
    () => undefined,
  );
  reporter.enter("preparing");
  await sleep(20);
  reporter.enter("filling");
  await sleep(20);
  await reporter.close();
  expect(stops).toEqual(["paused"]);
});
