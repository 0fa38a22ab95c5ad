import { expect, test } from "vitest";
import type { SwarmClock } from "./clock.ts";
import { Membership } from "./membership.ts";
import type { JoinAnswer, ReportAnswer, ReportRequest } from "./tracker-client.ts";

const JOINED: JoinAnswer = { state: "joined", ticket: "AAAA", neighbours: [], gatewayPlace: 2, reportAfterMs: 1000 };
const KNOWN: ReportAnswer = { state: "known", neighbours: [], reportAfterMs: 1000 };
const REPORT: ReportRequest = {
  heldPieces: 1,
  isComplete: false,
  neighbours: 1,
  sentBytes: 0,
  receivedBytes: 0,
  uploads: 0,
  uploadSlots: 3,
  sources: [],
  bans: [],
};

/** A clock that goes on when nothing happens any more. */
class TestClock implements SwarmClock {
  #now = 0;
  #due: { at: number; call: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const entry = { at: this.#now + ms, call };
    this.#due.push(entry);
    return () => void (this.#due = this.#due.filter((one) => one !== entry));
  }

  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      const [next] = this.#due.toSorted((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#due = this.#due.filter((one) => one !== next);
      this.#now = next.at;
      next.call();
    }
    this.#now = end;
  }
}

/** A membership at a tracker that answers what the test says; an error stands for one that is away. */
function member(facts: { answer: () => JoinAnswer | ReportAnswer | Error; neighbours?: number }) {
  const clock = new TestClock();
  const said: string[] = [];
  const call =
    <Answer>(name: string) =>
    async (): Promise<Answer> => {
      said.push(`${name} ${clock.now()}`);
      const answer = facts.answer();
      if (answer instanceof Error) throw answer;
      return answer as Answer;
    };
  const membership = new Membership({
    tracker: { join: call("join"), report: call("report"), leave: call("leave") },
    clock,
    random: () => 0.5,
    joinRequest: () => ({ port: 1, hosts: [], heldPieces: 1, isComplete: false }),
    reportRequest: () => ({ ...REPORT, neighbours: facts.neighbours ?? 1 }),
    onUnreported: () => void said.push("unreported"),
    onTicket: (ticket) => void said.push(`ticket ${ticket.length}`),
    onNeighbours: () => undefined,
    onGatewayPlace: (place) => void (place !== undefined && said.push(`gateway ${place}`)),
    onTracker: () => undefined,
    onRefused: (reason) => void said.push(reason),
  });
  return { membership, clock, said: () => said.splice(0) };
}

test("joins, reports when it was told to, and leaves", async () => {
  let isFirst = true;
  const { membership, clock, said } = member({
    answer: () => {
      if (!isFirst) return KNOWN;
      isFirst = false;
      return JOINED;
    },
  });
  await clock.run(2500);
  expect(said()).toEqual(["join 0", "ticket 3", "gateway 2", "report 1000", "report 2000"]);
  await membership.leave();
  await membership.leave();
  await clock.run(5000);
  expect(said()).toEqual(["leave 2500"]);
});

test("asks less and less often while the tracker is away, and joins again when it has forgotten everything", async () => {
  const answers: (JoinAnswer | ReportAnswer | Error)[] = [
    new Error("away"),
    new Error("away"),
    JOINED,
    new Error("away"),
    { state: "unknown" },
  ];
  const { clock, said } = member({ answer: () => answers.shift() ?? JOINED });
  await clock.run(3500);
  expect(said()).toEqual([
    "join 0",
    "join 500",
    "join 1500",
    "ticket 3",
    "gateway 2",
    "report 2500",
    "unreported",
    "report 3000",
    "unreported",
    "join 3000",
    "ticket 3",
    "gateway 2",
  ]);
});

test("after an absence, however long, nobody waits for more than ten seconds; in a large swarm as long as between two reports", async () => {
  for (const [reportAfterMs, longestMs] of [
    [2000, 10_000],
    [12_000, 12_000],
  ] as const) {
    let isAway = false;
    const { clock, said } = member({ answer: () => (isAway ? new Error("away") : { ...JOINED, reportAfterMs }) });
    await clock.run(100);
    isAway = true;
    await clock.run(600_000);
    const times = said().flatMap((line) => (line.startsWith("report ") ? [Number(line.slice(7))] : []));
    const waits = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    // The usual chance is one half: between a half and one and a half of the delay.
    expect(Math.max(...waits) * 1.5).toBeLessThanOrEqual(longestMs + 1);
    expect(Math.max(...waits) * 1.5).toBeGreaterThan(longestMs - 1);
  }
});

test("who has been alone for a while joins again", async () => {
  let isFirst = true;
  const { clock, said } = member({
    neighbours: 0,
    answer: () => {
      if (!isFirst) return KNOWN;
      isFirst = false;
      return JOINED;
    },
  });
  await clock.run(11_900);
  expect(said().at(-1)).toBe("report 11000");
  await clock.run(500);
  expect(said()).toEqual(["join 12000"]);
});

test("who is hurried reports at once, also when it is just asking", async () => {
  let isFirst = true;
  const { membership, clock, said } = member({
    answer: () => {
      if (!isFirst) return KNOWN;
      isFirst = false;
      return JOINED;
    },
  });
  membership.hurry();
  await clock.run(100);
  expect(said()).toEqual(["join 0", "ticket 3", "gateway 2", "report 0"]);
  membership.hurry();
  await clock.run(0);
  expect(said()).toEqual(["report 100"]);
});

test("who is refused hears why, and tries again much later", async () => {
  const { clock, said } = member({ answer: () => ({ state: "refused", reason: "expelled" }) });
  await clock.run(10_100);
  expect(said()).toEqual(["join 0", "expelled", "join 10000", "expelled"]);
});
