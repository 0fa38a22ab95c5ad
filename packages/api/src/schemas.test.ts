import { expect, test } from "vitest";
import { API_ERROR_CODES, API_ERROR_STATUS } from "./error.ts";
import { liveMessageSchema } from "./live.ts";
import { createMachineSchema, type Machine, machineSchema, patchMachineSchema } from "./machine.ts";

const machine: Machine = {
  id: "m-abc",
  name: "pc-01",
  macs: ["52:54:00:12:34:56"],
  firmware: "uefi-x64",
  plan: "diskless",
  planFrom: "group",
  image: { name: "win11", tag: "stable" },
  imageFrom: "group",
  mode: "reset",
  modeFrom: "default",
  own: {},
  quirks: {},
  state: "booting",
  createdAt: "2026-11-22T08:30:00.000Z",
  boot: {
    bootId: 3,
    startedAt: "2026-11-22T08:30:00.000Z",
    stages: [{ stage: "dhcp", at: "2026-11-22T08:30:00.000Z", detail: "uefi-x64" }],
    bytesRead: 0,
    bytesWritten: 0,
  },
  traffic: { sessions: 0, readBytesPerSecond: 0, writtenBytesPerSecond: 0 },
};

test("a machine passes through JSON and its schema unchanged", () => {
  expect(machineSchema.parse(JSON.parse(JSON.stringify(machine)))).toEqual(machine);
});

test("a live message is told apart by its type", () => {
  expect(liveMessageSchema.parse({ type: "machine", machine })).toEqual({ type: "machine", machine });
  expect(liveMessageSchema.safeParse({ type: "machine", disk: machine }).success).toBe(false);
});

test("a secret never comes back: the machine has no place for it", () => {
  const parsed = machineSchema.parse({ ...machine, chap: { user: "u", secret: "do not tell anybody" } });
  expect(JSON.stringify(parsed)).not.toContain("do not tell");
});

test.each([
  ["no MAC address", { macs: [] }],
  ["a MAC address of five bytes", { macs: ["52:54:00:12:34"] }],
  ["a name with a path", { macs: ["525400123456"], name: "../pc" }],
  ["an unknown key", { macs: ["525400123456"], plann: "local" }],
  ["a short CHAP secret", { macs: ["525400123456"], chap: { user: "a", secret: "short" } }],
  ["an image with a path", { macs: ["525400123456"], image: "../../etc/passwd" }],
])("a new machine with %s is refused", (_what, body) => {
  expect(createMachineSchema.safeParse(body).success).toBe(false);
});

test("a patch tells 'leave it' from 'take it away'", () => {
  expect(patchMachineSchema.parse({ group: null })).toEqual({ group: null });
  expect(patchMachineSchema.parse({})).toEqual({});
});

test("every error code has a status that says who is at fault", () => {
  for (const code of API_ERROR_CODES) expect(API_ERROR_STATUS[code]).toBeGreaterThanOrEqual(400);
});
