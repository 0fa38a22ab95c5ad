import type { IngotEvent } from "@ingot/api";
import { EVENT_KINDS } from "@ingot/api";
import { describe, expect, it } from "vitest";
import { EVENT_SUBJECTS, selectEvents, subjectOf } from "./event-words.ts";

const events: readonly IngotEvent[] = [
  { id: 1, at: "2026-11-22T08:00:00.000Z", kind: "server.started", message: "listening" },
  { id: 2, at: "2026-11-22T08:00:01.000Z", kind: "machine.up", machine: "m1", message: "up after 48 s" },
  { id: 3, at: "2026-11-22T08:00:02.000Z", kind: "machine.failed", machine: "m2", message: "no login" },
  { id: 4, at: "2026-11-22T08:00:03.000Z", kind: "image.damaged", image: "debian13:3", message: "one chunk" },
];
const nameOf = (id: string): string | undefined => ({ m1: "pc-01" })[id];
const ALL = { text: "", subject: undefined, faultsOnly: false };

describe("selectEvents", () => {
  it("shows the newest first", () => {
    expect(selectEvents(events, ALL, nameOf).map(({ id }) => id)).toEqual([4, 3, 2, 1]);
  });

  it("filters by subject, faults and words, also by the machine's name", () => {
    expect(selectEvents(events, { ...ALL, subject: "machine" }, nameOf).map(({ id }) => id)).toEqual([3, 2]);
    expect(selectEvents(events, { ...ALL, faultsOnly: true }, nameOf).map(({ id }) => id)).toEqual([4, 3]);
    expect(selectEvents(events, { ...ALL, text: "PC-01" }, nameOf).map(({ id }) => id)).toEqual([2]);
    expect(selectEvents(events, { ...ALL, text: "debian13:3" }, nameOf).map(({ id }) => id)).toEqual([4]);
  });
});

it("knows what every kind of event is about", () => {
  expect(new Set(EVENT_KINDS.map(subjectOf))).toEqual(new Set(EVENT_SUBJECTS));
});
