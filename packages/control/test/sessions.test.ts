import { type LiveMessage, type Machine, type Page, type Session, sessionPageSchema } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MAX_SESSION_UPDATES } from "../src/limits.ts";
import type { LiveReader } from "../src/live-hub.ts";
import { SESSION_UPDATES_MS } from "../src/session-monitor.ts";
import { ApiClient, type Harness, imageOf, openHarness, START_MS } from "./harness.ts";
import { reportOf } from "./session-reports.ts";

type SessionsMessage = Extract<LiveMessage, { type: "sessions" }>;

let harness: Harness;
let api: ApiClient;
let machine: Machine;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
  await harness.control.images.add("debian", imageOf(1));
  await api.send("POST", "/machines", { name: "pc-1", macs: ["525400000001"], plan: "diskless", image: "debian" });
  machine = await api.machine("pc-1");
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

const list = async (query = ""): Promise<Page<Session>> =>
  sessionPageSchema.parse((await api.get(`/sessions${query}`)).body);

/** Reports, as the disk service does once a second. */
function report(...args: Parameters<Harness["control"]["sessions"]["report"]>): void {
  harness.clock.advance(1000);
  harness.control.sessions.report(...args);
}

test("a session is shown with its machine, its image, rates and latencies", async () => {
  const target = `iqn.2026-11.org.ingot:${machine.id}`;
  await harness.control.disks.login({ target, initiator: "i", peer: "p", drop: () => Promise.resolve() });
  const facts = { machineId: machine.id, target, startedMs: START_MS, worker: 1 };
  report([reportOf({ ...facts, readBytes: 409_600, readCommands: 100, readLatency: [0, 0, 0, 0, 0, 0, 10, 0] })]);
  expect(await list()).toEqual({
    total: 1,
    items: [
      {
        id: "s1",
        machine: machine.id,
        machineName: "pc-1",
        image: { name: "debian", version: 1 },
        initiator: "iqn.1993-08.org.debian:01:a",
        isid: "00023d000001",
        target,
        peer: "10.0.0.50:40000",
        portal: "10.0.0.1:3260",
        since: "2026-11-22T08:00:00.000Z",
        read: {
          bytes: 409_600,
          commands: 100,
          bytesPerSecond: 409_600,
          commandsPerSecond: 100,
          p50Us: 91,
          p99Us: 127,
        },
        write: { bytes: 0, commands: 0, bytesPerSecond: 0, commandsPerSecond: 0 },
        otherCommands: 0,
        failedCommands: 0,
        openCommands: 0,
        queuedBytes: 0,
        worker: 1,
      },
    ],
  });
});

test("a discovery session has neither machine nor target", async () => {
  report([reportOf({ machineId: undefined, target: "" })]);
  const [session] = (await list()).items;
  expect(session).not.toHaveProperty("machine");
  expect(session).not.toHaveProperty("target");
});

test("the list comes in pages, also while sessions end, and of one machine alone", async () => {
  const all = Array.from({ length: 7 }, (_, index) =>
    reportOf({ id: `s${index}`, machineId: index === 4 ? machine.id : undefined }),
  );
  report(all);
  const first = await list("?limit=3");
  expect([first.total, first.items.map(({ id }) => id)]).toEqual([7, ["s0", "s1", "s2"]]);
  report(all.filter(({ id }) => id !== "s2" && id !== "s3"));
  const second = await list(`?limit=3&cursor=${first.nextCursor}`);
  expect(second.items.map(({ id }) => id)).toEqual(["s4", "s5", "s6"]);
  expect(second.nextCursor).toBeUndefined();
  const own = await list("?machine=pc-1");
  expect([own.total, own.items.map(({ id }) => id)]).toEqual([1, ["s4"]]);
  expect((await list("?machine=52-54-00-00-00-01")).total).toBe(1);
  expect((await api.get("/sessions?machine=nobody")).status).toBe(404);
  expect((await api.get("/sessions?cursor=-1")).status).toBe(400);
});

