import { expect, test } from "vitest";
import { SimulatedNetwork } from "./network.ts";

test("a transfer takes its bytes over the rate of its narrowest link", () => {
  const network = new SimulatedNetwork();
  const path = [network.link(100), network.link(50)];
  const done: number[] = [];
  network.start(path, 1000, () => done.push(network.now));
  network.run(() => false);
  expect(done).toEqual([20]);
});

test("transfers share a link equally, and the one that stays longer gets it all afterwards", () => {
  const network = new SimulatedNetwork();
  const link = network.link(100);
  const done: (readonly [string, number])[] = [];
  network.start([link], 1000, () => done.push(["long", network.now]));
  network.start([link], 500, () => done.push(["short", network.now]));
  network.run(() => false);
  expect(done).toEqual([
    ["short", 10],
    ["long", 15],
  ]);
});

test("a cancelled transfer is never done and leaves its share to others", () => {
  const network = new SimulatedNetwork();
  const link = network.link(100);
  const done: string[] = [];
  const cancelled = network.start([link], 1000, () => done.push("cancelled"));
  network.start([link], 1000, () => done.push(`done at ${network.now}`));
  network.after(10, () => network.cancel(cancelled));
  network.run(() => false);
  expect(done).toEqual(["done at 15"]);
});

test("things happen in the order of their times, and of their making at one time", () => {
  const network = new SimulatedNetwork();
  const order: string[] = [];
  for (const [seconds, name] of [
    [2, "c"],
    [1, "a"],
    [1, "b"],
    [3, "d"],
  ] as const) {
    network.after(seconds, () => order.push(name));
  }
  network.run(() => order.length === 3);
  expect(order).toEqual(["a", "b", "c"]);
});
