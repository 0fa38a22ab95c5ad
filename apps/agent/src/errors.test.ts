import { TASK_ERRORS, taskErrorSchema } from "@ingot/api";
import { DiskError } from "@ingot/disks";
import { SwarmError } from "@ingot/swarm";
import { expect, test } from "vitest";
import { AgentError, messageOf, taskErrorOf } from "./errors.ts";

const errno = (code: string): Error => Object.assign(new Error(`${code}: read`), { code });

test.each<[string, unknown, string, number | undefined]>([
  ["our own", new AgentError("disk-too-small", "x", { sector: 7 }), "disk-too-small", 7],
  [
    "a write that the engine could not do",
    new SwarmError("write-failed", "x", { lba: 12_345, errno: "EIO" }),
    "disk-write",
    12_345,
  ],
  ["a swarm without sources", new SwarmError("stalled", "x"), "no-source", undefined],
  ["a disk in use", new DiskError("in-use", "x"), "disk-in-use", undefined],
  ["a full file system", errno("ENOSPC"), "out-of-space", undefined],
  ["an unplugged disk", errno("ENXIO"), "disk-gone", undefined],
  ["a server that is away", new AgentError("server-unreachable", "x"), "network", undefined],
  ["a fault of ours", new TypeError("x is undefined"), "internal", undefined],
  ["no error at all", "text", "internal", undefined],
])("%s becomes a task's error", (_what, error, code, sector) => {
  const taskError = taskErrorOf(error, TASK_ERRORS, "failing, Reallocated_Sector_Ct 712");
  expect(taskError.code).toBe(code);
  expect(taskError.sector).toBe(sector);
  expect(taskErrorSchema.safeParse(taskError).success).toBe(true);
});

test("a message says its causes, once", () => {
  const cause = new Error("connect ECONNREFUSED");
  expect(messageOf(new AgentError("network", "the server does not answer", { cause }))).toBe(
    "the server does not answer: connect ECONNREFUSED",
  );
  expect(messageOf(new AgentError("network", "failed: connect ECONNREFUSED", { cause }))).toBe(
    "failed: connect ECONNREFUSED",
  );
});
