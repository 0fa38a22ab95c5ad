import { expect, test } from "vitest";
import { encodeChunkStream } from "../transfer/chunk-stream.ts";
import { wholeChunksOf } from "./whole-chunks.ts";

const piece = { first: 7, end: 10 };
const stream = encodeChunkStream([7, 8, 9].map((chunk) => ({ chunk, codec: 0, payload: new Uint8Array(100) })));

test.each([
  [stream.length, [7, 8, 9], 324],
  [stream.length - 1, [7, 8], 216],
  [216 + 7, [7, 8], 216],
  [107, [], 0],
  [3, [], 0],
  [0, [], 0],
])("of %d bytes these chunks are whole", (length, chunks, bytes) => {
  expect(wholeChunksOf(stream.subarray(0, length), piece)).toEqual({ chunks, bytes });
});

test("what is no chunk of the piece ends it", () => {
  expect(wholeChunksOf(stream, { first: 8, end: 10 })).toEqual({ chunks: [], bytes: 0 });
  expect(wholeChunksOf(stream, { first: 7, end: 8 })).toEqual({ chunks: [7], bytes: 108 });
  expect(wholeChunksOf(stream.with(108 + 3, 99), piece)).toEqual({ chunks: [7], bytes: 108 });
});
