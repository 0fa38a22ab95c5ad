import { expect, test } from "vitest";
import { type BlockTrace, formatTrace, parseTrace, sumTrace } from "./block-trace.ts";
import { planReplay } from "./replay-plan.ts";
import { rangesRead } from "./replay-image.ts";
import { stampOf } from "./sector-stamp.ts";
import { DEBIAN_BOOT, readTraceFile } from "./trace-file.ts";

const TEXT = `ingot block trace 1
about a machine
disk 1048576
L 0 10 8192
R 20 10 0 8
R 100 50 8 8
R 110 10 16 8
W 130 20 8 8
F 200 5
L 300 10 262144
R 400 10 0 16
`;

test("a trace is read and written alike", () => {
  const trace = parseTrace(TEXT);
  expect(formatTrace(trace)).toBe(TEXT);
  expect(trace.commands[4]).toEqual({ kind: "write", atUs: 130, durationUs: 20, lba: 8, blocks: 8 });
  expect(sumTrace(trace)).toEqual({
    reads: 4,
    readBytes: 40 * 512,
    writes: 1,
    writtenBytes: 8 * 512,
    flushes: 1,
    seconds: 410 / 1e6,
  });
});

test.each([
  ["another format", TEXT.replace("trace 1", "trace 2"), /trace 2/],
  ["no login first", TEXT.replace("L 0 10 8192\n", ""), /line 4/],
  ["out of order", TEXT.replace("R 20", "R 120"), /line 6/],
  ["beyond the end", TEXT.replace("R 20 10 0 8", "R 20 10 2047 8"), /line 5/],
  ["an empty read", TEXT.replace("R 20 10 0 8", "R 20 10 0 0"), /line 5/],
  ["no number", TEXT.replace("F 200 5", "F 200 x"), /line 9/],
  ["a missing field", TEXT.replace("F 200 5", "F 200"), /line 9/],
])("%s is refused", (_what, text, reason) => {
  expect(() => parseTrace(text)).toThrow(reason);
});

test("a command waits for those that had been answered when it was sent, and thinks as long", () => {
  const [first, second] = planReplay(parseTrace(TEXT));
  expect(first?.steps.map(({ kind, afterDone, thinkUs }) => ({ kind, afterDone, thinkUs }))).toEqual([
    { kind: "read", afterDone: 0, thinkUs: 10 },
    { kind: "read", afterDone: 1, thinkUs: 70 },
    { kind: "read", afterDone: 1, thinkUs: 80 },
    { kind: "write", afterDone: 2, thinkUs: 10 },
    { kind: "flush", afterDone: 4, thinkUs: 50 },
  ]);
  expect(second).toMatchObject({ maxRecvDataSegmentLength: 262_144, thinkUs: 95 });
});

test("what a read must find is the image's, what was written, or uncertain beside a write", () => {
  const trace = parseTrace(TEXT);
  const written = [
    ...trace.commands.slice(0, -1),
    { ...trace.commands[7], lba: 8, blocks: 1 },
  ] as BlockTrace["commands"];
  const sampleAt = (commands: BlockTrace["commands"]) => {
    const step = planReplay({ ...trace, commands })
      .at(-1)
      ?.steps.at(-1);
    return step?.kind === "read" ? step.sample : undefined;
  };
  expect(sampleAt(written)).toEqual({ offset: 0, bytes: stampOf(8, "written") });
  const meanwhile = written.map((command) => (command.kind === "write" ? { ...command, durationUs: 500 } : command));
  expect(sampleAt(meanwhile)).toBeUndefined();
  const elsewhere = [...trace.commands.slice(0, -1), { ...trace.commands[7], lba: 20, blocks: 1 }];
  expect(sampleAt(elsewhere as BlockTrace["commands"])).toEqual({ offset: 0, bytes: stampOf(20, "image") });
});

test("an image for a trace has whole pages where the trace reads", () => {
  const text = `${TEXT}R 500 10 33 2\nR 600 10 100 1\n`;
  expect(rangesRead(parseTrace(text))).toEqual([
    { lba: 0, blocks: 24 },
    { lba: 32, blocks: 8 },
    { lba: 96, blocks: 8 },
  ]);
});

test("the recorded boot reads megabytes from two sessions, firmware and system", async () => {
  const trace = await readTraceFile(DEBIAN_BOOT);
  const { reads, readBytes, writes } = sumTrace(trace);
  expect(reads).toBeGreaterThan(1000);
  expect(readBytes).toBeGreaterThan(40e6);
  expect(writes).toBeGreaterThan(0);
  const lengths = planReplay(trace).map((session) => session.maxRecvDataSegmentLength);
  expect(lengths).toContain(8192);
  expect(lengths).toContain(262_144);
});
