import { BootTraceStore } from "@ingot/disks";
import { CrashVolume } from "@ingot/testkit/crash";
import { beforeEach, expect, test } from "vitest";
import { type BootRecording, BootRecordings } from "./boot-recordings.ts";

const IMAGE = "a1".repeat(32);
const OTHER = "b2".repeat(32);

let traces: BootTraceStore;
let recordings: BootRecordings;
let nowMs: number;

beforeEach(() => {
  traces = new BootTraceStore(new CrashVolume(), (message) => {
    throw new Error(message);
  });
  nowMs = 0;
  const onError = (error: unknown): void => expect.unreachable(String(error));
  recordings = new BootRecordings({ traces, nowMs: () => nowMs, onError });
});

function recorded(machineId: string, state: BootRecording["state"], chunks: number[]): BootRecording {
  return { machineId, manifestId: IMAGE, chunkCount: 1000, state, chunks };
}

test("of each image one machine at a time is recorded, until its boot is over", async () => {
  expect(await recordings.begin("pc-1", IMAGE)).toEqual([]);
  expect(await recordings.begin("pc-2", IMAGE)).toBeUndefined();
  expect(await recordings.begin("pc-2", OTHER)).toEqual([]);
  await recordings.finish(recorded("pc-1", "ended", [3, 1]));
  expect((await traces.read(IMAGE))?.chunks).toEqual([3, 1]);
  expect(await recordings.begin("pc-2", IMAGE)).toEqual([]);
  await recordings.finish(recorded("pc-2", "ended", [3, 2]));
  expect((await traces.read(IMAGE))?.chunks).toEqual([3, 2, 1]);
});

test("a boot goes on when its disk is opened again soon, and is forgotten when it is not", async () => {
  await recordings.begin("pc-1", IMAGE);
  await recordings.finish(recorded("pc-1", "recording", [3, 1]));
  nowMs = 50_000;
  expect(await recordings.begin("pc-2", IMAGE)).toBeUndefined();
  expect(await recordings.begin("pc-1", IMAGE)).toEqual([3, 1]);
  await recordings.finish(recorded("pc-1", "recording", [3, 1, 7]));
  nowMs = 120_000;
  expect(await recordings.begin("pc-2", IMAGE)).toEqual([]);
  // Too late: somebody else is recorded.
  await recordings.finish(recorded("pc-1", "ended", [9]));
  expect(await traces.read(IMAGE)).toBeUndefined();
});

test("what was no boot leaves nothing, and a thread that ended holds up nobody for ever", async () => {
  await recordings.begin("pc-1", IMAGE);
  await recordings.finish(recorded("pc-1", "no-boot", [5]));
  expect(await traces.read(IMAGE)).toBeUndefined();
  expect(await recordings.begin("pc-2", IMAGE)).toEqual([]);
  nowMs = 16 * 60_000;
  expect(await recordings.begin("pc-3", IMAGE)).toEqual([]);
});

test("no boot depends on a trace that cannot be read or stored", async () => {
  const errors: unknown[] = [];
  const broken = (): Promise<never> => Promise.reject(new Error("the disk is gone"));
  const unlucky = new BootRecordings({
    traces: { read: broken, add: broken },
    nowMs: () => nowMs,
    onError: (error) => errors.push(error),
  });
  expect(await unlucky.begin("pc-1", IMAGE)).toBeUndefined();
  const full = new BootRecordings({
    traces: { read: async () => undefined, add: broken },
    nowMs: () => nowMs,
    onError: (error) => errors.push(error),
  });
  await full.begin("pc-1", IMAGE);
  await full.finish(recorded("pc-1", "ended", [1]));
  expect(errors.length).toBe(2);
});

test("a complete trace takes no more", async () => {
  for (let boot = 0; boot < 8; boot++) {
    expect(await recordings.begin("pc-1", IMAGE)).toEqual([]);
    await recordings.finish(recorded("pc-1", "ended", [boot]));
  }
  expect(await recordings.begin("pc-1", IMAGE)).toBeUndefined();
});
