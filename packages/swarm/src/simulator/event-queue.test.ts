import fc from "fast-check";
import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

test("events come by their time, and by their turn at one time, whichever way they were put in", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant("at" as const), delay: fc.nat(20) }),
      fc.record({ kind: fc.constant("after" as const), delay: fc.constantFrom(1, 5, 7) }),
      fc.record({ kind: fc.constant("pop" as const), delay: fc.constant(0) }),
    ),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(steps, (list) => {
      const queue = new EventQueue<number>();
      const model: { time: number; event: number }[] = [];
      let now = 0;
      const pop = (): void => {
        const expected = model.toSorted((a, b) => a.time - b.time || a.event - b.event)[0];
        const got = queue.pop();
        expect(got && { time: got.time, event: got.event }).toEqual(expected);
        if (expected === undefined) return;
        model.splice(model.indexOf(expected), 1);
        now = expected.time;
      };
      for (const [event, { kind, delay }] of list.entries()) {
        if (kind === "at") queue.push(now + delay, event);
        if (kind === "after") queue.pushAfter(now, delay, event);
        if (kind === "pop") pop();
        else model.push({ time: now + delay, event });
      }
      while (model.length > 0) pop();
      pop();
    }),
  );
});

test("a lane lets go of what is gone", () => {
  const queue = new EventQueue<number>();
  for (let event = 0; event < 10_000; event++) queue.pushAfter(event, 1, event);
  for (let event = 0; event < 10_000; event++) expect(queue.pop()?.event).toBe(event);
  expect(queue.pop()).toBeUndefined();
});
