import type { IngotEvent, LiveMessage, Session } from "@ingot/api";
import { describe, expect, it } from "vitest";
import { makeDisk, makeFleet, makeMachine } from "../../test/fake-fleet.ts";
import { makeSession, makeSessionOf, NO_FLOW } from "../../test/fake-sessions.ts";
import { applyMessages, EMPTY_FLEET, type Fleet, MAX_EVENTS, RATE_POINTS, type Snapshot } from "./fleet.ts";

const NOW = Date.parse("2026-11-22T08:00:00.000Z");
const machine = (id: string, name = id) => makeMachine(NOW, { id, name });
const event = (id: number): IngotEvent => ({ id, at: new Date(NOW).toISOString(), kind: "machine.up", message: "up" });
const lists = (names: readonly string[], events: readonly IngotEvent[] = []): Snapshot => ({
  type: "lists",
  machines: names.map((name) => machine(name)),
  groups: [],
  images: [],
  events,
  status: makeFleet(NOW).status,
});

function apply(fleet: Fleet, ...messages: (LiveMessage | Snapshot)[]): Fleet {
  return applyMessages(fleet, messages, NOW);
}

describe("applyMessages", () => {
  it("sorts machines by name as people do", () => {
    expect(apply(EMPTY_FLEET, lists(["pc-10", "pc-9", "pc-1"])).order).toEqual(["pc-1", "pc-9", "pc-10"]);
  });

  it("keeps the order's identity while no name changes", () => {
    const before = apply(EMPTY_FLEET, lists(["a", "b"]));
    const after = apply(before, { type: "machine", machine: { ...machine("a"), state: "up" } });
    expect(after.order).toBe(before.order);
    expect(after.machines).not.toBe(before.machines);
    expect(after.machines.get("b")).toBe(before.machines.get("b"));
    expect(before.machines.get("a")?.state).toBe("off");
  });

  it("moves a machine that was renamed and adds one that is new", () => {
    const fleet = apply(
      EMPTY_FLEET,
      lists(["a", "b"]),
      { type: "machine", machine: machine("a", "z") },
      { type: "machine", machine: machine("c") },
    );
    expect(fleet.order).toEqual(["b", "c", "a"]);
  });

  it("forgets a removed machine with its disk and its rates", () => {
    const busy = { ...machine("a"), traffic: { sessions: 1, readBytesPerSecond: 5, writtenBytesPerSecond: 1 } };
    const full = apply(
      EMPTY_FLEET,
      { type: "machine", machine: busy },
      { type: "disk", disk: makeDisk(NOW, busy, 10) },
    );
    expect(full.rates.get("a")?.values).toEqual([6]);
    const empty = apply(full, { type: "removed", what: "machine", id: "a" });
    expect([empty.machines.size, empty.disks.size, empty.rates.size, empty.order.length]).toEqual([0, 0, 0, 0]);
  });

  it("a list replaces what is not in it any more", () => {
    const fleet = apply(apply(EMPTY_FLEET, lists(["a", "b"])), lists(["b"]));
    expect([...fleet.machines.keys()]).toEqual(["b"]);
  });

  it("takes each event once, although the stream repeats what the list holds", () => {
    const fleet = apply(
      EMPTY_FLEET,
      lists([], [event(1), event(2)]),
      { type: "event", event: event(2) },
      { type: "event", event: event(3) },
    );
    expect(fleet.events.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it("keeps a bounded number of events", () => {
    const many = Array.from({ length: MAX_EVENTS + 5 }, (_, id): LiveMessage => ({ type: "event", event: event(id) }));
    const fleet = apply(EMPTY_FLEET, ...many);
    expect(fleet.events).toHaveLength(MAX_EVENTS);
    expect(fleet.events[0]?.id).toBe(5);
  });

  it("takes at most one point a second into a sparkline, and a bounded number of them", () => {
    const at = (rate: number): LiveMessage => ({
      type: "machine",
      machine: { ...machine("a"), traffic: { sessions: 1, readBytesPerSecond: rate, writtenBytesPerSecond: 0 } },
    });
    let fleet = applyMessages(EMPTY_FLEET, [at(1), at(2)], NOW);
    expect(fleet.rates.get("a")?.values).toEqual([2]);
    for (let second = 1; second <= RATE_POINTS + 3; second += 1)
      fleet = applyMessages(fleet, [at(second)], NOW + second * 1000);
    expect(fleet.rates.get("a")?.values).toHaveLength(RATE_POINTS);
    expect(fleet.rates.get("a")?.values.at(-1)).toBe(RATE_POINTS + 3);
  });

  it("follows sessions: the newest state of each, until it ends", () => {
    const busy = makeSessionOf(
      NOW,
      { ...machine("a"), traffic: { sessions: 1, readBytesPerSecond: 90, writtenBytesPerSecond: 10 } },
      () => 0.5,
    );
    const still = makeSession(NOW, { id: "still" });
    const loaded = apply(EMPTY_FLEET, { type: "allSessions", sessions: [busy, still] });
    expect([loaded.sessionsLoaded, [...loaded.sessions.keys()]]).toEqual([true, ["s-a", "still"]]);
    expect([loaded.sessionRates.get("s-a")?.values, loaded.sessionRates.has("still")]).toEqual([[100], false]);
    expect([loaded.readRates.values, loaded.writeRates.values]).toEqual([[90], [10]]);
    const idle = { ...busy, read: NO_FLOW, write: NO_FLOW };
    const later = applyMessages(loaded, [{ type: "sessions", sessions: [idle], ended: ["still"] }], NOW + 2000);
    expect([...later.sessions.keys()]).toEqual(["s-a"]);
    expect([later.sessionRates.get("s-a")?.values, later.readRates.values]).toEqual([
      [100, 0],
      [90, 0],
    ]);
    const again = apply(later, { type: "allSessions", sessions: [still] });
    expect([[...again.sessions.keys()], again.sessionRates.size]).toEqual([["still"], 0]);
  });

  it("forgets the curve of a session that has stood still for as long as a curve is", () => {
    const idle = makeSession(NOW, { id: "a" });
    const busy = { ...idle, read: { ...NO_FLOW, bytesPerSecond: 7 } };
    const said = (session: Session): LiveMessage => ({ type: "sessions", sessions: [session], ended: [] });
    let fleet = applyMessages(EMPTY_FLEET, [said(busy)], NOW);
    fleet = applyMessages(fleet, [said(idle)], NOW + 2000);
    expect(fleet.sessionRates.get("a")?.values).toEqual([7, 0]);
    fleet = applyMessages(fleet, [said(makeSession(NOW, { id: "b" }))], NOW + 2000 + RATE_POINTS * 1000);
    expect(fleet.sessionRates.size).toBe(0);
  });

  it("keeps no rates of machines that never moved a byte", () => {
    expect(apply(EMPTY_FLEET, { type: "machine", machine: machine("a") }).rates.size).toBe(0);
  });

  it("applies a storm of 5,000 machines without touching the fleet it started from", () => {
    const before = apply(EMPTY_FLEET, lists(Array.from({ length: 5000 }, (_, index) => `pc-${index}`)));
    const storm = [...before.machines.values()].map((each): LiveMessage => ({
      type: "machine",
      machine: { ...each, state: "booting" },
    }));
    const after = apply(before, ...storm);
    expect([...before.machines.values()].every(({ state }) => state === "off")).toBe(true);
    expect([...after.machines.values()].every(({ state }) => state === "booting")).toBe(true);
    expect(after.order).toBe(before.order);
  });
});
