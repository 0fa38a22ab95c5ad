import { zeroTotals } from "../src/session-meter.ts";
import type { SessionReport } from "../src/session-report.ts";
import { START_MS } from "./harness.ts";

/** What a disk service reports of a session that has done nothing yet, with what `facts` says otherwise. */
export function reportOf(facts: Partial<SessionReport>): SessionReport {
  return {
    id: "s1",
    machineId: "m1",
    initiator: "iqn.1993-08.org.debian:01:a",
    isid: "00023d000001",
    target: "iqn.2026-11.org.ingot:m1",
    peer: "10.0.0.50:40000",
    portal: "10.0.0.1:3260",
    startedMs: START_MS,
    lastActivityMs: START_MS,
    ...zeroTotals(),
    openCommands: 0,
    queuedOutputBytes: 0,
    readLatency: [],
    writeLatency: [],
    worker: 0,
    ...facts,
  };
}
