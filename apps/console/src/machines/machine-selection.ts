import type { Machine, MachineState } from "@ingot/api";
import { type Station, stationReached } from "../boot/boot-track.ts";
import type { Fleet } from "../live/fleet.ts";
import { imageText, STATE_ORDER } from "./machine-words.ts";

/** By what the board is sorted. */
export const SORTS = ["name", "state", "traffic", "event"] as const;
/** One of {@link SORTS}. */
export type Sort = (typeof SORTS)[number];

/** Which machines the operator wants to see, and in which order. */
export interface Selection {
  /** Words that all have to be found in a machine's facts. */
  readonly text: string;
  /** Empty: all states. */
  readonly states: ReadonlySet<MachineState>;
  readonly group: string | undefined;
  /** Only machines that are booting and are at this station now. */
  readonly station: Station | undefined;
  readonly sort: Sort;
}

/** The ids of the machines that `selection` asks for, in its order; equal ones by name. */
export function selectMachines(fleet: Pick<Fleet, "machines" | "order">, selection: Selection): readonly string[] {
  const words = selection.text.toLowerCase().split(/\s+/).filter(Boolean);
  const { states, group, station, sort } = selection;
  if (words.length === 0 && states.size === 0 && group === undefined && station === undefined && sort === "name") {
    return fleet.order;
  }
  const chosen: Machine[] = [];
  for (const id of fleet.order) {
    const machine = fleet.machines.get(id);
    if (machine === undefined) continue;
    if (states.size > 0 && !states.has(machine.state)) continue;
    if (group !== undefined && machine.group !== group) continue;
    if (station !== undefined && stationNow(machine) !== station) continue;
    if (words.length > 0 && !hasAll(haystackOf(machine), words)) continue;
    chosen.push(machine);
  }
  // `chosen` is in the order of names and sorting is stable.
  if (sort === "state") chosen.sort((a, b) => STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state));
  if (sort === "traffic") chosen.sort((a, b) => rateOf(b) - rateOf(a));
  if (sort === "event") chosen.sort((a, b) => (b.lastEvent?.id ?? -1) - (a.lastEvent?.id ?? -1));
  return chosen.map((machine) => machine.id);
}

/** How many machines there are in each state. */
export function countByState(machines: Iterable<Machine>): Readonly<Record<MachineState, number>> {
  const counts = { failed: 0, booting: 0, running: 0, up: 0, new: 0, off: 0 };
  for (const machine of machines) counts[machine.state] += 1;
  return counts;
}

/** How many machines that are booting stand at each station now. */
export function countByStation(machines: Iterable<Machine>): ReadonlyMap<Station, number> {
  const counts = new Map<Station, number>();
  for (const machine of machines) {
    const station = stationNow(machine);
    if (station !== undefined) counts.set(station, (counts.get(station) ?? 0) + 1);
  }
  return counts;
}

function stationNow(machine: Machine): Station | undefined {
  if (machine.state !== "booting" || machine.boot === undefined) return undefined;
  return stationReached(machine.boot);
}

function rateOf(machine: Machine): number {
  return machine.traffic.readBytesPerSecond + machine.traffic.writtenBytesPerSecond;
}

function hasAll(haystack: string, words: readonly string[]): boolean {
  return words.every((word) => haystack.includes(word));
}

function haystackOf(machine: Machine): string {
  const { name, macs, address, group, site, uuid, serial, manufacturer, product, image, comment } = machine;
  const facts = [name, ...macs, address, group, site, uuid, serial, manufacturer, product, comment];
  if (image !== undefined) facts.push(imageText(image));
  return facts
    .filter((fact) => fact !== undefined)
    .join("\n")
    .toLowerCase();
}
