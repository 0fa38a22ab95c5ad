import { expect, it } from "vitest";
import { RateWindow } from "./rate-window.ts";

it("averages over the last three seconds, however unevenly it is told", () => {
  const window = new RateWindow(0);
  // Every second look has two seconds' worth, the others nothing.
  for (let second = 1; second <= 12; second += 1) window.put(second * 500, Math.floor(second / 2) * 1000);
  expect(window.perSecond).toBeCloseTo(1000, 5);
  expect(window.total).toBe(6000);
});

it("is exactly zero when nothing grew for that long", () => {
  const window = new RateWindow(0);
  window.put(1000, 500);
  expect(window.perSecond).toBe(500);
  for (let second = 2; second <= 4; second += 1) window.put(second * 1000, 500);
  expect(window.perSecond).toBe(0);
});

it("shows no rate within one moment, and none where a total begins anew", () => {
  const window = new RateWindow(1000);
  window.put(1000, 9);
  expect(window.perSecond).toBe(0);
  window.put(2000, 4);
  expect(window.perSecond).toBe(4);
  const anew = new RateWindow(0, 100);
  anew.put(1000, 0);
  expect(anew.perSecond).toBe(0);
});
