import { DecodeError } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PieceSet } from "../piece-set.ts";
import { createMulticastPlan, keyOf, piecesOf, runsOf } from "./plan.ts";

const plan = createMulticastPlan({
  rate: 200e6,
  order: [
    { first: 4, end: 6 },
    { first: 0, end: 3 },
  ],
  random: (count) => Uint8Array.from({ length: count }, (_unused, index) => index + 1),
});

test("a plan is made of its random bytes and survives JSON", () => {
  expect(plan).toMatchObject({ group: "239.255.5.6", session: 0x0102_0304, port: 26_000 + (0x0708 % 4096) });
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  expect(keyOf(plan)).toHaveLength(32);
});

test("no group shares its Ethernet address with a routing protocol's", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (random) => {
      const { group, port } = createMulticastPlan({
        ...plan,
        random: (count) => (count === 8 ? random : new Uint8Array(count)),
      });
      expect(group).toMatch(/^239\.255\./);
      expect(Number(group.split(".")[2]) % 128).not.toBe(0);
      expect(port).toBeLessThan(32_768);
    }),
  );
});

test("pieces come in the order of the runs", () => {
  expect([...piecesOf(plan, 6)]).toEqual([4, 5, 0, 1, 2]);
});

test.each([
  ["a piece that the image has not", { order: [{ first: 0, end: 7 }] }],
  [
    "a piece twice",
    {
      order: [
        { first: 0, end: 2 },
        { first: 1, end: 3 },
      ],
    },
  ],
  ["an empty run", { order: [{ first: 2, end: 2 }] }],
  ["half a piece", { order: [{ first: 0.5, end: 2 }] }],
  ["no rate", { rate: Number.NaN }],
  ["an absurd rate", { rate: 1e15 }],
])("%s is refused", (_what, change) => {
  expect(() => piecesOf({ ...plan, ...change }, 6)).toThrow(DecodeError);
});

test("a short key is refused", () => {
  expect(() => keyOf({ ...plan, key: "00ff" })).toThrow(DecodeError);
});

test("a set of pieces becomes runs", () => {
  const set = new PieceSet(10);
  for (const piece of [0, 1, 5, 8, 9]) set.add(piece);
  expect(runsOf(set)).toEqual([
    { first: 0, end: 2 },
    { first: 5, end: 6 },
    { first: 8, end: 10 },
  ]);
});
