import type { IngotEvent, LiveMessage, Session } from "@ingot/api";
import { expect, test } from "vitest";
import { MAX_STREAMS, MAX_WAITING_ENDED_SESSIONS, MAX_WAITING_EVENTS } from "./limits.ts";
import { LiveHub } from "./live-hub.ts";

function event(id: number): LiveMessage {
  const value: IngotEvent = { id, at: "t", kind: "machine.up", message: "m" };
  return { type: "event", event: value };
}

const removed = (id: string): LiveMessage => ({ type: "removed", what: "group", id });

test("a reader gets what is published after it opened, in order", async () => {
  const hub = new LiveHub();
  hub.publish(event(1));
  const reader = hub.open();
  hub.publish(event(2));
  hub.publish(removed("a"));
  expect([await reader.next(), await reader.next()]).toEqual([event(2), removed("a")]);
});

test("a waiting reader wakes up", async () => {
  const hub = new LiveHub();
  const reader = hub.open();
  const next = reader.next();
  hub.publish(event(1));
  expect(await next).toEqual(event(1));
});

test("a slow reader gets each object once, in its newest state", async () => {
  const hub = new LiveHub();
  const reader = hub.open();
  const group = (comment: string): LiveMessage => ({
    type: "group",
    group: { name: "a", comment, settings: {}, machineCount: 0, createdAt: "t" },
  });
  for (let count = 0; count < 10_000; count += 1) hub.publish(group(String(count)));
  expect(await reader.next()).toEqual(group("9999"));
  hub.publish(group("gone"));
  hub.publish(removed("a"));
  expect(await reader.next()).toEqual(removed("a"));
});

test("a reader that is far behind is told that it lost events", async () => {
  const hub = new LiveHub();
  const reader = hub.open();
  for (let id = 1; id <= MAX_WAITING_EVENTS + 5; id += 1) hub.publish(event(id));
  expect(await reader.next()).toBe("overrun");
  expect(await reader.next()).toEqual(event(MAX_WAITING_EVENTS + 1));
});

test("closing ends waiting and frees the place; twice is harmless", async () => {
  const hub = new LiveHub();
  const readers = Array.from({ length: MAX_STREAMS }, () => hub.open());
  expect(() => hub.open()).toThrow(expect.objectContaining({ code: "busy" }));
  const [first] = readers;
  const next = first?.next();
  first?.close();
  first?.close();
  expect(await next).toBeUndefined();
  expect(hub.readerCount).toBe(MAX_STREAMS - 1);
  hub.close();
  expect(hub.readerCount).toBe(0);
});

const session = (id: string, failedCommands: number): Session => {
  const flow = { bytes: 0, commands: 0, bytesPerSecond: 0, commandsPerSecond: 0 };
  return {
    id,
    initiator: "i",
    isid: "00023d000001",
    peer: "p",
    portal: "q",
    since: "t",
    read: flow,
    write: flow,
    otherCommands: 0,
    failedCommands,
    openCommands: 0,
    queuedBytes: 0,
    worker: 0,
  };
};
const sessions = (changed: readonly Session[], ended: readonly string[] = []): LiveMessage => ({
  type: "sessions",
  sessions: changed,
  ended,
});

test("a slow reader gets of each session the newest state, in one message, and every end", async () => {
  const hub = new LiveHub();
  const reader = hub.open();
  hub.publish(sessions([session("a", 1), session("b", 1)]));
  hub.publish(sessions([session("b", 2), session("c", 2)], ["a"]));
  hub.publish(sessions([session("b", 3)], ["z"]));
  expect(await reader.next()).toEqual(sessions([session("b", 3), session("c", 2)], ["a", "z"]));
});

test("a reader for which more sessions ended than are kept for it begins again", async () => {
  const hub = new LiveHub();
  const reader = hub.open();
  for (let count = 0; count <= MAX_WAITING_ENDED_SESSIONS; count += 1) hub.publish(sessions([], [`s${count}`]));
  expect(await reader.next()).toBe("overrun");
  hub.publish(sessions([session("a", 1)]));
  expect(await reader.next()).toEqual(sessions([session("a", 1)]));
});
