import { seededRandom } from "@ingot/testkit/link";
import fc from "fast-check";
import { expect, test } from "vitest";

import { Prefetch, type PrefetchSource } from "./prefetch.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A source whose work ends when it is told, in the order in which it began. */
class Source implements PrefetchSource {
  readonly held = new Set<number>();
  readonly begun: string[] = [];
  readonly open: { readonly chunk: number; readonly settle: (error?: Error) => void }[] = [];
  mostFetches = 0;
  mostWarmings = 0;

  isHeld(chunk: number): boolean {
    return this.held.has(chunk);
  }

  lengthOf(): number {
    return 1000;
  }

  warm(chunk: number): Promise<void> {
    return this.#begin("warm", chunk);
  }

  async fetch(chunk: number): Promise<void> {
    await this.#begin("fetch", chunk);
    this.held.add(chunk);
  }

  /** Lets the oldest work end, or fail. */
  async settle(error?: Error): Promise<void> {
    this.open.shift()?.settle(error);
    await turn();
  }

  async settleAll(): Promise<void> {
    while (this.open.length > 0) await this.settle();
  }

  #begin(what: "fetch" | "warm", chunk: number): Promise<void> {
    this.begun.push(`${what} ${chunk}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.open.push({ chunk, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    const fetches = this.open.filter(({ chunk: one }) => !this.held.has(one)).length;
    this.mostFetches = Math.max(this.mostFetches, fetches);
    this.mostWarmings = Math.max(this.mostWarmings, this.open.length - fetches);
    return promise;
  }
}

test("held chunks are warmed and missing ones fetched, in the order of the trace, a few at a time", async () => {
  const source = new Source();
  for (const chunk of [2, 3, 5, 7]) source.held.add(chunk);
  const prefetch = new Prefetch(source, [7, 1, 5, 9, 3, 4, 2, 8], { maxFetches: 3, maxWarmings: 2 });
  await source.settleAll();
  expect(await prefetch.done).toEqual({
    warmedChunks: 4,
    warmedBytes: 4000,
    fetchedChunks: 4,
    fetchedBytes: 4000,
    failedChunks: 0,
  });
  expect(source.begun.filter((what) => what.startsWith("fetch"))).toEqual(["fetch 1", "fetch 9", "fetch 4", "fetch 8"]);
  expect(source.begun.filter((what) => what.startsWith("warm"))).toEqual(["warm 7", "warm 5", "warm 3", "warm 2"]);
  expect([source.mostFetches, source.mostWarmings]).toEqual([3, 2]);
});

test("nothing to do is done", async () => {
  expect(await new Prefetch(new Source(), []).done).toMatchObject({ warmedChunks: 0, fetchedChunks: 0 });
});

test("no more of the trace than the budget allows", async () => {
  const source = new Source();
  const prefetch = new Prefetch(source, [1, 2, 3, 4], { maxBytes: 2500 });
  await source.settleAll();
  expect(await prefetch.done).toMatchObject({ fetchedChunks: 2 });
  expect(source.begun).toEqual(["fetch 1", "fetch 2"]);
});

test("while a machine waits for something else, one chunk at a time", async () => {
  const source = new Source();
  const prefetch = new Prefetch(source, [1, 2, 3, 4, 5, 6], { maxFetches: 3 });
  const demand = Promise.withResolvers<void>();
  prefetch.demanded(99, demand.promise);
  await source.settle();
  await source.settle();
  expect(source.open.map(({ chunk }) => chunk)).toEqual([3]);
  await source.settle();
  expect(source.open.map(({ chunk }) => chunk)).toEqual([4]);
  demand.reject(new Error("lost"));
  await turn();
  expect(source.open.map(({ chunk }) => chunk)).toEqual([4, 5, 6]);
  // A machine that waits for what is on its way needs nothing to make room.
  prefetch.demanded(5, new Promise(() => undefined));
  await source.settleAll();
  expect(await prefetch.done).toMatchObject({ fetchedChunks: 6 });
});

test("overtaken by a machine it goes on ahead of it, and comes back in the end", async () => {
  const source = new Source();
  const trace = Array.from({ length: 200 }, (_, i) => i);
  const prefetch = new Prefetch(source, trace, { maxFetches: 1 });
  prefetch.demanded(10, Promise.resolve());
  await turn();
  await source.settle();
  expect(source.open.map(({ chunk }) => chunk)).toEqual([11]);
  // Far ahead: a machine that does something else.
  prefetch.demanded(150, Promise.resolve());
  await turn();
  await source.settle();
  expect(source.open.map(({ chunk }) => chunk)).toEqual([12]);
  await source.settleAll();
  expect(source.begun.slice(-9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map((chunk) => `fetch ${chunk}`));
  await prefetch.done;
});

test("chunks that fail are left out, and a source that only fails is left alone", async () => {
  const source = new Source();
  const prefetch = new Prefetch(source, [1, 2, 3], { maxFetches: 1 });
  await source.settle(new Error("missing"));
  await source.settleAll();
  expect(await prefetch.done).toMatchObject({ failedChunks: 1, fetchedChunks: 2 });

  const broken = new Source();
  const hopeless = new Prefetch(
    broken,
    Array.from({ length: 1000 }, (_, i) => i),
  );
  while (broken.open.length > 0) await broken.settle(new Error("no route"));
  const { failedChunks } = await hopeless.done;
  expect(failedChunks).toBeLessThan(20);
});

test("stopped it begins nothing more, and is done when what was under way is", async () => {
  const source = new Source();
  const abort = new AbortController();
  const prefetch = new Prefetch(source, [1, 2, 3, 4, 5], { maxFetches: 2, signal: abort.signal });
  abort.abort();
  await source.settleAll();
  expect(await prefetch.done).toMatchObject({ fetchedChunks: 2 });
  const never = new Prefetch(source, [7], { signal: abort.signal });
  expect(await never.done).toMatchObject({ fetchedChunks: 0 });
});

test("whatever is held, demanded and failing: each chunk of the trace once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.uniqueArray(fc.nat(99), { maxLength: 100 }), async (seed, trace) => {
      const random = seededRandom(seed);
      const source = new Source();
      for (const chunk of trace) if (random() < 0.4) source.held.add(chunk);
      const prefetch = new Prefetch(source, trace, { maxFetches: 1 + Math.floor(random() * 4) });
      while (source.open.length > 0) {
        const demanded = Math.floor(random() * 100);
        if (random() < 0.5 && !source.isHeld(demanded)) prefetch.demanded(demanded, turn());
        await source.settle(random() < 0.1 ? new Error("lost") : undefined);
      }
      const { warmedChunks, fetchedChunks, failedChunks } = await prefetch.done;
      const begun = source.begun.map((what) => what.split(" ")[1]);
      expect(new Set(begun).size).toBe(begun.length);
      // Each chunk that a machine asked for itself may be left out.
      expect(warmedChunks + fetchedChunks + failedChunks).toBe(begun.length);
      for (const chunk of begun) expect(trace).toContain(Number(chunk));
    }),
    { numRuns: 50 },
  );
});
