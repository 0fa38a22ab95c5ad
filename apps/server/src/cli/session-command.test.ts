import type { Session } from "@ingot/api";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { describeSessions } from "./session-command.ts";

const idle = { bytes: 0, commands: 0, bytesPerSecond: 0, commandsPerSecond: 0 };
const session: Session = {
  id: "1",
  machine: "m1",
  machineName: "pc-17",
  image: { name: "debian", version: 3 },
  initiator: "iqn.1993-08.org.debian:01:a",
  isid: "00023d000001",
  target: "iqn.2026-11.org.ingot:m1",
  peer: "10.0.0.50",
  portal: "10.0.0.1:3260",
  since: "2026-11-22T08:00:00.000Z",
  read: { bytes: 9, commands: 9, bytesPerSecond: 12_582_912, commandsPerSecond: 99.4, p50Us: 180, p99Us: 951_000 },
  write: idle,
  otherCommands: 12,
  failedCommands: 2,
  openCommands: 1,
  queuedBytes: 0,
  worker: 1,
};
const nowMs = Date.parse("2026-11-22T08:02:05.000Z");

test("a session is a line", () => {
  const discovery: Session = { ...session, machine: undefined, machineName: undefined, target: undefined, read: idle };
  const lines = stripVTControlCharacters(describeSessions([session, discovery], nowMs, "")).split("\n");
  expect(lines.map((line) => line.trimEnd())).toEqual([
    "MACHINE      INITIATOR                    FROM       SINCE      READ               LATENCY         WRITTEN  LATENCY  FAILED  OPEN",
    "pc-17        iqn.1993-08.org.debian:01:a  10.0.0.50  2 min ago  12.0 MiB/s, 100/s  180 µs, 951 ms  -        -        2       1",
    "(discovery)  iqn.1993-08.org.debian:01:a  10.0.0.50  2 min ago  -                  -               -        -        2       1",
  ]);
});

test("none are a sentence", () => {
  expect(describeSessions([], nowMs, "no sessions")).toBe("no sessions");
});
