import type { DiskAddress } from "../targets/disk-address.ts";
import { runForked } from "./forked.ts";

/** What a replaying process is told. */
export interface ReplayOrder {
  readonly traceFile: string;
  readonly disks: readonly DiskAddress[];
  /** Number of the first machine, for the initiators' names. */
  readonly firstNumber: number;
  readonly think: number;
}

/** What it reports at the end. */
export interface ReplayReport {
  readonly readLatencyUs: Float64Array;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly verifiedReads: number;
  /** When each machine had booted, in milliseconds since all began. */
  readonly finishedMs: readonly number[];
  /** The process's own CPU. */
  readonly cpuSeconds: number;
}

/** Replays a boot on all disks at once, shared out to `processes`. Rejects when one of them fails. */
export async function replayAll(order: Omit<ReplayOrder, "firstNumber">, processes: number): Promise<ReplayReport> {
  const share = Math.ceil(order.disks.length / processes);
  const reports = await Promise.all(
    Array.from({ length: processes }, (_unused, index) => {
      const disks = order.disks.slice(index * share, (index + 1) * share);
      const ownOrder: ReplayOrder = { ...order, disks, firstNumber: index * share };
      return runForked("replay-process.ts", ownOrder) as Promise<ReplayReport>;
    }),
  );
  const sum = (figure: (report: ReplayReport) => number): number => reports.reduce((all, one) => all + figure(one), 0);
  return {
    readLatencyUs: Float64Array.from(reports.flatMap((report) => [...report.readLatencyUs])),
    readBytes: sum((report) => report.readBytes),
    writtenBytes: sum((report) => report.writtenBytes),
    verifiedReads: sum((report) => report.verifiedReads),
    finishedMs: reports.flatMap((report) => report.finishedMs),
    cpuSeconds: sum((report) => report.cpuSeconds),
  };
}
