import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { lifeSeconds } from "./agent-token-command.ts";
import { byteRate, changeWindow, diskRule, names, percent, startTime, waves } from "./job-options.ts";

test("shares, waves, windows, rates and times are read as people write them", () => {
  expect(percent("5%")).toBe(5);
  expect(waves("10%,50%,100%")).toEqual([10, 50, 100]);
  expect(changeWindow("22:00-05:00")).toEqual({ from: "22:00", to: "05:00" });
  expect(byteRate("500mbit")).toBe(62_500_000);
  expect(byteRate("60MB")).toBe(60_000_000);
  expect(byteRate("1GiB/s")).toBe(2 ** 30);
  expect(names("pc-1, pc-2", names("room-3"))).toEqual(["room-3", "pc-1", "pc-2"]);
  expect(diskRule("nvme,largest")).toBe("nvme,largest");
  expect([lifeSeconds("30m"), lifeSeconds("8h"), lifeSeconds("7d")]).toEqual([1800, 28_800, 604_800]);
});

test("a time of day is the next one that comes", () => {
  const now = new Date(2026, 10, 22, 21, 0);
  expect(startTime("22:30", now)).toBe(new Date(2026, 10, 22, 22, 30).toISOString());
  expect(startTime("20:30", now)).toBe(new Date(2026, 10, 23, 20, 30).toISOString());
  expect(startTime("2026-12-01T03:00", now)).toBe(new Date(2026, 11, 1, 3, 0).toISOString());
  expect(startTime("2026-12-01T03:00Z", now)).toBe("2026-12-01T03:00:00.000Z");
});

test.each<[string, () => unknown]>([
  ["a share above all", () => percent("101%")],
  ["waves that go back", () => waves("50%,10%,100%")],
  ["waves without an end", () => waves("10%,50%")],
  ["a window without length", () => changeWindow("01:00-01:00")],
  ["a rate without a unit", () => byteRate("100")],
  ["a disk by the kernel's name", () => diskRule("/dev/sda")],
  ["a time that is none", () => startTime("tomorrow", new Date())],
  ["a life of seconds", () => lifeSeconds("30s")],
])("%s is refused", (_what, read) => {
  expect(read).toThrow(InvalidArgumentError);
});
