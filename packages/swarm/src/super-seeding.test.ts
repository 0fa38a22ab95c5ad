import { expect, test } from "vitest";
import { PieceSet } from "./piece-set.ts";
import { SuperSeeding } from "./super-seeding.ts";

test("every piece is offered once before any is offered twice, whoever asks", () => {
  const seeding = new SuperSeeding(20, () => 0.4);
  const nobody = new PieceSet(20);
  const taken = Array.from({ length: 20 }, (_unused, neighbour) => {
    const piece = seeding.offer(neighbour, nobody) ?? -1;
    seeding.took(neighbour, piece);
    return piece;
  });
  expect(new Set(taken).size).toBe(20);
});

test("offers that are open at the same time are for different pieces", () => {
  const seeding = new SuperSeeding(20, () => 0);
  const nobody = new PieceSet(20);
  expect([1, 2, 3].map((neighbour) => seeding.offer(neighbour, nobody))).toEqual([0, 1, 2]);
});

test("what was declined, or not taken, is offered again", () => {
  const seeding = new SuperSeeding(3, () => 0);
  const nobody = new PieceSet(3);
  expect(seeding.offer(1, nobody)).toBe(0);
  seeding.withdraw(1);
  expect(seeding.offer(2, nobody)).toBe(0);
  seeding.took(2, 2);
  expect([3, 4].map((neighbour) => seeding.offer(neighbour, nobody))).toEqual([0, 1]);
});

test("what a dead neighbour took and nobody else has is offered again before anything goes twice", () => {
  const seeding = new SuperSeeding(4, () => 0);
  const nobody = new PieceSet(4);
  for (const neighbour of [1, 1, 2, 2]) seeding.took(neighbour, seeding.offer(neighbour, nobody) ?? -1);
  seeding.lost(1, (piece) => piece === 0);
  seeding.lost(9, () => false);
  expect(seeding.offer(3, nobody)).toBe(1);
});

test("a neighbour is offered what it lacks, and nothing when it lacks nothing", () => {
  const seeding = new SuperSeeding(4, () => 0);
  const held = PieceSet.full(4);
  held.delete(3);
  expect(seeding.offer(1, held)).toBe(3);
  expect(seeding.offer(2, PieceSet.full(4))).toBeUndefined();
});
