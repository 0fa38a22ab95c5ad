import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatBytes, formatRate } from "./bytes.ts";

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [-5, "0 B"],
    [Number.NaN, "0 B"],
    [1, "1 B"],
    [512, "512 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [1024, "1.00 KiB"],
    [10 * 1024, "10.0 KiB"],
    [300 * 1024, "300 KiB"],
    [1_570_000_000, "1.46 GiB"],
    [2 ** 40, "1.00 TiB"],
  ])("writes %d as %s", (sizeBytes, text) => {
    expect(formatBytes(sizeBytes)).toBe(text);
  });

  it("never needs more than ten characters up to a pebibyte", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (n) => formatBytes(n).length <= 10));
  });

  it("is within one percent of the value it stands for", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (n) => {
        const [digits = "", unit = ""] = formatBytes(n).split(" ");
        const back = Number(digits) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB", "PiB"].indexOf(unit);
        return Math.abs(back - n) <= n * 0.01;
      }),
    );
  });
});

describe("formatRate", () => {
  it("rounds to whole bytes before it chooses the unit", () => {
    expect(formatRate(0.2)).toBe("0 B/s");
    expect(formatRate(12_999_999.7)).toBe("12.4 MiB/s");
  });
});
