import { seededRandom } from "@ingot/testkit/link";
import { expect, test } from "vitest";
import { GATEWAYS_PER_SITE, MAX_NEIGHBOURS, NEIGHBOURS } from "./limits.ts";
import { type Introduction, type Member, Tracker } from "./tracker.ts";

function swarm(members: readonly Omit<Member, "id" | "isSeed">[], seed = 1) {
  const tracker = new Tracker(seededRandom(seed));
  const links = members.flatMap((member, id) => tracker.join({ id, isSeed: id === 0, ...member }));
  return { tracker, links };
}

/** Peers that can be reached from peer 0 over links between peers that are there. */
function reached(tracker: Tracker): Set<number> {
  return reachedFrom(tracker, 0);
}

function reachedFrom(tracker: Tracker, first: number): Set<number> {
  const found = new Set([first]);
  for (const id of found) for (const other of tracker.neighboursOf(id)) found.add(other);
  return found;
}

const sites = (count: number, of: number) => Array.from({ length: count }, (_unused, i) => ({ site: `s${i % of}` }));

test("everybody has enough neighbours, nobody twice as many, and none is itself", () => {
  const { tracker } = swarm(sites(500, 1));
  for (let id = 0; id < 500; id++) {
    const neighbours = tracker.neighboursOf(id);
    expect(neighbours.length).toBeGreaterThanOrEqual(NEIGHBOURS / 2);
    expect(neighbours.length).toBeLessThanOrEqual(2 * NEIGHBOURS);
    expect(neighbours).not.toContain(id);
  }
  expect(reached(tracker).size).toBe(500);
});

test("a handful of peers all know each other", () => {
  const { tracker } = swarm(sites(5, 1));
  for (let id = 0; id < 5; id++) expect(tracker.neighboursOf(id)).toHaveLength(4);
});

test("however chance has it, nobody is left out of a small room", () => {
  for (let seed = 1; seed <= 500; seed++) {
    const { tracker } = swarm(sites(6, 1), seed);
    for (let id = 0; id < 6; id++) expect(tracker.neighboursOf(id), `seed ${seed}`).toHaveLength(5);
  }
});

test("switches are no islands", () => {
  const { tracker, links } = swarm(
    Array.from({ length: 300 }, (_unused, i) => ({ site: "school", switchName: `room ${i % 10}` })),
  );
  expect(reached(tracker).size).toBe(300);
  const within = links.filter(({ a, b }) => a % 10 === b % 10);
  expect(within.length).toBeGreaterThan(links.length / 2);
});

test("only a few gateways of each site have links to other sites, and every site is reached", () => {
  const { tracker, links } = swarm(sites(400, 8));
  const remote = links.filter(({ isRemote }) => isRemote).flatMap(({ a, b }) => [a, b]);
  for (let site = 0; site < 8; site++) {
    const gateways = new Set(remote.filter((id) => id % 8 === site));
    expect(gateways.size).toBeGreaterThan(0);
    expect(gateways.size).toBeLessThanOrEqual(GATEWAYS_PER_SITE);
  }
  expect(tracker.gatewayPlaceOf(0)).toBeDefined();
  expect(reached(tracker).size).toBe(400);
});

test("a third of the peers leaves, gateways first, and the rest is one swarm still", () => {
  const { tracker } = swarm(sites(300, 3));
  const gateways = Array.from({ length: 300 }, (_unused, id) => id).filter(
    (id) => id !== 0 && tracker.gatewayPlaceOf(id) !== undefined,
  );
  const others = Array.from({ length: 300 }, (_unused, id) => id).filter((id) => id > 0 && !gateways.includes(id));
  const made: Introduction[] = [];
  const gone = new Set([...gateways, ...others.slice(0, 100)]);
  for (const id of gone) made.push(...tracker.leave(id));
  expect(tracker.size).toBe(300 - gone.size);
  expect(reached(tracker).size).toBe(300 - gone.size);
  const places = Array.from({ length: 300 }, (_unused, id) => tracker.gatewayPlaceOf(id)).filter(
    (place) => place !== undefined,
  );
  // The seed is its site's only one.
  expect(places).toHaveLength(2 * GATEWAYS_PER_SITE + 1);
  expect(made.length).toBeGreaterThan(0);
});

test("a site whose seed died has another gateway at once, and a slow seed is the last that other sites are linked to", () => {
  const tracker = new Tracker(seededRandom(4));
  for (let id = 0; id < 8; id++) tracker.join({ id, site: "centre", isSeed: id < 2 });
  tracker.setSlow(new Set([1]));
  const links = Array.from({ length: 8 }, (_unused, i) => tracker.join({ id: 100 + i, site: "branch", isSeed: false }));
  const chosen = links.flat().filter(({ isRemote }) => isRemote);
  // The quick seed is among the first links of each gateway.
  for (let id = 100; id < 100 + GATEWAYS_PER_SITE; id++) expect(tracker.neighboursOf(id)).toContain(0);
  const linkedTo = (id: number): number => chosen.filter(({ a, b }) => a === id || b === id).length;
  expect(linkedTo(0)).toBeGreaterThanOrEqual(linkedTo(1));
  tracker.leave(0);
  const gateways = [1, 2, 3, 4, 5, 6, 7].filter((id) => tracker.gatewayPlaceOf(id) !== undefined);
  expect(gateways).toHaveLength(GATEWAYS_PER_SITE);
  expect(reachedFrom(tracker, 1).size).toBe(15);
});

test("joining twice and leaving twice is joining and leaving once", () => {
  const { tracker } = swarm(sites(10, 1));
  expect(tracker.join({ id: 3, site: "s0", isSeed: false })).toEqual([]);
  tracker.leave(3);
  expect(tracker.leave(3)).toEqual([]);
  expect(tracker.size).toBe(9);
  expect(tracker.neighboursOf(3)).toEqual([]);
});

test("a neighbour that is of no use gives way to another, for both sides", () => {
  const { tracker } = swarm(sites(100, 1));
  const [useless = -1] = tracker.neighboursOf(7);
  const to = Array.from({ length: 100 }, (_unused, id) => id).find(
    (id) => id !== 7 && !tracker.neighboursOf(7).includes(id) && tracker.neighboursOf(id).length < MAX_NEIGHBOURS,
  );
  expect(tracker.relink(7, to ?? -1, useless)).toEqual([{ a: 7, b: to, isRemote: false }]);
  expect(tracker.neighboursOf(7)).toContain(to);
  expect(tracker.neighboursOf(7)).not.toContain(useless);
  expect(tracker.neighboursOf(useless)).not.toContain(7);
  expect(tracker.relink(7, to ?? -1)).toEqual([]);
  expect(tracker.relink(7, 7)).toEqual([]);
  expect(tracker.relink(7, 1000, to)).toEqual([]);
});

test("whoever is slow is chosen last", () => {
  const tracker = new Tracker(seededRandom(2));
  for (let id = 0; id < 40; id++) tracker.join({ id, site: "s", isSeed: false });
  const before = tracker.neighboursOf(3).length;
  tracker.setSlow(new Set([3]));
  for (let id = 40; id < 80; id++) tracker.join({ id, site: "s", isSeed: false });
  expect(tracker.neighboursOf(3)).toHaveLength(before);
});
