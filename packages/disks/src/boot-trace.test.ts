import { DecodeError } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";

import { type BootTrace, decodeBootTrace, encodeBootTrace, extendBootTrace, isComplete } from "./boot-trace.ts";
import { MAX_TRACE_BOOTS, MAX_TRACE_CHUNKS } from "./limits.ts";

const MANIFEST_ID = "0123456789abcdef".repeat(4);

const traces: fc.Arbitrary<BootTrace> = fc.uniqueArray(fc.nat(999), { minLength: 1, maxLength: 200 }).chain((chunks) =>
  fc.record({
    manifestId: fc.constant(MANIFEST_ID),
    chunkCount: fc.integer({ min: 1000, max: 2 ** 32 - 1 }),
    bootCount: fc.integer({ min: 1, max: MAX_TRACE_BOOTS }),
    chunks: fc.constant(chunks),
  }),
);

test("a trace of two recordings, byte by byte", () => {
  const bytes = encodeBootTrace({ manifestId: MANIFEST_ID, chunkCount: 300, bootCount: 2, chunks: [7, 258] });
  expect(Buffer.from(bytes).toString("hex")).toBe(
    "494e474f54425452" + // INGOTBTR
      "00000001" + // version
      MANIFEST_ID +
      "0000012c" + // chunks of the manifest
      "00000002" + // recordings
      "00000002" + // entries
      "00000007" +
      "00000102" +
      Buffer.from(bytes.subarray(64)).toString("hex"), // CRC-32C
  );
  expect(bytes.length).toBe(68);
});

test("what was encoded is decoded", () => {
  fc.assert(
    fc.property(traces, (trace) => {
      expect(decodeBootTrace(encodeBootTrace(trace))).toEqual(trace);
    }),
  );
});

test("no bit of a trace can change, and no byte be cut off or added", () => {
  fc.assert(
    fc.property(traces, fc.nat(), fc.nat(7), (trace, position, bit) => {
      const bytes = encodeBootTrace(trace);
      const changed = bytes.slice();
      const at = position % bytes.length;
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      for (const wrong of [changed, bytes.subarray(0, at), new Uint8Array([...bytes, 0])]) {
        expect(() => decodeBootTrace(wrong)).toThrow(DecodeError);
      }
    }),
  );
});

test.each<[string, Partial<BootTrace>]>([
  ["no entries", { chunks: [] }],
  ["an entry outside the image", { chunks: [3, 10] }],
  ["an entry twice", { chunks: [3, 4, 3] }],
  ["more entries than chunks", { chunkCount: 1, chunks: [0, 1] }],
  ["no recordings", { bootCount: 0 }],
  ["too many recordings", { bootCount: MAX_TRACE_BOOTS + 1 }],
  ["too many entries", { chunkCount: 2 ** 20, chunks: Array.from({ length: MAX_TRACE_CHUNKS + 1 }, (_, i) => i) }],
])("neither written nor read: %s", (_, wrong) => {
  const trace = { manifestId: MANIFEST_ID, chunkCount: 10, bootCount: 1, chunks: [1], ...wrong };
  expect(() => encodeBootTrace(trace)).toThrow(DecodeError);
});

test("a recording adds what the trace lacks behind the chunk that was read before it", () => {
  const trace = { manifestId: MANIFEST_ID, chunkCount: 100, bootCount: 1, chunks: [1, 2, 3, 4] };
  const { chunks, bootCount } = extendBootTrace(trace, [90, 2, 20, 21, 4, 1, 10, 3]);
  expect(chunks).toEqual([90, 1, 10, 2, 20, 21, 3, 4]);
  expect(bootCount).toBe(2);
});

test("any extended trace has every chunk once, and keeps both orders of what it had and what it got", () => {
  const recordings = fc.uniqueArray(fc.nat(999), { maxLength: 200 });
  fc.assert(
    fc.property(traces, recordings, (trace, recorded) => {
      const { chunks } = extendBootTrace(trace, recorded);
      expect(new Set(chunks)).toEqual(new Set([...trace.chunks, ...recorded]));
      const had = new Set(trace.chunks);
      expect(chunks.filter((chunk) => had.has(chunk))).toEqual(trace.chunks);
      // What was added behind one chunk, or before all, stands there in the order of its recording.
      for (const [i, chunk] of recorded.entries()) {
        const before = recorded[i - 1];
        if (before === undefined || had.has(chunk)) continue;
        expect(chunks.indexOf(chunk)).toBe(chunks.indexOf(before) + 1);
      }
    }),
  );
});

test("a trace neither grows beyond its limit nor takes recordings for ever", () => {
  const some = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i);
  let trace: BootTrace = { manifestId: MANIFEST_ID, chunkCount: 2 ** 20, bootCount: 1, chunks: some(0, 10_000) };
  for (let boot = 2; boot <= MAX_TRACE_BOOTS + 1; boot++) {
    expect(isComplete(trace)).toBe(boot > MAX_TRACE_BOOTS);
    trace = decodeBootTrace(encodeBootTrace(extendBootTrace(trace, some(boot * 10_000, 5000))));
  }
  expect(trace.chunks.length).toBe(MAX_TRACE_CHUNKS);
});
