import { setTimeout as delay } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Machine, SwarmLab } from "../../test/swarm-lab.ts";
import { createIdentity, type Identity } from "../identity/identity.ts";
import { makeServerKey } from "../../test/server-key.ts";
import { signTicket } from "../identity/ticket.ts";
import { clientContext } from "../transfer/tls-context-socket.ts";
import { PieceSet } from "../piece-set.ts";
import { dialControl } from "./control-socket.ts";
import { ByeReason, encodeFrame, type Hello, type Message } from "./frames.ts";
import { Link } from "./link-socket.ts";

/** A stranger at a machine's control door, with what it hears. */
interface Guest {
  readonly identity: Identity;
  readonly link: Link;
  readonly heard: Message[];
  readonly hello: Hello;
  readonly ended: Promise<string>;
}

async function visit({ node, identity: host }: Machine, key = lab.serverKey): Promise<Guest> {
  const identity = createIdentity();
  const { fingerprint } = identity;
  const { manifestId, pieceMap } = lab;
  const address = { host: "127.0.0.1", port: node.port };
  const connection = await dialControl({
    secureContext: clientContext(identity),
    address,
    fingerprint: host.fingerprint,
    manifestId,
  });
  const heard: Message[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const link = Link.open(
    { ...connection, isDialled: true, pieceCount: pieceMap.pieceCount, now: Date.now },
    { onMessage: (message) => void heard.push(message), onEnd: (why) => resolve(why) },
  );
  const ticket = signTicket({ swarm: manifestId, peer: 99, fingerprint, expiresMs: Date.now() + 60_000 }, key);
  const held = new PieceSet(pieceMap.pieceCount);
  const hello: Hello = {
    type: "hello",
    instance: 1,
    bulkPort: 1,
    isOrigin: false,
    isRemote: false,
    ticket,
    hosts: [],
    held,
  };
  return { identity, link, heard, hello, ended };
}

/** As `visit`, and let in. */
async function visitAndEnter(machine: Machine): Promise<Guest> {
  const guest = await visit(machine);
  guest.link.send(guest.hello);
  await until(() => guest.heard.length > 0);
  return guest;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(5);
}

function banOf({ events }: Machine, { identity }: Guest): string | undefined {
  const ban = events.find((event) => event.kind === "banned" && event.fingerprint === identity.fingerprint);
  return ban?.kind === "banned" ? ban.reason : undefined;
}

let lab: SwarmLab;

beforeAll(async () => {
  lab = await SwarmLab.start(1);
});
afterEach(() => lab.clear());
afterAll(() => lab[Symbol.asyncDispose]());

/** A machine that has its ticket. */
async function start(machine: () => Promise<Machine>): Promise<Machine> {
  const started = await machine();
  await until(() => started.events.some(({ kind }) => kind === "tracker"));
  return started;
}

describe("the control door", { timeout: 60_000 }, () => {
  test("lets in who shows a ticket, says what is here, and offers it", async () => {
    const seed = await start(() => lab.seed());
    const { heard } = await visitAndEnter(seed);
    await until(() => heard.length > 1);
    expect(heard[0]).toMatchObject({ type: "hello", isOrigin: true, bulkPort: seed.engine.port });
    expect(heard[0]).toHaveProperty("held.isFull", true);
    expect(heard[1]).toHaveProperty("type", "grant");
  });

  test.each([
    ["is signed by somebody else", makeServerKey(), {}],
    ["is cut", undefined, { ticket: new Uint8Array(10) }],
  ])("shows out who has a ticket that %s", async (_what, key, change) => {
    const seed = await start(() => lab.seed());
    const { link, hello, heard, ended } = await visit(seed, key);
    link.send({ ...hello, ...change });
    expect(await ended).toBe("gone");
    expect(heard).toEqual([{ type: "bye", reason: ByeReason.badTicket }]);
    expect(seed.node.stats()).toMatchObject({ neighbours: 0, bans: 0 });
  });

  test("shows out a second connection of the same peer, and takes one of a peer that has started anew", async () => {
    const seed = await start(() => lab.seed());
    const first = await visitAndEnter(seed);
    const connectAgain = async (instance: number): Promise<Message[]> => {
      const { identity } = first;
      const { manifestId, pieceMap } = lab;
      const address = { host: "127.0.0.1", port: seed.node.port };
      const { fingerprint } = seed.identity;
      const connection = await dialControl({
        secureContext: clientContext(identity),
        address,
        fingerprint,
        manifestId,
      });
      const heard: Message[] = [];
      const options = { ...connection, isDialled: true, pieceCount: pieceMap.pieceCount, now: Date.now };
      const link = Link.open(options, { onMessage: (message) => void heard.push(message), onEnd: () => undefined });
      link.send({ ...first.hello, instance });
      await until(() => heard.length > 0);
      return heard;
    };
    expect(await connectAgain(1)).toEqual([{ type: "bye", reason: ByeReason.duplicate }]);
    expect((await connectAgain(2))[0]).toHaveProperty("type", "hello");
    expect(await first.ended).toBe("gone");
    expect(seed.node.stats().neighbours).toBe(1);
  });

  test.each<[string, string, (guest: Guest) => void]>([
    [
      "floods",
      "flood",
      ({ link }) => {
        for (let i = 0; i < 10_000; i++) link.send({ type: "ping" });
      },
    ],
    ["sends what is no frame", "protocol", ({ link }) => link.sendFrame(Uint8Array.of(99, 0, 0, 0))],
    [
      "asks for what it was not offered",
      "protocol",
      ({ link }) => {
        for (let i = 0; i < 8; i++) link.send({ type: "request", piece: 0 });
      },
    ],
    [
      "says hello again and again",
      "protocol",
      ({ link, hello }) => {
        for (let i = 0; i < 3; i++) link.send(hello);
      },
    ],
  ])("bans a peer that %s", async (_what, reason, misbehave) => {
    const seed = await start(() => lab.seed());
    const guest = await visitAndEnter(seed);
    misbehave(guest);
    expect(await guest.ended).toBe("gone");
    expect(banOf(seed, guest)).toBe(reason);
    expect(seed.node.stats()).toMatchObject({ neighbours: 0, bans: 1 });
  });

  test.each([
    ["says something else than hello", encodeFrame({ type: "welcome" })],
    ["sends what is no frame", Uint8Array.of(99, 0, 0, 0)],
  ])("shows out a stranger that %s", async (_what, frame) => {
    const seed = await start(() => lab.seed());
    const guest = await visit(seed);
    guest.link.sendFrame(frame);
    expect(await guest.ended).toBe("gone");
    // It would come with another key, and nothing is kept of those.
    expect(seed.node.stats()).toMatchObject({ neighbours: 0, bans: 0 });
  });

  test("offers another piece when a visitor says that it has one, not before", async () => {
    const seed = await start(() => lab.seed({ node: { uploadSlots: 1 } }));
    const { link, heard } = await visitAndEnter(seed);
    const grants = (): number => heard.filter(({ type }) => type === "grant").length;
    // Of its own accord a seed has one slot more.
    for (const piece of [0, 1]) {
      await until(() => grants() > piece);
      link.send({ type: "request", piece });
    }
    await delay(100);
    expect(grants()).toBe(2);
    link.send({ type: "have", pieces: [0] });
    await until(() => grants() > 2);
  });

  test("bans who takes offers for pieces that are not here", async () => {
    const empty = await start(() => lab.receiver());
    const guest = await visitAndEnter(empty);
    for (let i = 0; i < 3; i++) guest.link.send({ type: "decline", untilWelcome: false });
    expect(await guest.ended).toBe("gone");
    expect(banOf(empty, guest)).toBe("protocol");
  });

  test("answers plain HTTPS and other swarms with a status, and nobody without a key", async () => {
    const seed = await start(() => lab.seed());
    const { keyPem, certPem } = createIdentity();
    const ask = async (head: string, key: { key?: string; cert?: string }): Promise<string> => {
      const socket = connect({ port: seed.node.port, host: "127.0.0.1", rejectUnauthorized: false, ...key });
      socket.write(`${head}\r\nHost: x\r\n\r\n`);
      const parts: Buffer[] = [];
      for await (const part of socket) parts.push(part as Buffer);
      return Buffer.concat(parts).toString("latin1").split("\r\n")[0] ?? "";
    };
    const own = { key: keyPem, cert: certPem };
    const upgrade = "\r\nConnection: Upgrade\r\nUpgrade: ";
    expect(await ask("GET / HTTP/1.1", own)).toContain("426");
    expect(await ask(`GET /swarms/${lab.manifestId} HTTP/1.1${upgrade}websocket`, own)).toContain("426");
    expect(await ask(`GET /swarms/${"0".repeat(64)} HTTP/1.1${upgrade}ingot-swarm/1`, own)).toContain("404");
    expect(await ask(`GET /swarms/${lab.manifestId} HTTP/1.1${upgrade}ingot-swarm/1`, {})).toContain("403");
  });

  test("is not entered by who finds another key behind it than was named", async () => {
    const seed = await start(() => lab.seed());
    const address = { host: "127.0.0.1", port: seed.node.port };
    const dialled = dialControl({
      secureContext: clientContext(createIdentity()),
      address,
      fingerprint: "0".repeat(64),
      manifestId: lab.manifestId,
    });
    await expect(dialled).rejects.toMatchObject({ code: "unreachable" });
  });
});
