import { type LiveMessage, liveMessageSchema } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HEARTBEAT_MS } from "../src/event-stream.ts";
import { MAX_STREAMS, MAX_UPDATES_PER_TICK } from "../src/limits.ts";
import { TICK_MS } from "../src/live-updates.ts";
import { ApiClient, type Harness, imageOf, openHarness } from "./harness.ts";

let harness: Harness;
let api: ApiClient;
const streams: Stream[] = [];

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
});

afterEach(async () => {
  for (const stream of streams.splice(0)) await stream.close();
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

interface Block {
  readonly id: string | undefined;
  readonly message: LiveMessage | undefined;
}

/** Reads server-sent events as a browser does. */
class Stream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  async block(): Promise<Block> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const field = (name: string): string | undefined =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field("data");
        return { id: field("id"), message: data === undefined ? undefined : liveMessageSchema.parse(JSON.parse(data)) };
      }
      const { done, value } = await this.#reader.read();
      if (done) throw new Error("the stream ended");
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** The next message of a type. */
  async message<Type extends LiveMessage["type"]>(type: Type): Promise<LiveMessage & { type: Type }> {
    for (;;) {
      const { message } = await this.block();
      if (message?.type === type) return message as LiveMessage & { type: Type };
    }
  }

  async close(): Promise<void> {
    await this.#reader.cancel();
  }
}

async function follow(headers: Record<string, string> = {}): Promise<Stream> {
  const response = await harness.api.request("/api/v1/events/stream", { headers });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  if (response.body === null) throw new Error("no body");
  const stream = new Stream(response.body);
  streams.push(stream);
  return stream;
}

test("a reader is greeted and then told of every change with the whole object", async () => {
  const stream = await follow();
  expect(await stream.message("hello")).toMatchObject({ version: "0.1.0-test", lastEventId: 1 });
  await api.send("POST", "/machines", { name: "pc-1", macs: ["525400000001"] });
  expect(await stream.message("event")).toMatchObject({ event: { kind: "machine.created" } });
  expect(await stream.message("machine")).toMatchObject({
    machine: { name: "pc-1", lastEvent: { kind: "machine.created" } },
  });
  await api.send("PUT", "/groups/room", {});
  expect(await stream.message("group")).toMatchObject({ group: { name: "room" } });
  await harness.control.images.add("a", imageOf(1));
  expect(await stream.message("image")).toMatchObject({ image: { name: "a", versions: [{ version: 1 }] } });
  await api.send("DELETE", "/machines/pc-1");
  expect(await stream.message("removed")).toMatchObject({ what: "machine" });
});

test("a reader that comes back gets the events it missed, each once", async () => {
  const stream = await follow();
  await api.send("PUT", "/groups/a", {});
  await stream.message("event");
  await stream.close();
  await api.send("PUT", "/groups/b", {});
  await api.send("PUT", "/groups/c", {});
  const again = await follow({ "last-event-id": "2" });
  await again.message("hello");
  expect([(await again.message("event")).event.message, (await again.message("event")).event.message]).toEqual([
    "group b: nothing changed",
    "group c: nothing changed",
  ]);
  await api.send("PUT", "/groups/d", {});
  expect((await again.message("event")).event.message).toContain("group d");
});

test("a silent stream sends a comment now and then", async () => {
  const stream = await follow();
  await stream.message("hello");
  const block = stream.block();
  // Time passes only after the stream has begun to wait.
  await new Promise((resolve) => setTimeout(resolve, 5));
  harness.clock.advance(HEARTBEAT_MS);
  for (let next = await block; next.message !== undefined;) next = await stream.block();
});

test("only so many streams, and a closed one makes room", async () => {
  for (let count = 0; count < MAX_STREAMS; count += 1) await follow();
  expect((await harness.api.request("/api/v1/events/stream")).status).toBe(503);
  await streams.pop()?.close();
  await follow();
});

test("a thousand machines that all read at full speed cost a bounded number of messages", async () => {
  const machineCount = 1200;
  await harness.control.images.add("a", imageOf(1));
  await api.send("PATCH", "/settings", { image: "a", plan: "diskless" });
  const sessions = [];
  for (let index = 0; index < machineCount; index += 1) {
    const mac = `02:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`;
    const { row } = await harness.control.machines.identifyOrRegister({ mac, firmware: "bios" });
    const target = `iqn.2026-11.org.ingot:${row.id}`;
    sessions.push(
      await harness.control.disks.login({ target, initiator: "i", peer: "p", drop: () => Promise.resolve() }),
    );
  }
  harness.clock.advance(TICK_MS);
  await harness.control.idle();
  const published: string[] = [];
  const reader = harness.control.hub.open();
  const reading = (async () => {
    for (let message = await reader.next(); message !== undefined; message = await reader.next()) {
      if (message !== "overrun") published.push(message.type);
    }
  })();
  for (let tick = 0; tick < 4; tick += 1) {
    for (let round = 0; round < 50; round += 1) for (const { session } of sessions) session.countRead(4096);
    harness.clock.advance(TICK_MS);
    await harness.control.idle();
    await new Promise((resolve) => setImmediate(resolve));
  }
  reader.close();
  await reading;
  const machines = published.filter((type) => type === "machine").length;
  expect(machines).toBeGreaterThanOrEqual(MAX_UPDATES_PER_TICK);
  expect(machines).toBeLessThanOrEqual(5 * MAX_UPDATES_PER_TICK);
  const { body } = await api.get<{ traffic: { bytesRead: number } }>("/status");
  expect(body.traffic.bytesRead).toBe(machineCount * 4 * 50 * 4096);
});
