import { expect, test } from "vitest";
import { Starvation, type Supply } from "./starvation.ts";

/** What is said from second to second. */
function seen(supplies: readonly Partial<Record<keyof Supply, number>>[]): (string | undefined)[] {
  const starvation = new Starvation();
  return supplies.map(({ held = 5, fetches = 0, missing = 1 }, second) =>
    starvation.look(1000 * second, { held, fetches, missing: () => missing }),
  );
}

const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

test("after 15 seconds in which nothing came and nothing was under way it is said, once", () => {
  expect(seen(times(40, {})).flatMap((what, second) => (what === undefined ? [] : [[second, what]]))).toEqual([
    [15, "starved"],
  ]);
});

test("and the end of it when a piece comes", () => {
  expect(seen([...times(20, {}), { held: 6 }, {}]).filter((what) => what !== undefined)).toEqual(["starved", "fed"]);
});

test("a fetch over a slow link is none", () => {
  const slow = [...times(60, { fetches: 1 }), {}, ...times(60, { fetches: 1 })];
  expect(seen(slow).filter((what) => what !== undefined)).toEqual([]);
});

test("one that fails every five seconds is", () => {
  const failing = Array.from({ length: 60 }, (_unused, second) => ({ fetches: second % 5 === 0 ? 1 : 0 }));
  expect(seen(failing).filter((what) => what !== undefined)).toEqual(["starved"]);
});

test("what is missing later is said as long after it was counted", () => {
  const later = [...times(20, { missing: 0 }), ...times(20, {})];
  expect(seen(later).findIndex((what) => what !== undefined)).toBe(30);
});

test("nothing is said where all is here, or comes of itself", () => {
  expect(seen(times(60, { missing: 0 })).filter((what) => what !== undefined)).toEqual([]);
});
