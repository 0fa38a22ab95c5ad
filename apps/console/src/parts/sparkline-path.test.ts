import { expect, it } from "vitest";
import { sparklinePath } from "./sparkline-path.ts";

it("draws nothing of nothing", () => {
  expect(sparklinePath([], 50, 20)).toBe("");
  expect(sparklinePath([7], 50, 20)).toBe("");
  expect(sparklinePath([0, 0, 0], 50, 20)).toBe("");
});

it("goes from edge to edge, with the highest value at the top", () => {
  expect(sparklinePath([0, 10, 5], 50, 20)).toBe("M0.0 19.0L25.0 1.0L50.0 10.0");
});
