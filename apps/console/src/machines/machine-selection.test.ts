import type { Machine } from "@ingot/api";
import { describe, expect, it } from "vitest";
import { makeDemoFleet, makeLargeFleet, makeMachine } from "../../test/fake-fleet.ts";
import { countByState, countByStation, selectMachines, type Selection } from "./machine-selection.ts";

const NOW = Date.parse("2026-11-22T08:00:00.000Z");
const ALL: Selection = { text: "", states: new Set(), group: undefined, station: undefined, sort: "name" };

function select(machines: readonly Machine[], selection: Partial<Selection>): readonly string[] {
  const fleet = {
    machines: new Map(machines.map((machine) => [machine.id, machine])),
    order: machines.map(({ id }) => id),
  };
  return selectMachines(fleet, { ...ALL, ...selection });
}

const demo = [...makeDemoFleet(NOW).machines.values()];

describe("selectMachines", () => {
  it("finds machines by parts of name, MAC, address and image, all words together", () => {
    expect(select(demo, { text: "demo" })).toEqual(["m1", "m2"]);
    expect(select(demo, { text: "52:54:00:12:AA" })).toEqual(["m3"]);
    expect(select(demo, { text: "10.77.0.102 debian" })).toEqual(["m2"]);
    expect(select(demo, { text: "demo 10.77.0.103" })).toEqual([]);
  });

  it("shows only the wanted states and station", () => {
    expect(select(demo, { states: new Set(["failed", "up"]) })).toEqual(["m1", "m3"]);
    expect(select(demo, { station: "read" })).toEqual(["m2"]);
    expect(select(demo, { station: "script" })).toEqual([]);
  });

  it("puts what needs a hand first, equal ones by name", () => {
    const machines = [
      makeMachine(NOW, { id: "a", name: "a" }),
      ...demo,
      makeMachine(NOW, { id: "z", name: "z", state: "failed" }),
    ];
    expect(select(machines, { sort: "state" })).toEqual(["m3", "z", "m2", "m1", "a"]);
  });

  it("sorts by traffic and by the last event, highest first", () => {
    expect(select(demo, { sort: "traffic" })).toEqual(["m2", "m1", "m3"]);
    expect(select(demo, { sort: "event" })).toEqual(["m2", "m1", "m3"]);
  });

  it("does not sort or copy when everything is wanted by name", () => {
    const order = ["a"];
    expect(selectMachines({ machines: new Map(), order }, ALL)).toBe(order);
  });
});

it("counts states and stations of a large fleet", () => {
  const machines = [...makeLargeFleet(NOW, 1000).machines.values()];
  const states = countByState(machines);
  expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(1000);
  const stations = [...countByStation(machines).values()].reduce((sum, count) => sum + count, 0);
  expect(stations).toBe(states.booting);
});