test("threads that report in turn do not spoil each other's rates", async () => {
  const idle = reportOf({ id: "other", startedMs: START_MS });
  for (let second = 1; second <= 5; second += 1) {
    const busy = reportOf({ id: "busy", startedMs: START_MS, readBytes: second * 1000, readCommands: second });
    harness.clock.advance(400);
    harness.control.sessions.report([busy, idle]);
    // The other thread's turn: of this one it is what was known before.
    harness.clock.advance(600);
    harness.control.sessions.report([busy, idle]);
  }
  // The first report came after 400 ms and all others a second apart, so the window shows exactly a thousand a second.
  expect((await list()).items[0]?.read).toMatchObject({ bytesPerSecond: 1000, commandsPerSecond: 1 });
  harness.clock.advance(2000);
  const gone = reportOf({ id: "busy", startedMs: START_MS, readBytes: 5000, readCommands: 5 });
  for (let second = 1; second <= 4; second += 1) report([gone, idle]);
  expect((await list()).items[0]?.read.bytesPerSecond).toBe(0);
});

test("totals hold what ended sessions did, with their last second where the service brings it", () => {
  const { sessions } = harness.control;
  report([reportOf({ id: "a", readBytes: 100, failedCommands: 1 }), reportOf({ id: "b", writtenBytes: 10 })]);
  report([reportOf({ id: "b", writtenBytes: 15 })], [reportOf({ id: "a", readBytes: 130, failedCommands: 1 })]);
  report([reportOf({ id: "b", writtenBytes: 15 })], [reportOf({ id: "short", readBytes: 1 })]);
  expect(sessions.totals).toMatchObject({ readBytes: 131, writtenBytes: 15, failedCommands: 1 });
  expect(sessions.count).toBe(1);
});

test("what machines did is told by name, and forgotten with the machine", async () => {
  const { sessions } = harness.control;
  report([reportOf({ machineId: machine.id, readBytes: 5 }), reportOf({ id: "x", machineId: "m-gone", readBytes: 7 })]);
  const totals = await sessions.totalsByMachine(10);
  expect(totals).toMatchObject([{ machineName: "pc-1", sessions: 1, totals: { readBytes: 5 } }]);
  expect(await sessions.totalsByMachine(0)).toEqual([]);
});

/** The messages about sessions that have come to a reader so far. */
async function toldOf(reader: LiveReader): Promise<SessionsMessage[]> {
  await harness.control.sessions.idle();
  harness.control.hub.publish({ type: "removed", what: "group", id: "end of what came so far" });
  const found: SessionsMessage[] = [];
  for (;;) {
    const message = await reader.next();
    if (message === undefined || message === "overrun") throw new Error("the reader lost something");
    if (message.type === "removed") return found;
    if (message.type === "sessions") found.push(message);
  }
}

test("the stream tells every two seconds what changed and what ended, and nothing of what stands still", async () => {
  const reader = harness.control.hub.open();
  const still = reportOf({ id: "still", startedMs: START_MS - 60_000 });
  report([still, reportOf({ id: "busy", readBytes: 1 })]);
  expect(await toldOf(reader)).toMatchObject([{ sessions: [{ id: "still" }, { id: "busy" }], ended: [] }]);
  report([still, reportOf({ id: "busy", readBytes: 2 })]);
  expect(await toldOf(reader)).toEqual([]);
  report([still, reportOf({ id: "busy", readBytes: 3 })]);
  expect(await toldOf(reader)).toMatchObject([{ sessions: [{ id: "busy", read: { bytes: 3 } }], ended: [] }]);
  report([still]);
  report([still]);
  expect(await toldOf(reader)).toEqual([{ type: "sessions", sessions: [], ended: ["busy"] }]);
  harness.clock.advance(SESSION_UPDATES_MS);
  report([still]);
  expect(await toldOf(reader)).toEqual([]);
  reader.close();
});

test("5,000 busy sessions go out in portions, each in its turn", async () => {
  const reader = harness.control.hub.open();
  const seen = new Set<string>();
  for (let second = 1; second <= 5; second += 1) {
    report(Array.from({ length: 5000 }, (_, index) => reportOf({ id: `s${index}`, readBytes: second * 1000 })));
    for (const { sessions } of await toldOf(reader)) {
      expect(sessions.length).toBeLessThanOrEqual(MAX_SESSION_UPDATES);
      for (const { id } of sessions) seen.add(id);
    }
  }
  expect(seen.size).toBe(5000);
  reader.close();
});

test("nobody who listens costs nothing to remember", async () => {
  for (let count = 0; count < 50; count += 1) report([reportOf({ id: `s${count}` })]);
  const reader = harness.control.hub.open();
  report([reportOf({ id: "last" })]);
  expect(await toldOf(reader)).toMatchObject([{ sessions: [{ id: "last" }], ended: ["s49"] }]);
  reader.close();
});
