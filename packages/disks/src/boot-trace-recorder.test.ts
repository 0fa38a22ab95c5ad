import type { Extent } from "@ingot/chunks";
import { ExtentMap } from "@ingot/chunks";
import { seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { expect, test } from "vitest";

import { smallImage } from "../test/small-image.ts";
import { BootTraceRecorder, type ChunkPlaces, LONGEST_BOOT_MS, QUIET_MS } from "./boot-trace-recorder.ts";
import { MAX_TRACE_CHUNKS } from "./limits.ts";

/** Places as a replica has them. */
function placesOf(extents: readonly Extent[]): ChunkPlaces {
  const map = new ExtentMap(extents);
  let next = 0;
  const numbers = extents.map(({ kind }) => (kind === "chunk" ? next++ : -1));
  return {
    chunkCount: next,
    indexAt: (offset) => map.indexAt(offset),
    chunkAt: (index) => numbers[index] ?? -1,
    endOf: (index) => (extents[index]?.offset ?? 0) + (extents[index]?.length ?? 0),
  };
}

/** `count` chunks of 64 KiB side by side. */
function plainPlaces(count: number): ChunkPlaces {
  return {
    chunkCount: count,
    indexAt: (offset) => Math.floor(offset / 65_536),
    chunkAt: (index) => index,
    endOf: (index) => (index + 1) * 65_536,
  };
}

test("any reads: the chunks they touch, each once, in the order of the first touch", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seededRandom(seed);
      const { manifest } = smallImage(random, 60);
      const { extents, sizeBytes } = manifest;
      const recorder = new BootTraceRecorder(placesOf(extents), 0);
      const chunkExtents = extents.filter((extent) => extent.kind === "chunk");
      const expected = new Set<number>();
      const read = (offset: number, length: number): void => {
        recorder.noteRead(offset, length);
        for (const [chunk, extent] of chunkExtents.entries()) {
          if (extent.offset < offset + length && offset < extent.offset + extent.length) expected.add(chunk);
        }
      };
      read(0, 512);
      for (let i = 0; i < 100; i++) {
        const offset = Math.floor((random() * sizeBytes) / 512) * 512;
        read(offset, Math.min(sizeBytes - offset, 512 * Math.ceil(random() * 40)));
      }
      expect(recorder.chunks).toEqual([...expected]);
    }),
  );
});

test("a boot ends when no new chunk was read for a while, however much is read again", () => {
  const recorder = new BootTraceRecorder(plainPlaces(100), 5000);
  recorder.noteRead(0, 512);
  recorder.tick(6000);
  for (let nowMs = 7000; nowMs < 6000 + QUIET_MS; nowMs += 1000) {
    recorder.noteRead(0, 65_536);
    recorder.tick(nowMs);
    expect(recorder.state).toBe("recording");
  }
  recorder.tick(6000 + QUIET_MS);
  expect(recorder.state).toBe("ended");
  recorder.noteRead(65_536, 512);
  expect(recorder.chunks).toEqual([0]);
});

test("a machine that never stops reading is not booting all that time", () => {
  const recorder = new BootTraceRecorder(plainPlaces(10_000), 0);
  let nowMs = 0;
  for (let chunk = 0; recorder.state === "recording"; chunk++) {
    recorder.noteRead(chunk * 65_536, 512);
    recorder.tick((nowMs += 1000));
  }
  expect(nowMs).toBe(LONGEST_BOOT_MS);
});

test("whoever reads the whole image copies it", () => {
  for (const [chunkCount, readCount, state] of [
    [100, 75, "ended"],
    [100, 76, "no-boot"],
    [60, 60, "ended"],
  ] as const) {
    const recorder = new BootTraceRecorder(plainPlaces(chunkCount), 0);
    recorder.noteRead(0, readCount * 65_536);
    recorder.end();
    expect(recorder.state).toBe(state);
  }
});

test("a recording is full at some time", () => {
  const recorder = new BootTraceRecorder(plainPlaces(MAX_TRACE_CHUNKS * 2), 0);
  recorder.noteRead(0, (MAX_TRACE_CHUNKS + 5) * 65_536);
  expect(recorder.state).toBe("ended");
  expect(recorder.chunks.length).toBe(MAX_TRACE_CHUNKS);
});

test("reads that do not begin with the partition table are no boot", () => {
  const boot = new BootTraceRecorder(plainPlaces(100), 0);
  // iPXE looks for an ISO file system first.
  boot.noteRead(32_768, 2048);
  boot.noteRead(0, 512);
  for (let chunk = 9; chunk < 20; chunk++) boot.noteRead(chunk * 65_536, 512);
  expect(boot.state).toBe("recording");
  expect(boot.chunks.slice(0, 3)).toEqual([0, 9, 10]);

  const running = new BootTraceRecorder(plainPlaces(100), 0);
  for (let chunk = 9; chunk < 20; chunk++) running.noteRead(chunk * 65_536, 512);
  expect(running.state).toBe("no-boot");

  const silent = new BootTraceRecorder(plainPlaces(100), 0);
  silent.tick(QUIET_MS);
  expect(silent.state).toBe("no-boot");
});

test("a disk that was opened again goes on with the recording of its boot", () => {
  const firmware = new BootTraceRecorder(plainPlaces(100), 0);
  firmware.noteRead(0, 512);
  firmware.noteRead(8 * 65_536, 512);
  const system = new BootTraceRecorder(plainPlaces(100), 0, firmware.chunks);
  for (let chunk = 20; chunk > 5; chunk -= 1) system.noteRead(chunk * 65_536, 512);
  system.end();
  expect(system.state).toBe("ended");
  expect(system.chunks.slice(0, 4)).toEqual([0, 8, 20, 19]);
});
