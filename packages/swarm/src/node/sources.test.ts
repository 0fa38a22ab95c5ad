import { expect, test } from "vitest";
import { Sources } from "./sources.ts";

test("the tracker is told once of what each neighbour was worth", () => {
  const sources = new Sources();
  sources.brought("a", 1000, 10.4);
  sources.brought("a", 1000, 10.4);
  sources.answered("a", 3.6);
  sources.failed("b");
  expect(sources.take(8)).toEqual([
    { fingerprint: "a", bytes: 2000, ms: 21, latencyMs: 4, failures: 0 },
    { fingerprint: "b", bytes: 0, ms: 0, failures: 1 },
  ]);
  expect(sources.take(8)).toEqual([]);
});

test("those that one report has no room for are told of with the next", () => {
  const sources = new Sources();
  for (const name of ["a", "b", "c"]) sources.failed(name);
  expect(sources.take(2)).toHaveLength(2);
  expect(sources.take(2)).toMatchObject([{ fingerprint: "c" }]);
});
