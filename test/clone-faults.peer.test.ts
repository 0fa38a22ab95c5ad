import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:tls";
import { once } from "node:events";
import { join } from "node:path";
import { createIdentity } from "@ingot/swarm";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type AgentProcess, CloneRoom, receivedBytes } from "./clone-room.ts";
import { ServerApi } from "./server-api.ts";

const MIB = 2 ** 20;
const IMAGE_BYTES = 32 * MIB;
/** What travels twice, as a part of what is needed. */
const ALLOWANCE = 1.05;
/** Slow enough that something can happen in the middle, on a busy machine, too. */
const SERVER_RATE = "60mbit";
const RECEIVER_RATE = "6Mi";

let room: CloneRoom;
let content: Buffer;
let manifestId: string;

beforeAll(async () => {
  room = await CloneRoom.open("127.0.0.92", "--seed-rate", SERVER_RATE, "--log-level", "debug");
  content = randomBytes(IMAGE_BYTES);
  ({ manifestId } = await room.addImage("room", content));
});
afterEach(() => room.stopAgents());
afterAll(() => room[Symbol.asyncDispose]());

const isFilled = (name: string): boolean => readFileSync(room.path(`${name}.img`)).equals(content);

function startReceivers(...names: string[]): Map<string, AgentProcess> {
  return new Map(names.map((name) => [name, room.pull(name, "room", "--rate", RECEIVER_RATE, "--seed")]));
}

/** Waits until all have everything, checks their files, and returns what they received together. */
async function receivedBy(receivers: ReadonlyMap<string, AgentProcess>): Promise<number> {
  const results = await Promise.all([...receivers.values()].map((receiver) => receiver.result()));
  for (const name of receivers.keys()) expect(isFilled(name)).toBe(true);
  const sum = results.reduce((total, result) => total + receivedBytes(result), 0);
  process.stdout.write(`${[...receivers.keys()].join(", ")}: ${sum} bytes came\n`);
  return sum;
}

test("two seeds are killed, at 30 % and at 60 %: all is there in the end, and hardly a byte travelled twice", async () => {
  const seeds = await Promise.all(
    ["seed1", "seed2"].map((name) => room.serve(name, "room", room.path("room.raw"), "--upload-rate", "6Mi")),
  );
  const receivers = startReceivers("s1", "s2", "s3");
  const needed = receivers.size * IMAGE_BYTES;
  for (const [index, seed] of seeds.entries()) {
    await room.untilFilled(needed * 0.3 * (index + 1), receivers);
    // It was busy.
    expect(seed.writtenBytes).toBeGreaterThan(MIB);
    await seed.kill();
    expect(room.filledBytes(...receivers.keys())).toBeLessThan(needed);
  }
  expect(await receivedBy(receivers)).toBeLessThanOrEqual(needed * ALLOWANCE);
});

test("the server is killed and started again: transfers go on meanwhile, and members are in the tracker again", async () => {
  await room.serve("peer", "room", room.path("room.raw"), "--upload-rate", "6Mi");
  const receivers = startReceivers("k1", "k2", "k3");
  const needed = receivers.size * IMAGE_BYTES;
  await room.untilFilled(needed * 0.3, receivers);
  await room.server.kill();
  await room.untilFilled(needed * 0.5, receivers);
  await room.startServer();
  expect(await receivedBy(receivers)).toBeLessThanOrEqual(needed * ALLOWANCE);
  // The peer and the receivers, and the server itself.
  await expect.poll(() => joinedMembers(room.server.stderr).size, { timeout: 60_000 }).toBe(receivers.size + 2);
});

/** Keys of those that a server's log tells the tracker of. */
function joinedMembers(log: string): Set<string> {
  const events = log
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.includes('"joined"'))
    .map((line) => JSON.parse(line) as { kind: string; swarm: string; fingerprint: string });
  return new Set(events.filter(({ swarm }) => swarm === manifestId).map(({ fingerprint }) => fingerprint));
}

test("a receiver that is killed at 50 % goes on with what it had verified", async () => {
  const others = startReceivers("r2");
  const first = startReceivers("r1");
  // Until bytes are written and their bits are not, nothing is remembered: on a busy disk that may take a while.
  await room.untilFilled(MIB, first);
  const map = (): Buffer => readFileSync(room.path("r1.img.ingot"));
  const before = map();
  await room.untilFilled(IMAGE_BYTES / 2, first);
  await expect.poll(() => map().equals(before), { timeout: 60_000 }).toBe(false);
  await first.get("r1")?.kill();
  const written = room.filledBytes("r1");
  const again = startReceivers("r1");
  const [second, all] = [await receivedBy(again), await receivedBy(new Map([...again, ...others]))];
  const { found, progress } = (await again.get("r1")?.result()) ?? {};
  const resumed = found?.resumed.bytes ?? 0;
  process.stdout.write(`r1 was killed with ${written} bytes written, ${resumed} remembered; then ${second} came\n`);
  expect(resumed).toBeGreaterThan(0);
  expect(progress?.bytes.local).toBe(resumed);
  // The map of what is held is made durable every second; what was written since then travels again, and nothing else does.
  const lost = written - resumed;
  expect(written + all).toBeLessThanOrEqual(2 * IMAGE_BYTES * ALLOWANCE + lost);
});

