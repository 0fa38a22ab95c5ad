import { describe, expect, it } from "vitest";
import { formatCount, formatCountOf, formatShare } from "./count.ts";

describe("counts", () => {
  it("separates thousands", () => {
    expect(formatCount(5000)).toBe("5,000");
  });

  it("uses the singular for exactly one", () => {
    expect(formatCountOf(1, "machine")).toBe("1 machine");
    expect(formatCountOf(0, "machine")).toBe("0 machines");
    expect(formatCountOf(2, "entry", "entries")).toBe("2 entries");
  });

  it("never calls something nothing", () => {
    expect(formatShare(1, 5000)).toBe("<1 %");
    expect(formatShare(0, 5000)).toBe("0 %");
    expect(formatShare(3, 4)).toBe("75 %");
    expect(formatShare(3, 0)).toBe("0 %");
  });
});
