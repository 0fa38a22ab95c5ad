import { expect, it } from "vitest";
import { FrameBatch } from "./frame-batch.ts";

it("hands over everything that arrived before the frame at once, in order", () => {
  const frames: (() => void)[] = [];
  const flushed: (readonly number[])[] = [];
  const batch = new FrameBatch<number>(
    (items) => flushed.push(items),
    (run) => frames.push(run),
  );
  for (let n = 0; n < 5000; n += 1) batch.add(n);
  expect(frames).toHaveLength(1);
  frames.shift()?.();
  expect(flushed).toHaveLength(1);
  expect(flushed[0]).toHaveLength(5000);
  expect(flushed[0]?.at(-1)).toBe(4999);
});

it("asks for another frame for what arrives while it hands over", () => {
  const frames: (() => void)[] = [];
  const flushed: (readonly string[])[] = [];
  const batch = new FrameBatch<string>(
    (items) => {
      flushed.push(items);
      if (items.includes("first")) batch.add("second");
    },
    (run) => frames.push(run),
  );
  batch.add("first");
  frames.shift()?.();
  frames.shift()?.();
  expect(flushed).toEqual([["first"], ["second"]]);
  expect(frames).toHaveLength(0);
});
