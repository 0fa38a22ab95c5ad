import { expect, it } from "vitest";
import { type Connection, type EventSourceLike, keepEventStream } from "./event-stream.ts";

class FakeSource implements EventSourceLike {
  readonly listeners = new Map<string, (event: { readonly data?: string }) => void>();
  closed = false;
  addEventListener(type: string, listener: (event: { readonly data?: string }) => void): void {
    this.listeners.set(type, listener);
  }
  close(): void {
    this.closed = true;
  }
  fire(type: string, data?: string): void {
    this.listeners.get(type)?.(data === undefined ? {} : { data });
  }
}

function start() {
  const sources: FakeSource[] = [];
  const connections: Connection[] = [];
  const messages: string[] = [];
  const timers: { delayMs: number; run: () => void; cancelled: boolean }[] = [];
  let nowMs = 1000;
  const stop = keepEventStream({
    open() {
      const source = new FakeSource();
      sources.push(source);
      return source;
    },
    types: ["machine"],
    onMessage: (data) => messages.push(data),
    onConnection: (connection) => connections.push(connection),
    time: () => nowMs,
    after(delayMs, run) {
      const timer = { delayMs, run, cancelled: false };
      timers.push(timer);
      return () => (timer.cancelled = true);
    },
  });
  return { sources, connections, messages, timers, stop, setNow: (value: number) => (nowMs = value) };
}

it("passes on what arrives", () => {
  const { sources, connections, messages } = start();
  sources[0]?.fire("open");
  sources[0]?.fire("machine", "{}");
  expect(messages).toEqual(["{}"]);
  expect(connections.map(({ kind }) => kind)).toEqual(["connecting", "live"]);
});

it("says since when the connection is lost, and waits longer each time up to ten seconds", () => {
  const { sources, connections, timers, setNow } = start();
  for (let attempt = 0; attempt < 7; attempt += 1) {
    sources.at(-1)?.fire("error");
    setNow(2000 + attempt);
    timers.at(-1)?.run();
  }
  expect(timers.map(({ delayMs }) => delayMs)).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  expect(connections.at(-1)).toMatchObject({ kind: "lost", sinceMs: 1000 });
  expect(sources.slice(0, -1).every(({ closed }) => closed)).toBe(true);
});

it("starts again with the short delay once it was connected", () => {
  const { sources, timers, connections } = start();
  sources[0]?.fire("error");
  timers[0]?.run();
  sources[1]?.fire("open");
  expect(connections.at(-1)).toEqual({ kind: "live" });
  sources[1]?.fire("error");
  expect(timers[1]?.delayMs).toBe(500);
});

it("opens nothing any more after it was stopped", () => {
  const { sources, timers, stop } = start();
  sources[0]?.fire("error");
  stop();
  expect(timers[0]?.cancelled).toBe(true);
  expect(sources).toHaveLength(1);
});
