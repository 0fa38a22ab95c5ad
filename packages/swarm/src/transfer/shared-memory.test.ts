import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeImage } from "../../test/transfer-image.ts";
import { ChunkBits, ChunkTable } from "./chunk-table.ts";
import { RateCap } from "./rate-cap.ts";
import { StoredChunkCache } from "./stored-chunk-cache.ts";

describe("a chunk table", () => {
  it("says what the piece map says", () => {
    const { pieceMap } = makeImage(20, 300_000);
    const table = ChunkTable.of(pieceMap);
    for (let piece = 0; piece < pieceMap.pieceCount; piece++) {
      expect(table.chunksOf(piece)).toEqual(pieceMap.chunksOf(piece));
    }
    for (let chunk = 0; chunk < pieceMap.chunkCount; chunk++) {
      expect(table.lengthOf(chunk)).toBe(pieceMap.lengthOf(chunk));
      expect(table.digestOf(chunk).toHex()).toBe(pieceMap.digestOf(chunk));
      expect([...table.offsetsOf(chunk)]).toEqual(pieceMap.offsetsOf(chunk));
    }
    const { first, end } = table.chunksOf(pieceMap.pieceCount);
    expect(end - first).toBe(0);
  });

  it("has bits that do not disturb each other", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(99), fc.boolean())), (changes) => {
        const bits = ChunkBits.empty(100);
        const model = new Set<number>();
        for (const [chunk, isAdded] of changes) {
          if (isAdded) bits.add(chunk);
          else bits.delete(chunk);
          if (isAdded) model.add(chunk);
          else model.delete(chunk);
        }
        for (let chunk = 0; chunk < 100; chunk++) expect(bits.has(chunk)).toBe(model.has(chunk));
      }),
    );
  });
});

describe("the cache of stored chunks", () => {
  it("gives back what was put in last, and never anything else", () => {
    const steps = fc.array(fc.record({ chunk: fc.nat(9), length: fc.integer({ min: 1, max: 60 }) }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (list) => {
        const cache = StoredChunkCache.ofSize(100);
        const places = new BigInt64Array(new SharedArrayBuffer(80));
        const model = new Map<number, Uint8Array>();
        for (const [step, { chunk, length }] of list.entries()) {
          const payload = new Uint8Array(length).fill(step + 1);
          cache.put(places, chunk, payload);
          if (length <= 50) model.set(chunk, payload);
          if (length <= 50) expect(cache.get(places, chunk)).toEqual(payload);
          for (const [known, bytes] of model) {
            const got = cache.get(places, known);
            if (got !== undefined) expect(got).toEqual(bytes);
          }
        }
      }),
    );
  });

  it("of no bytes keeps nothing", () => {
    const cache = StoredChunkCache.ofSize(0);
    const places = new BigInt64Array(new SharedArrayBuffer(8));
    cache.put(places, 0, Uint8Array.of(1));
    expect(cache.get(places, 0)).toBeUndefined();
  });
});

describe("a rate cap", () => {
  it("lets so many bytes through as the rate allows, and 20 ms of it at once", () => {
    const reservations = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 300_000 }), pauseMs: fc.nat(500) }));
    fc.assert(
      fc.property(reservations, (list) => {
        const cap = RateCap.of(1_000_000);
        let nowMs = 0;
        let sent = 0;
        for (const { bytes, pauseMs } of list) {
          nowMs += pauseMs;
          const waitMs = cap.reserve(bytes, BigInt(Math.round(nowMs * 1e6)));
          sent += bytes;
          nowMs += waitMs;
          // Never faster than the rate since the beginning, but for the burst.
          expect(sent).toBeLessThanOrEqual(1000 * nowMs + 20_000 + 1);
        }
      }),
    );
  });

  it("is shared", () => {
    const one = RateCap.of(1000);
    const other = new RateCap(1000, one.shared);
    one.reserve(1000, 0n);
    expect(other.reserve(1000, 0n)).toBe(1980);
  });

  it("of infinity waits for nothing", () => {
    expect(RateCap.of(Infinity).reserve(2 ** 40, 0n)).toBe(0);
  });
});
