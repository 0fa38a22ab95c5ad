import fc from "fast-check";
import { expect, it } from "vitest";
import { parseDigest } from "./digest.ts";
import { MAX_HTTP_RANGE_BYTES } from "./limits.ts";
import { type PackRange, RangeQueue } from "./range-queue.ts";

const PACKS = ["aa", "bb"].map((byte) => parseDigest(byte.repeat(32)));
const NEVER = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Bytes that say where they are from. */
function bytesOf({ pack, offset, length }: PackRange): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (offset + i) * 7 + pack.charCodeAt(0));
}

const ranges: fc.Arbitrary<PackRange> = fc.record({
  pack: fc.constantFrom(...PACKS),
  offset: fc.nat(200_000),
  length: fc.integer({ min: 1, max: 5000 }),
});

it("gives each its own bytes, with a bounded number of requests of a bounded length", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ranges, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), async (wanted, most) => {
      const requested: PackRange[] = [];
      let running = 0;
      const queue = new RangeQueue(async (range) => {
        requested.push(range);
        running += 1;
        expect(running).toBeLessThanOrEqual(most);
        expect(range.length).toBeLessThanOrEqual(MAX_HTTP_RANGE_BYTES);
        await turn();
        running -= 1;
        return bytesOf(range);
      }, most);
      const results = await Promise.all(wanted.map((range) => queue.read(range, NEVER)));
      for (const [i, range] of wanted.entries())
        expect(Buffer.compare(results[i] ?? bytesOf(range), bytesOf(range))).toBe(0);
      expect(requested.length).toBeLessThanOrEqual(wanted.length);
    }),
    { numRuns: 50 },
  );
});

it("the oldest wish goes first, and takes its neighbours with it", async () => {
  const requested: string[] = [];
  const queue = new RangeQueue(async ({ pack, offset, length }) => {
    requested.push(`${pack.slice(0, 2)} ${offset}+${length}`);
    await turn();
    return new Uint8Array(length);
  }, 1);
  const [a, b] = PACKS.map((pack) => (offset: number) => queue.read({ pack, offset, length: 1000 }, NEVER));
  await Promise.all([a?.(500_000), b?.(0), a?.(501_000), a?.(100_000), b?.(10_000), a?.(499_000)]);
  expect(requested).toEqual(["aa 499000+3000", "bb 0+11000", "aa 100000+1000"]);
});

it("a wish that is given up is not requested, and one of several does not end the others' request", async () => {
  const requested: PackRange[] = [];
  const begun: AbortSignal[] = [];
  const go = Promise.withResolvers<void>();
  const queue = new RangeQueue(async (range, signal) => {
    requested.push(range);
    begun.push(signal);
    await go.promise;
    return bytesOf(range);
  }, 1);
  const [pack] = PACKS;
  if (pack === undefined) throw new Error("no pack");
  const abort = new AbortController();
  const [first, second] = [abort.signal, NEVER].map((signal, i) =>
    queue.read({ pack, offset: i * 100, length: 100 }, signal),
  );
  await turn();
  const third = queue.read({ pack, offset: 100_000, length: 100 }, abort.signal);
  abort.abort(new Error("given up"));
  await expect(first).rejects.toThrow("given up");
  await expect(third).rejects.toThrow("given up");
  expect(begun.map(({ aborted }) => aborted)).toEqual([false]);
  go.resolve();
  expect(await second).toEqual(bytesOf({ pack, offset: 100, length: 100 }));
  await turn();
  expect(requested).toEqual([{ pack, offset: 0, length: 200 }]);
});
