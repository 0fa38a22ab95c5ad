import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExtentMap } from "./extent.ts";
import type { Extent } from "./extent.ts";

function extentsOf(sectors: readonly number[]): Extent[] {
  let offset = 0;
  return sectors.map((count, i) => {
    const extent: Extent = { kind: i % 2 === 0 ? "zero" : "dontCare", offset, length: count * 512 };
    offset += extent.length;
    return extent;
  });
}

describe("ExtentMap", () => {
  it("finds the extent of every byte, as a walk through the list does", () => {
    const anyExtents = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }).map(extentsOf);
    fc.assert(
      fc.property(anyExtents, fc.nat(), (extents, where) => {
        const map = new ExtentMap(extents);
        const offset = where % map.sizeBytes;
        const expected = extents.find((extent) => offset < extent.offset + extent.length);
        expect(map.at(offset)).toBe(expected);
      }),
    );
  });

  it("lists the extents that a range touches", () => {
    const map = new ExtentMap(extentsOf([2, 1, 4]));
    expect([...map.within(512, 1)].map(({ offset }) => offset)).toEqual([0]);
    expect([...map.within(1023, 2)].map(({ offset }) => offset)).toEqual([0, 1024]);
    expect([...map.within(0, 7 * 512)]).toEqual(map.extents);
    expect([...map.within(1024, 0)]).toEqual([]);
  });

  it("refuses offsets outside the image", () => {
    const map = new ExtentMap(extentsOf([2]));
    expect(() => map.at(1024)).toThrow(RangeError);
    expect(() => map.at(-1)).toThrow(RangeError);
    expect(() => [...map.within(512, 1024)]).toThrow(RangeError);
  });
});
