import { NO_PROGRESS } from "@ingot/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatLogLine, formatScreen, type ScreenContent } from "./screen-text.ts";

const content: ScreenContent = {
  machine: "pc-17",
  server: "https://10.0.0.1:8472",
  addresses: ["10.0.0.107"],
  task: {
    title: "deploy debian:3",
    state: "filling",
    disk: "sda 500.1 GB Samsung SSD 870",
    progress: {
      ...NO_PROGRESS,
      totalBytes: 4 * 2 ** 30,
      doneBytes: 2 ** 30,
      bytes: { seed: 100 * 2 ** 20, peers: 900 * 2 ** 20, multicast: 0, local: 0 },
      bytesPerSecond: 100 * 2 ** 20,
    },
  },
  notice: "sending as well as receiving",
};

test("the screen of a machine that is being filled", () => {
  expect(formatScreen(content).join("\n"))
    .toBe(`INGOT                                                                     pc-17
================================================================================

Server    https://10.0.0.1:8472
Address   10.0.0.107

Task      deploy debian:3
Disk      sda 500.1 GB Samsung SSD 870
State     filling

[############......................................]  25 %
1.0 GiB of 4.0 GiB, 100 MiB/s, 31 s left, seed 100 MiB, peers 900 MiB

sending as well as receiving`);
});

test("a machine that has to be let in says what to type", () => {
  const waiting = { ...content, task: undefined, code: "K7-QX4" };
  expect(formatScreen(waiting)).toContain("    ingot machine approve K7-QX4");
  expect(formatLogLine(waiting)).toContain("ingot machine approve K7-QX4");
});

test("100 % is shown only when everything is there", () => {
  const progress = { ...NO_PROGRESS, totalBytes: 1_000_000, doneBytes: 999_999 };
  expect(formatLogLine({ ...content, task: { title: "t", state: "filling", progress } })).toContain("99 %");
  const done = { ...progress, doneBytes: 1_000_000 };
  expect(formatLogLine({ ...content, task: { title: "t", state: "done", progress: done } })).toContain("100 %");
});

test("whatever the server and the disk say, it fits the smallest console and moves no cursor", () => {
  const text = fc.string({ unit: "binary", maxLength: 300 });
  fc.assert(
    fc.property(text, text, text, (error, notice, machine) => {
      const lines = formatScreen({ ...content, error, notice, code: notice, machine: machine.slice(0, 60) });
      expect(lines.length).toBeLessThanOrEqual(24);
      for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]{0,80}$/);
      expect(formatLogLine({ ...content, error, notice })).toMatch(/^[\x20-\x7e]*$/);
    }),
  );
});
