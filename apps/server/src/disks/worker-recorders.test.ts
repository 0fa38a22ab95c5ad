import type { ChunkPlaces } from "@ingot/disks";
import { beforeEach, expect, test } from "vitest";
import type { BootRecording } from "./boot-recordings.ts";
import { WorkerRecorders } from "./worker-recorders.ts";

/** Chunks of 1 KiB side by side. */
const PLACES: ChunkPlaces = {
  chunkCount: 100,
  indexAt: (offset) => Math.floor(offset / 1024),
  chunkAt: (index) => index,
  endOf: (index) => (index + 1) * 1024,
};

let nowMs: number;
let told: BootRecording[];
let recorders: WorkerRecorders;

beforeEach(() => {
  nowMs = 0;
  told = [];
  recorders = new WorkerRecorders({ nowMs: () => nowMs, onRecording: (recording) => told.push(recording) });
});

test("reads are noted where that is wanted, and told when the machine is up", () => {
  recorders.want("pc-1", []);
  recorders.want("pc-2", undefined);
  const note = recorders.begin("pc-1", "image", PLACES);
  expect(recorders.begin("pc-2", "image", PLACES)).toBeUndefined();
  note?.(0, 512);
  note?.(7168, 512);
  recorders.tick();
  expect(told).toEqual([]);
  recorders.booted("pc-1");
  recorders.tick();
  recorders.tick();
  expect(told).toEqual([{ machineId: "pc-1", manifestId: "image", chunkCount: 100, state: "ended", chunks: [0, 7] }]);
});

test("a disk that is closed before says so, and goes on where it was", () => {
  recorders.want("pc-1", []);
  recorders.begin("pc-1", "image", PLACES)?.(0, 512);
  recorders.closed("pc-1");
  recorders.closed("pc-1");
  expect(told.map(({ state, chunks }) => [state, chunks])).toEqual([["recording", [0]]]);
  recorders.want("pc-1", [0]);
  recorders.begin("pc-1", "image", PLACES)?.(9216, 512);
  nowMs = 100_000;
  recorders.tick();
  nowMs = 200_000;
  recorders.tick();
  expect(told.at(-1)).toMatchObject({ state: "ended", chunks: [0, 9] });
});

test("a disk that was open already is not recorded from the middle", () => {
  recorders.want("pc-1", []);
  recorders.want("pc-1", undefined);
  expect(recorders.begin("pc-1", "image", PLACES)).toBeUndefined();
});