test("two pulls into one file at once: the second is refused, the first goes on", async () => {
  const receivers = startReceivers("both");
  await room.untilFilled(MIB, receivers);
  const second = room.agent("both2", ...pullInto("both.img"));
  expect(await second.failure()).toMatchObject({ status: 4, code: "in-use" });
  expect(await receivedBy(receivers)).toBeLessThanOrEqual(IMAGE_BYTES * ALLOWANCE);
});

function pullInto(file: string, pin = room.pin, url = room.url): string[] {
  return ["pull", "room", "--to", room.path(file), "--server", url, "--pin", pin, "--method", "p2p"];
}

test("a version without signature, or with a wrong one, is refused before anything is written", async () => {
  const path = join(room.data, "store", "manifests", `${manifestId}.sig`);
  const signature = readFileSync(path);
  try {
    const wrong = Buffer.from(signature);
    wrong.writeUInt8(wrong.readUInt8(40) ^ 1, 40);
    writeFileSync(path, wrong);
    const forged = await room.pull("signed", "room").failure();
    expect(forged).toMatchObject({ status: 4, code: "signature-wrong" });
    expect(forged.message).toContain("room:1");
    rmSync(path);
    expect(await room.pull("signed", "room").failure()).toMatchObject({ status: 4, code: "signature-missing" });
    expect(existsSync(room.path("signed.img"))).toBe(false);
    expect(existsSync(room.path("signed.img.ingot"))).toBe(false);
  } finally {
    writeFileSync(path, signature);
  }
});

test("a server with another key than the pinned one is told nothing", async () => {
  const heard: Buffer[] = [];
  let connections = 0;
  const { keyPem, certPem } = createIdentity();
  const impostor = createServer(
    { key: keyPem, cert: certPem, minVersion: "TLSv1.3", requestCert: true, rejectUnauthorized: false },
    (socket) => socket.on("error", () => undefined).on("data", (bytes: Buffer) => heard.push(bytes)),
  );
  impostor.on("connection", () => connections++);
  const url = await listen(impostor, "127.0.0.93");
  try {
    const end = await room.agent("pin", ...pullInto("pin.img", room.pin, url)).failure();
    expect(end).toMatchObject({ status: 4, code: "wrong-server" });
    expect(end.message).toContain(room.pin);
    expect(connections).toBe(1);
    expect(Buffer.concat(heard).length).toBe(0);
  } finally {
    impostor.close();
  }
  // The same the other way round: the server is right, the pin is not.
  const before = (await new ServerApi(room.server).events()).length;
  const wrongPin = "00".repeat(32);
  const end = await room.agent("pin2", ...pullInto("pin.img", wrongPin)).failure();
  expect(end).toMatchObject({ status: 4, code: "wrong-server" });
  expect((await new ServerApi(room.server).events()).length).toBe(before);
  expect(existsSync(room.path("pin.img"))).toBe(false);
});

async function listen(server: Server, address: string): Promise<string> {
  const listening = once(server, "listening");
  server.listen(0, address);
  await listening;
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return `https://${address}:${bound.port}`;
}

test("a one-time token lets one agent in; shown again by another, it is refused and recorded", async () => {
  expect(await room.ingot("settings", "set", "--enrolment", "token")).toMatchObject({ code: 0 });
  try {
    const { stdout } = await room.ingot("agent-token", "create", "--json");
    const file = room.path("token");
    writeFileSync(file, (JSON.parse(stdout) as { token: string }).token, { mode: 0o600 });
    const without = await room.pull("none", "room").failure();
    expect(without).toMatchObject({ status: 4, code: "refused" });
    const owner = room.pull("owner", "room", "--token-file", file, "--seed");
    await room.untilFilled(MIB, new Map([["owner", owner]]));
    const thief = await room.pull("thief", "room", "--token-file", file).failure();
    expect(thief).toMatchObject({ status: 4, code: "refused" });
    expect(existsSync(room.path("thief.img"))).toBe(false);
    const events = await new ServerApi(room.server).events();
    expect(events.filter(({ kind }) => kind === "token.replayed")).toHaveLength(1);
    // The one that it let in may come again, with or without it.
    await owner.stop();
    await room.pull("owner", "room").result();
    expect(isFilled("owner")).toBe(true);
  } finally {
    await room.ingot("settings", "set", "--enrolment", "open");
  }
});
