import { seededRandom } from "@ingot/testkit/link";
import { describe, expect, test } from "vitest";
import type { JoinAnswer, ReportAnswer, ReportRequest } from "./node/tracker-client.ts";
import type { TrackedPeer, TrackerEvent } from "./tracked-swarm.ts";
import { TrackerService } from "./tracker-service.ts";

const SWARM = "5".repeat(64);
const NOTHING = { heldPieces: 0, isComplete: false };
const REPORT: ReportRequest = {
  ...NOTHING,
  neighbours: 0,
  sentBytes: 0,
  receivedBytes: 0,
  uploads: 0,
  uploadSlots: 3,
  sources: [],
  bans: [],
};

function nameOf(index: number): string {
  return index.toString(16).padStart(64, "0");
}

function peer(index: number, facts: Partial<TrackedPeer> = {}): TrackedPeer {
  return { fingerprint: nameOf(index), address: `10.0.0.${index}`, site: "school", ...facts };
}

/** A service with a clock that the test sets. */
function service() {
  const clock = { now: 1_000_000 };
  const events: TrackerEvent[] = [];
  const tracker = new TrackerService({
    random: seededRandom(3),
    now: () => clock.now,
    signTicket: (ticket) => new TextEncoder().encode(JSON.stringify(ticket)),
    onEvent: (event) => void events.push(event),
  });
  const join = (index: number, facts: Partial<TrackedPeer> = {}): JoinAnswer =>
    tracker.join(SWARM, peer(index, facts), { port: 7000 + index, hosts: [], ...NOTHING });
  const report = (index: number, facts: Partial<ReportRequest> = {}): ReportAnswer =>
    tracker.report(SWARM, peer(index), { ...REPORT, ...facts });
  return { tracker, clock, events: () => events.splice(0), join, report };
}

function namesIn(answer: JoinAnswer | ReportAnswer): string[] {
  if (answer.state !== "joined" && answer.state !== "known") throw new Error(answer.state);
  return answer.neighbours.map(({ fingerprint }) => fingerprint).toSorted();
}

describe("tracker service", () => {
  test("who joins is told of those that are there, and they of it with their next report, once", () => {
    const { join, report } = service();
    expect(namesIn(join(1))).toEqual([]);
    const answer = join(2);
    expect(answer).toMatchObject({ neighbours: [{ fingerprint: nameOf(1), isRemote: false }] });
    expect(answer).toMatchObject({ neighbours: [{ addresses: [{ host: "10.0.0.1", port: 7001 }] }] });
    expect(namesIn(report(1))).toEqual([nameOf(2)]);
    expect(namesIn(report(1))).toEqual([]);
  });

  test("in a swarm of thousands, too, who is silent for half a minute is let go, and who reports as asked is not", () => {
    const { tracker, clock, events, join, report } = service();
    for (let index = 1; index <= 2500; index++) join(index, { address: "10.1.0.1" });
    events();
    const answer = report(1);
    const { reportAfterMs = 0 } = answer.state === "known" ? answer : {};
    clock.now += reportAfterMs * 1.5;
    report(1);
    clock.now += 30_000 - reportAfterMs * 1.5;
    report(2);
    tracker.sweep();
    const left = events().map(({ fingerprint }) => fingerprint);
    expect(left).toHaveLength(2498);
    expect(left).not.toContain(nameOf(1));
    expect(left).not.toContain(nameOf(2));
  });

  test("a ticket is for one peer in one swarm, and is renewed at half of its life", () => {
    const { clock, join, report } = service();
    const answer = join(1);
    const text = answer.state === "joined" ? Uint8Array.fromBase64(answer.ticket) : undefined;
    const facts = JSON.parse(new TextDecoder().decode(text)) as { expiresMs: number };
    expect(facts).toMatchObject({ swarm: SWARM, fingerprint: nameOf(1) });
    expect(report(1)).not.toHaveProperty("ticket");
    clock.now += (facts.expiresMs - clock.now) / 2 + 1;
    expect(report(1)).toHaveProperty("ticket");
  });

  test("a peer that has been silent is let go, and its neighbours get others", () => {
    const { tracker, clock, events, join, report } = service();
    join(1);
    join(2);
    clock.now += 30_000;
    report(2);
    events();
    tracker.sweep();
    expect(events()).toEqual([{ kind: "silent", swarm: SWARM, fingerprint: nameOf(1) }]);
    expect(report(1)).toEqual({ state: "unknown" });
    expect(tracker.membersOf(SWARM).map(({ fingerprint }) => fingerprint)).toEqual([nameOf(2)]);
  });

  test("a new tracker knows nobody; peers that join again are introduced again", () => {
    const { join, report } = service();
    expect(report(1)).toEqual({ state: "unknown" });
    join(1);
    join(2);
    expect(namesIn(join(2))).toEqual([nameOf(1)]);
  });

  test("a peer that comes back with another address is introduced anew to its neighbours", () => {
    const { tracker, join, report } = service();
    join(1);
    join(2);
    report(1);
    expect(namesIn(join(2, { address: "10.0.0.99" }))).toEqual([nameOf(1)]);
    expect(report(1)).toMatchObject({ neighbours: [{ addresses: [{ host: "10.0.0.99" }] }] });
    expect(tracker.membersOf(SWARM)).toHaveLength(2);
  });

  test("a peer that comes back in another site is a new member", () => {
    const { tracker, join } = service();
    join(1);
    join(2);
    expect(join(2, { site: "branch" })).toMatchObject({ neighbours: [{ isRemote: true }], gatewayPlace: 0 });
    expect(tracker.membersOf(SWARM)).toHaveLength(2);
  });

  test("a swarm that everybody has left is forgotten", () => {
    const { tracker, events, join } = service();
    join(1);
    tracker.leave(SWARM, nameOf(1));
    expect(tracker.swarms).toEqual([]);
    expect(events().map(({ kind }) => kind)).toEqual(["joined", "left"]);
    tracker.leave(SWARM, nameOf(1));
    expect(events()).toEqual([]);
  });

  test("who is banned by three others is expelled; by one, however often, it is not", () => {
    const { tracker, events, join, report } = service();
    for (const index of [1, 2, 3, 4]) join(index);
    events();
    const bans = [{ fingerprint: nameOf(4), reason: "wrong-bytes" as const }];
    for (let i = 0; i < 5; i++) report(1, { bans });
    report(2, { bans });
    report(4, { bans });
    expect(tracker.membersOf(SWARM)).toHaveLength(4);
    report(3, { bans });
    expect(events().at(-1)).toEqual({ kind: "expelled", swarm: SWARM, fingerprint: nameOf(4) });
    expect(report(4)).toEqual({ state: "refused", reason: "expelled" });
    expect(join(4)).toEqual({ state: "refused", reason: "expelled" });
  });

  test("a seed of the server's own is not expelled", () => {
    const { tracker, join, report } = service();
    join(9, { isTrusted: true });
    for (const index of [1, 2, 3, 4]) {
      join(index);
      report(index, { bans: [{ fingerprint: nameOf(9), reason: "wrong-bytes" }] });
    }
    expect(tracker.membersOf(SWARM)).toHaveLength(5);
  });

  test("a peer in the same process is answered without a connection", async () => {
    const { tracker } = service();
    const client = tracker.clientFor(SWARM, peer(1, { isTrusted: true }));
    expect(await client.report(REPORT)).toEqual({ state: "unknown" });
    expect(await client.join({ port: 1, hosts: ["127.0.0.1"], ...NOTHING })).toMatchObject({ state: "joined" });
    await client.leave();
    expect(tracker.swarms).toEqual([]);
  });
});
