import { expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";
import { LinkPlan } from "./link-plan.ts";
import { SimulatedLink } from "./simulated-link.ts";

const bad = { seed: 7, dropRate: 0.2, duplicateRate: 0.2, reorderRate: 0.2 };

test("one seed gives one plan, another seed another", () => {
  const fates = (seed: number): string => {
    const plan = new LinkPlan({ ...bad, seed });
    return JSON.stringify(Array.from({ length: 50 }, () => plan.next()));
  };
  expect(fates(7)).toBe(fates(7));
  expect(fates(7)).not.toBe(fates(8));
});

test("a plan without rates delivers everything once, in time", () => {
  const plan = new LinkPlan({ seed: 1 });
  expect(Array.from({ length: 5 }, () => plan.next())).toEqual([[1], [1], [1], [1], [1]]);
});

test("the rates come out about as asked", () => {
  const plan = new LinkPlan(bad);
  for (let count = 0; count < 10_000; count += 1) {
    plan.next();
  }
  expect(plan.counts.packets).toBe(10_000);
  for (const count of [plan.counts.dropped, plan.counts.duplicated / 0.8, plan.counts.reordered / 0.8]) {
    expect(count).toBeGreaterThan(1800);
    expect(count).toBeLessThan(2200);
  }
});

test("a simulated link loses, doubles and reorders, and delivers what the sender's buffer held then", () => {
  const clock = new FakeClock();
  const plan = new LinkPlan(bad);
  const link = new SimulatedLink(clock, plan);
  const arrived: number[] = [];
  const buffer = new Uint8Array(1);
  for (let value = 0; value < 100; value += 1) {
    buffer[0] = value;
    link.send(buffer, (bytes) => arrived.push(bytes[0] ?? -1));
    clock.advance(1);
  }
  while (clock.step()) {
    // Deliver the rest.
  }
  expect(new Set(arrived).size).toBe(100 - plan.counts.dropped);
  expect(arrived.length).toBe(100 - plan.counts.dropped + plan.counts.duplicated);
  expect(arrived).not.toEqual(arrived.toSorted((a, b) => a - b));
});

test("timers of one instant run in the order in which they were set, and cancelled ones never", () => {
  const clock = new FakeClock(100);
  const ran: string[] = [];
  clock.setTimer(5, () => ran.push("b"));
  clock.setTimer(5, () => ran.push("c"));
  const cancel = clock.setTimer(1, () => ran.push("never"));
  clock.setTimer(2, () => ran.push("a"));
  cancel();
  cancel();
  clock.advance(4);
  expect(ran).toEqual(["a"]);
  expect(clock.now()).toBe(104);
  clock.advance(1);
  expect(ran).toEqual(["a", "b", "c"]);
  expect(clock.pending).toBe(0);
});
