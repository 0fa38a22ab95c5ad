import { describe, expect, test } from "vitest";
import { STALLED_BY, VERDICT_MS } from "./limits.ts";
import { smoothed, SourceRecords } from "./source-records.ts";

const SEED = 1;
const GAVE = { bytes: 4_000_000, ms: 100, latencyMs: 2, failures: 0 };
const FAILED = { bytes: 0, ms: 0, failures: 1 };

test("a measurement changes what is known by a quarter", () => {
  expect(smoothed(undefined, 100)).toBe(100);
  expect(smoothed(100, 200)).toBe(125);
});

test("a source is measured by those that it gave something, and by what it says of its slots", () => {
  const records = new SourceRecords();
  records.busy(SEED, 1, 4);
  expect(records.factsOf(SEED)).toBeUndefined();
  records.told(2, SEED, GAVE, 0);
  expect(records.factsOf(SEED)).toEqual({ id: SEED, uploadRate: 40e6, latencyMs: 2, load: 0.25 });
  records.told(3, SEED, { ...GAVE, bytes: 8_000_000, latencyMs: 6 }, 0);
  expect(records.factsOf(SEED)).toMatchObject({ uploadRate: 50e6, latencyMs: 3 });
  records.forget(SEED);
  expect(records.factsOf(SEED)).toBeUndefined();
});

describe("a source has stalled", () => {
  test("when two got nothing from it, and nobody anything", () => {
    const records = new SourceRecords();
    records.told(2, SEED, FAILED, 0);
    expect(records.isStalled(SEED, 5, 0)).toBe(false);
    records.told(3, SEED, FAILED, 0);
    expect(records.isStalled(SEED, 5, 0)).toBe(true);
    records.told(4, SEED, GAVE, 0);
    expect(records.isStalled(SEED, 5, 0)).toBe(false);
  });

  test("when its only receiver got nothing", () => {
    const records = new SourceRecords();
    records.told(2, SEED, FAILED, 0);
    expect(records.isStalled(SEED, 1, 0)).toBe(true);
  });

  test("not because of what one said often, or long ago", () => {
    const records = new SourceRecords();
    for (let i = 0; i <= STALLED_BY; i++) records.told(2, SEED, FAILED, i);
    expect(records.isStalled(SEED, 5, 3)).toBe(false);
    records.told(3, SEED, FAILED, STALLED_BY + VERDICT_MS);
    expect(records.isStalled(SEED, 5, STALLED_BY + VERDICT_MS)).toBe(false);
  });

  test("not when a request failed and others came", () => {
    const records = new SourceRecords();
    records.told(2, SEED, { ...GAVE, failures: 3 }, 0);
    expect(records.isStalled(SEED, 1, 0)).toBe(false);
  });
});
