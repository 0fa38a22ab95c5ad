import type { MulticastJoin } from "@ingot/api";
import { FakeClock } from "@ingot/testkit/link";
import { expect, test } from "vitest";
import { MulticastSessions } from "./multicast-sessions.ts";

const IMAGE = "ab".repeat(32);
const ALL: MulticastJoin = { missing: [{ first: 0, end: 100 }], method: "auto" };

function open(rate: { readonly rate: number | undefined } = { rate: 1e8 }) {
  const clock = new FakeClock();
  const sent: { order: unknown; end: PromiseWithResolvers<void>; stopped: boolean }[] = [];
  const errors: unknown[] = [];
  const sessions = new MulticastSessions({
    nowMs: clock.now,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    randomBytes: (count) => new Uint8Array(count).fill(7),
    ...rate,
    send(_manifestId, { order }) {
      const sending = { order, end: Promise.withResolvers<void>(), stopped: false };
      sent.push(sending);
      return { done: sending.end.promise, stop: () => (sending.stopped = true) };
    },
    onError: (error) => errors.push(error),
  });
  return { clock, sessions, sent, errors };
}

test("a session begins when the expected number is there, and all hear of the same one", async () => {
  const { sessions, sent } = open();
  const joins = [1, 2, 3].map(() => sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 3 }));
  const answers = await Promise.all(joins);
  expect(new Set(answers.map((answer) => (answer.state === "session" ? answer.plan.session : 0))).size).toBe(1);
  expect(sent).toHaveLength(1);
});

test("without a number it begins when nobody came for two seconds", async () => {
  const { clock, sessions, sent } = open();
  const first = sessions.join(IMAGE, { ...ALL, method: "multicast" });
  clock.advance(1500);
  const second = sessions.join(IMAGE, { ...ALL, method: "multicast" });
  clock.advance(1999);
  expect(sent).toHaveLength(0);
  clock.advance(1);
  expect((await first).state).toBe("session");
  expect((await second).state).toBe("session");
});

test("receivers that keep coming do not hold it up for ever", async () => {
  const { clock, sessions, sent } = open();
  for (let second = 0; second < 15; second++) {
    void sessions.join(IMAGE, { ...ALL, method: "multicast" });
    clock.advance(1000);
  }
  expect(sent).toHaveLength(1);
});

test("those that wait for many begin without those that never come", async () => {
  const { clock, sessions } = open();
  const join = sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 30 });
  clock.advance(60_000);
  expect((await join).state).toBe("session");
});

test("what is sent is what anybody lacks", async () => {
  const { sessions, sent } = open();
  const lack = (...missing: [number, number][]): MulticastJoin => ({
    missing: missing.map(([first, end]) => ({ first, end })),
    method: "multicast",
    expect: 3,
  });
  void sessions.join(IMAGE, lack([50, 60]));
  void sessions.join(IMAGE, lack([0, 10], [20, 30]));
  await sessions.join(IMAGE, lack([5, 20], [55, 58]));
  expect(sent[0]?.order).toEqual([
    { first: 0, end: 30 },
    { first: 50, end: 60 },
  ]);
});

test("a few machines get it from each other, unless somebody insists", async () => {
  const { clock, sessions, sent } = open();
  const join = sessions.join(IMAGE, ALL);
  clock.advance(2000);
  expect(await join).toEqual({ state: "none", reason: "few" });
  expect(sent).toHaveLength(0);
});

test("who comes late hears where to listen, and how long it has been going on", async () => {
  const { clock, sessions } = open();
  await sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 1 });
  clock.advance(5000);
  expect(await sessions.join(IMAGE, ALL)).toMatchObject({ state: "session", startsInMs: -4000 });
});

test("after the end of a session there can be another", async () => {
  const { sessions, sent } = open();
  await sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 1 });
  sent[0]?.end.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  expect(sessions.active).toEqual([]);
  await sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 1 });
  expect(sent).toHaveLength(2);
});

test("a sender that fails is told of, and ends its session", async () => {
  const { sessions, sent, errors } = open();
  await sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 1 });
  sent[0]?.end.reject(new Error("no route"));
  await new Promise((resolve) => setImmediate(resolve));
  expect(errors).toHaveLength(1);
  expect(sessions.active).toEqual([]);
});

test("a server that sends none says so at once", async () => {
  const { sessions } = open({ rate: undefined });
  expect(await sessions.join(IMAGE, ALL)).toEqual({ state: "none", reason: "off" });
});

test("closing tells those that wait, and stops the sender", async () => {
  const { sessions, sent } = open();
  await sessions.join("cd".repeat(32), { ...ALL, method: "multicast", expect: 1 });
  const waiting = sessions.join(IMAGE, ALL);
  sessions.close();
  expect(await waiting).toEqual({ state: "none", reason: "off" });
  expect(sent[0]?.stopped).toBe(true);
});

test("a receiver that has gone away is not counted, nor waited for", async () => {
  const { clock, sessions, sent } = open();
  const gone = new AbortController();
  const first = sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 2 }, gone.signal);
  gone.abort();
  expect((await first).state).toBe("none");
  const second = sessions.join(IMAGE, { ...ALL, method: "multicast", expect: 2 });
  expect(sent).toHaveLength(0);
  clock.advance(60_000);
  expect((await second).state).toBe("session");
});
