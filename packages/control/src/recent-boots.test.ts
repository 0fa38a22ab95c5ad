import { expect, test } from "vitest";
import { RecentBoots } from "./recent-boots.ts";

const MINUTE_MS = 60_000;

test("a card that asked after this computer's own did is another computer's", () => {
  const boots = new RecentBoots();
  boots.note("m1", "a", 0);
  boots.note("m1", "b", 1000);
  expect(boots.rivalOf("m1", ["a"], 2000)).toBe("b");
  // The one that came last, and one that has both cards.
  expect(boots.rivalOf("m1", ["b"], 2000)).toBeUndefined();
  expect(boots.rivalOf("m1", ["a", "b"], 2000)).toBeUndefined();
});

test("a computer that starts again, or one that booted with no card of its own, has no rival; nor has one after a while", () => {
  const boots = new RecentBoots();
  boots.note("m1", "a", 0);
  boots.note("m1", "b", 1000);
  boots.note("m1", "a", 2000);
  expect(boots.rivalOf("m1", ["a"], 3000)).toBeUndefined();
  expect(boots.rivalOf("m1", ["c"], 3000)).toBeUndefined();
  expect(boots.rivalOf("m2", ["a"], 3000)).toBeUndefined();
  expect(boots.rivalOf("m1", ["b"], 3000)).toBe("a");
  expect(boots.rivalOf("m1", ["b"], 20 * MINUTE_MS)).toBeUndefined();
  boots.remove("m1");
  expect(boots.rivalOf("m1", ["b"], 3000)).toBeUndefined();
});

test("a computer that asked before this one may be about to come, for two minutes", () => {
  const boots = new RecentBoots();
  boots.note("m1", "a", 0);
  expect(boots.hasForerunner("m1", ["a"], 1000)).toBe(false);
  boots.note("m1", "b", 60_000);
  expect(boots.hasForerunner("m1", ["b"], 61_000)).toBe(true);
  expect(boots.hasForerunner("m1", ["a", "b"], 61_000)).toBe(false);
  expect(boots.hasForerunner("m1", ["c"], 61_000)).toBe(false);
  expect(boots.hasForerunner("m1", ["b"], 2 * MINUTE_MS)).toBe(false);
});

test("of many cards the last ones are remembered", () => {
  const boots = new RecentBoots();
  for (let card = 0; card < 20; card++) boots.note("m1", `${card}`, card);
  expect(boots.rivalOf("m1", ["11"], 100)).toBeUndefined();
  expect(boots.rivalOf("m1", ["18"], 100)).toBe("19");
});
