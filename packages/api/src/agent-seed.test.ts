import { describe, expect, test } from "vitest";
import { seedAnswerSchema, seedHeartbeatSchema } from "./agent-seed.ts";

const MANIFEST = "ab".repeat(32);
const SAID = { freeBytes: 2 ** 40, held: [{ manifestId: MANIFEST, pieces: 12 }] };
const ORDER = { manifestId: MANIFEST, image: "debian:3", part: { end: 20, of: 3, places: [0, 2] } };
const ANSWER = { orders: [ORDER], intervalSeconds: 3 };

test("what seeds and the server say to each other is let through", () => {
  expect(seedHeartbeatSchema.parse(SAID)).toEqual(SAID);
  expect(seedAnswerSchema.parse(ANSWER)).toEqual(ANSWER);
});

describe("refused", () => {
  test.each([
    ["less space than none", { ...SAID, freeBytes: -1 }],
    ["a manifest that is none", { ...SAID, held: [{ manifestId: "../etc", pieces: 1 }] }],
    ["more pieces than an image has", { ...SAID, held: [{ manifestId: MANIFEST, pieces: 2_621_441 }] }],
  ])("%s", (_what, body) => {
    expect(seedHeartbeatSchema.safeParse(body).success).toBe(false);
  });

  test.each([
    ["a part of nothing", { end: 20, of: 0, places: [] }],
    ["a ninth place", { end: 20, of: 8, places: [8] }],
    ["pieces that no image has", { end: 2_621_441, of: 1, places: [0] }],
  ])("an order for %s", (_what, part) => {
    expect(seedAnswerSchema.safeParse({ ...ANSWER, orders: [{ ...ORDER, part }] }).success).toBe(false);
  });
});
