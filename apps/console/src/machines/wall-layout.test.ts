import fc from "fast-check";
import { expect, it } from "vitest";
import { layoutWall, machineAt, WALL_LABEL_PX, type WallGroup } from "./wall-layout.ts";

const room = (name: string, count: number): WallGroup => ({
  name,
  ids: Array.from({ length: count }, (_, index) => `${name}-${index}`),
});

it("shows 5,000 machines in 200 rooms on a wall screen without scrolling", () => {
  const rooms = Array.from({ length: 200 }, (_, index) => room(`room-${index}`, 25));
  const layout = layoutWall(rooms, 1880, 850);
  expect(layout.heightPx).toBeLessThanOrEqual(850);
  expect(layout.cellPx).toBeGreaterThanOrEqual(10);
});

it("finds every machine where it was put, and none beside it", () => {
  const groups = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(groups, fc.integer({ min: 80, max: 2000 }), (counts, width) => {
      const layout = layoutWall(
        counts.map((count, index) => room(`r${index}`, count)),
        width,
        700,
      );
      for (const block of layout.blocks) {
        block.ids.forEach((id, index) => {
          const x = block.x + (index % block.columns) * layout.cellPx + 1;
          const y = block.y + WALL_LABEL_PX + Math.floor(index / block.columns) * layout.cellPx + 1;
          expect(machineAt(layout, x, y)).toBe(id);
          expect(x).toBeLessThan(width);
          expect(y).toBeLessThan(layout.heightPx);
        });
        expect(machineAt(layout, block.x + 1, block.y + 1)).toBeUndefined();
      }
    }),
  );
});

it("has no height without machines", () => {
  expect(layoutWall([], 1000, 500)).toMatchObject({ heightPx: 0, blocks: [] });
});
