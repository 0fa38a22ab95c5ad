import { expect, it } from "vitest";
import { START_MS } from "../test/harness.ts";
import { reportOf } from "../test/session-reports.ts";
import { addTotals, SessionMeter, zeroTotals } from "./session-meter.ts";

/** A sum that nobody looks at. */
const nowhere = (): { readLatency: number[]; writeLatency: number[] } => ({ readLatency: [], writeLatency: [] });

it("has a rate from the first report on, since the session's beginning", () => {
  const meter = new SessionMeter(START_MS);
  meter.take(reportOf({ readBytes: 4096, readCommands: 1 }), START_MS + 500, nowhere());
  expect(meter.read).toMatchObject({ bytes: 4096, commands: 1, bytesPerSecond: 8192, commandsPerSecond: 2 });
});

it("averages over the last seconds and is exactly zero soon after the last byte", () => {
  const meter = new SessionMeter(START_MS);
  for (let second = 1; second <= 20; second += 1) {
    meter.take(
      reportOf({ writtenBytes: second * 1000, writeCommands: second * 10 }),
      START_MS + second * 1000,
      nowhere(),
    );
  }
  expect(meter.write).toMatchObject({ bytesPerSecond: 1000, commandsPerSecond: 10, bytes: 20_000, commands: 200 });
  for (let second = 21; second <= 23; second += 1) {
    expect(meter.write.bytesPerSecond).toBeGreaterThan(0);
    meter.take(reportOf({ writtenBytes: 20_000, writeCommands: 200 }), START_MS + second * 1000, nowhere());
  }
  expect(meter.write).toMatchObject({ bytesPerSecond: 0, commandsPerSecond: 0, bytes: 20_000 });
});

it("answers what was done since the report before, and nothing twice", () => {
  const meter = new SessionMeter(START_MS);
  const sum = { ...zeroTotals(), readLatency: [], writeLatency: [] };
  const reports = [
    reportOf({ readBytes: 10, readCommands: 1, readLatency: [0, 1], failedCommands: 1, otherCommands: 2 }),
    reportOf({ readBytes: 30, readCommands: 3, readLatency: [0, 2], failedCommands: 1, otherCommands: 2 }),
    reportOf({ readBytes: 30, readCommands: 3, readLatency: [0, 2], failedCommands: 4, otherCommands: 9 }),
  ];
  for (const [index, report] of reports.entries()) addTotals(sum, meter.take(report, START_MS + index * 1000, sum));
  expect(sum).toMatchObject({
    readBytes: 30,
    readCommands: 3,
    readLatency: [0, 2],
    failedCommands: 4,
    otherCommands: 9,
  });
});

it("stands two reports of one moment", () => {
  const meter = new SessionMeter(START_MS);
  meter.take(reportOf({ readBytes: 10 }), START_MS, nowhere());
  expect(meter.read.bytesPerSecond).toBe(0);
  meter.take(reportOf({ readBytes: 20 }), START_MS, nowhere());
  expect(meter.read).toMatchObject({ bytes: 20, bytesPerSecond: 0 });
});

it("shows the latencies of the last half minute: what was slow long ago is forgotten", () => {
  const meter = new SessionMeter(START_MS);
  // 1000 commands of about 1.5 s, and later as many of about 100 µs.
  const slow = Array.from({ length: 24 }, (_, index) => (index === 20 ? 1000 : 0));
  const both = slow.map((count, index) => (index === 6 ? 1000 : count));
  meter.take(reportOf({ readLatency: slow }), START_MS + 1000, nowhere());
  expect(meter.read.p50Us).toBeGreaterThan(1_000_000);
  meter.take(reportOf({ readLatency: both }), START_MS + 200_000, nowhere());
  expect(meter.read.p50Us).toBeLessThan(128);
  expect(meter.read.p99Us).toBeLessThan(128);
  expect(meter.write.p50Us).toBeUndefined();
  meter.take(reportOf({ readLatency: both }), START_MS + 2_000_000, nowhere());
  expect(meter.read.p50Us).toBeUndefined();
});
