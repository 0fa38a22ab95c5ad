import { expect, it } from "vitest";
import { savingOf } from "./saving.ts";

it("says how many times smaller the store is", () => {
  expect(savingOf(42, 10)).toBe("4.2×");
  expect(savingOf(990, 100)).toBe("9.9×");
  expect(savingOf(998, 100)).toBe("10×");
});

it("does not divide by an empty store", () => {
  expect(savingOf(10, 0)).toBe("–");
  expect(savingOf(0, 10)).toBe("–");
});
