import fc from "fast-check";
import { expect, it } from "vitest";
import { ChunkError } from "./errors.ts";
import { type HttpAnswer, HttpFetcher } from "./http-fetcher.ts";

const NEVER = new AbortController().signal;
const FILE = Uint8Array.from({ length: 300 }, (_, i) => i);

function fetcherOf(answer: () => HttpAnswer): HttpFetcher {
  return new HttpFetcher({ get: async () => answer() }, "http://store/", {
    attempts: 3,
    firstDelayMs: 1,
    longestDelayMs: 4,
    wait: async () => undefined,
    random: () => 0,
  });
}

it("whatever a server answers: the bytes that were asked for, not there, or an error", async () => {
  const contentRange = fc.oneof(
    fc.constant(undefined),
    fc.tuple(fc.nat(300), fc.nat(300)).map(([from, to]) => `bytes ${from}-${to}/300`),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(200, 204, 206, 301, 403, 404, 410, 416, 429, 500),
      contentRange,
      fc.nat(300),
      fc.nat(300),
      async (status, range, from, to) => {
        const bytes = FILE.slice(Math.min(from, to), Math.max(from, to));
        const fetcher = fetcherOf(() => ({ status, bytes, contentRange: range }));
        try {
          const got = await fetcher.readRange("packs/x", { offset: 20, length: 50, maxFileBytes: 300 }, NEVER);
          if (got === undefined) expect([404, 410]).toContain(status);
          else expect(got.length).toBe(50);
        } catch (error) {
          expect(error).toBeInstanceOf(ChunkError);
          expect((error as ChunkError).message).toContain("http://store/packs/x");
        }
      },
    ),
    { numRuns: 300 },
  );
});

it("waits longer each time, up to a limit, and not after the last try", async () => {
  const delays: number[] = [];
  const fetcher = new HttpFetcher({ get: () => Promise.reject(new Error("no route")) }, "http://store/", {
    attempts: 6,
    firstDelayMs: 100,
    longestDelayMs: 500,
    wait: async (delayMs) => void delays.push(delayMs),
    random: () => 0.5,
  });
  await expect(fetcher.read("index/", 100, NEVER)).rejects.toMatchObject({ code: "io" });
  expect(delays).toEqual([75, 150, 300, 375, 375]);
});

it("ends with the signal's reason, also while it waits", async () => {
  const abort = new AbortController();
  const fetcher = new HttpFetcher({ get: () => Promise.reject(new Error("no route")) }, "http://store/", {
    attempts: 6,
    firstDelayMs: 100,
    longestDelayMs: 500,
    async wait(_, signal) {
      abort.abort(new Error("given up"));
      signal.throwIfAborted();
    },
    random: () => 0,
  });
  await expect(fetcher.read("index/", 100, abort.signal)).rejects.toThrow("given up");
});
