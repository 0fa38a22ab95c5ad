import { seededRandom } from "@ingot/testkit/link";
import { describe, expect, test } from "vitest";
import { MAX_NEIGHBOURS, SEEDS_PER_PEER } from "./limits.ts";
import type { JoinAnswer, ReportAnswer, ReportRequest, SourceReport } from "./node/tracker-client.ts";
import { TrackedSwarm, type TrackerEvent } from "./tracked-swarm.ts";

const SITE = "school";
const REPORT: ReportRequest = {
  heldPieces: 10,
  isComplete: false,
  neighbours: 10,
  sentBytes: 0,
  receivedBytes: 0,
  uploads: 0,
  uploadSlots: 4,
  sources: [],
  bans: [],
};

/** A swarm with a clock that the test sets; its members have numbers for names. */
function swarm() {
  const clock = { now: 1_000_000 };
  const events: TrackerEvent[] = [];
  const tracked = new TrackedSwarm("5".repeat(64), {
    random: seededRandom(7),
    now: () => clock.now,
    signTicket: () => new Uint8Array(1),
    onEvent: (event) => void events.push(event),
  });
  const peer = (name: string, site = SITE) => ({ fingerprint: name, address: "10.0.0.1", site });
  const join = (name: string, isComplete = false, site = SITE): string[] =>
    namesIn(tracked.join(peer(name, site), { port: 1, hosts: [], heldPieces: isComplete ? 100 : 0, isComplete }));
  const report = (name: string, facts: Partial<ReportRequest> = {}, site = SITE): string[] =>
    namesIn(tracked.report(peer(name, site), { ...REPORT, ...facts }));
  const statusOf = (name: string) => tracked.members().find(({ fingerprint }) => fingerprint === name);
  return { tracked, clock, join, report, statusOf, replaced: () => events.filter(({ kind }) => kind === "replaced") };
}

function namesIn(answer: JoinAnswer | ReportAnswer): string[] {
  if (answer.state !== "joined" && answer.state !== "known") throw new Error(answer.state);
  return answer.neighbours.map(({ fingerprint }) => fingerprint);
}

const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_unused, i) => prefix + i);
const gave = (fingerprint: string, mbPerSecond: number): SourceReport => ({
  fingerprint,
  bytes: mbPerSecond * 1_000_000,
  ms: 1000,
  latencyMs: 1,
  failures: 0,
});
const failed = (fingerprint: string): SourceReport => ({ fingerprint, bytes: 0, ms: 0, failures: 1 });

describe("newcomers", () => {
  test("know seeds of their site while these have room", () => {
    const { join } = swarm();
    for (const name of names("old", 80)) join(name);
    const seeds = names("seed", 4);
    for (const seed of seeds) join(seed, true);
    for (const name of names("new", 12)) {
      const known = join(name).filter((other) => seeds.includes(other));
      expect(known.length).toBeGreaterThanOrEqual(SEEDS_PER_PEER);
    }
  });

  test("spread over the seeds, and no seed gets more than it can have", () => {
    const { join, statusOf } = swarm();
    const seeds = names("seed", 5);
    for (const seed of seeds) join(seed, true);
    for (const name of names("new", 60)) join(name);
    const receivers = seeds.map((seed) => statusOf(seed)?.source.receivers ?? 0);
    expect(Math.max(...receivers)).toBeLessThanOrEqual(MAX_NEIGHBOURS);
    expect(Math.min(...receivers)).toBeGreaterThanOrEqual(Math.max(...receivers) - 10);
  });

  test("are introduced to slow seeds last", () => {
    const { tracked, join, report, statusOf } = swarm();
    const seeds = names("seed", 4);
    for (const seed of seeds) join(seed, true);
    const [slow = "", ...quick] = seeds;
    join("receiver");
    report("receiver", { sources: [gave(slow, 5), ...quick.map((seed) => gave(seed, 50))] });
    tracked.sweep();
    expect(statusOf(slow)?.source).toMatchObject({ standing: "slow", uploadRate: 5_000_000, latencyMs: 1 });
    for (const name of names("new", 40)) join(name);
    const receivers = seeds.map((seed) => statusOf(seed)?.source.receivers ?? 0);
    expect(receivers[0]).toBeLessThan(Math.min(...receivers.slice(1)));
  });
});

describe("a seed that gives nothing any more", () => {
  /** Two seeds too far apart to be neighbours of the same machines by chance alone. */
  function crowd() {
    const room = swarm();
    room.join("dead", true);
    const receivers = names("receiver", MAX_NEIGHBOURS + 20);
    for (const name of receivers) room.join(name);
    for (const name of receivers) room.report(name);
    room.join("spare", true);
    const served = receivers.filter((name) => !room.report(name).includes("spare"));
    return { ...room, served };
  }

  test("is replaced for all that it served as soon as two of them say so", () => {
    const { report, statusOf, replaced, served } = crowd();
    const [first = "", second = ""] = served;
    expect(replaced()).toEqual([]);
    report(first, { sources: [failed("dead")] });
    expect(replaced()).toEqual([]);
    const before = statusOf("dead")?.source.receivers ?? 0;
    report(second, { sources: [failed("dead")] });
    expect(replaced()).toHaveLength(1);
    expect(statusOf("dead")?.source.standing).toBe("stalled");
    expect(statusOf("dead")?.source.receivers).toBeLessThan(before / 2);
  });

  test("is one of the good ones again when something came from it", () => {
    const { report, statusOf, served } = crowd();
    const [first = "", second = ""] = served;
    for (const name of [first, second]) report(name, { sources: [failed("dead")] });
    report(first, { sources: [gave("dead", 10)] });
    expect(statusOf("dead")?.source.standing).toBe("good");
  });

  test("is not replaced by one across a slow line, but for a gateway to which it was across that line itself", () => {
    const { join, report, replaced, statusOf } = swarm();
    join("far-dead", true, "head");
    for (const name of names("far", 6)) join(name, true, "head");
    join("near");
    report("near");
    for (const name of names("other", 3)) join(name);
    const isRemote = statusOf("far-dead")?.source.receivers ?? 0;
    expect(isRemote).toBeGreaterThan(0);
    for (const name of ["near", ...names("other", 3)]) report(name, { sources: [failed("far-dead")] });
    expect(replaced()).toHaveLength(1);
  });
});
