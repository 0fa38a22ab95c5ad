import fc from "fast-check";
import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

const DEADLINE = 0;
const MESSAGE = 1;

const STEP = fc.oneof(
  fc.record({ type: fc.constant("message" as const), delay: fc.constantFrom(1, 5, 7) }),
  fc.record({ type: fc.constant("deadline" as const), delay: fc.nat(20), id: fc.nat(30) }),
  fc.record({ type: fc.constant("clear" as const), id: fc.nat(30) }),
  fc.record({ type: fc.constant("pop" as const) }),
);

test("events come by their time, and by their turn at one time, whichever way they were put in, moved and taken back", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 300 }), (steps) => {
      const queue = new EventQueue(DEADLINE);
      let model: { time: number; turn: number; kind: number; a: number }[] = [];
      let now = 0;
      const without = (id: number): typeof model => model.filter(({ kind, a }) => kind !== DEADLINE || a !== id);
      const pop = (): void => {
        const expected = model.toSorted((one, other) => one.time - other.time || one.turn - other.turn)[0];
        expect(queue.pop()).toBe(expected !== undefined);
        if (expected === undefined) return;
        expect([queue.time, queue.kind, queue.a]).toEqual([expected.time, expected.kind, expected.a]);
        model = model.filter((one) => one !== expected);
        now = expected.time;
      };
      for (const [turn, step] of steps.entries()) {
        if (step.type === "pop") pop();
        if (step.type === "message") {
          queue.pushAfter(now, step.delay, MESSAGE, turn);
          model.push({ time: now + step.delay, turn, kind: MESSAGE, a: turn });
        }
        if (step.type === "deadline") {
          queue.setDeadline(step.id, now + step.delay);
          model = [...without(step.id), { time: now + step.delay, turn, kind: DEADLINE, a: step.id }];
        }
        if (step.type === "clear") {
          queue.clearDeadline(step.id);
          model = without(step.id);
        }
      }
      while (model.length > 0) pop();
      pop();
    }),
  );
});

test("many messages under way come with all their numbers, in their order", () => {
  const queue = new EventQueue(DEADLINE);
  for (let n = 0; n < 1000; n++) {
    queue.pushAfter(n, 100, MESSAGE, n, n + 1, 2 * n);
    if (n < 100) continue;
    expect(queue.pop()).toBe(true);
    expect([queue.time, queue.a, queue.b, queue.c]).toEqual([n, n - 100, n - 99, 2 * (n - 100)]);
  }
});
