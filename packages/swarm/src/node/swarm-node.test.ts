import { openSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Machine, SwarmLab } from "../../test/swarm-lab.ts";
import { PieceSet } from "../piece-set.ts";
import { STARVED_AFTER_MS, TICK_MS } from "./limits.ts";
import type { SwarmNodeEvent } from "./node-options.ts";
import { systemClock } from "./system-clock-socket.ts";

/** Slow enough that something can happen on the way: 8 MiB take seconds. */
const SLOW = { engine: { uploadBytesPerSecond: 3 * 1_048_576 } };

async function all(machines: readonly Machine[]): Promise<void> {
  await Promise.all(machines.map(({ node }) => node.completed));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(10);
}

async function halfDone({ node }: Machine): Promise<void> {
  await until(() => node.stats().pieces.held * 2 >= node.stats().pieces.total);
}

function received({ node }: Machine): number {
  const { seed, peers } = node.stats().bytes;
  return seed + peers;
}

/** Through a parameter, because the tracker is another one after a restart. */
function memberCount({ tracker, manifestId }: SwarmLab): number | undefined {
  return tracker?.membersOf(manifestId).length;
}

let lab: SwarmLab;

beforeAll(async () => {
  lab = await SwarmLab.start(8);
});
afterEach(() => lab.clear());
afterAll(() => lab[Symbol.asyncDispose]());

describe("a swarm", { timeout: 60_000 }, () => {
  test("of a seed and four receivers fills four disks, and the seed gives little more than one image", async () => {
    // Sixteen pieces are few: with six slots most of them would be on their way at once.
    const few = { node: { uploadSlots: 3, downloadSlots: 3 } };
    const receivers = await Promise.all([1, 2, 3, 4].map(() => lab.receiver(few)));
    const seed = await lab.seed(few);
    await all(receivers);
    for (const receiver of receivers) {
      expect(lab.isImage(receiver)).toBe(true);
      expect(receiver.node.stats()).toMatchObject({ doneBytes: lab.pieceMap.plainBytes, neighbours: 4, bans: 0 });
      expect(received(receiver)).toBeLessThan(1.2 * lab.pieceMap.plainBytes);
    }
    expect(seed.node.stats().sentBytes).toBeLessThan(2 * lab.pieceMap.plainBytes);
    const { tracker, manifestId } = lab;
    await until(() => tracker?.membersOf(manifestId).every(({ isComplete }) => isComplete) === true);
  });

  test("goes on when its seed is killed, with what another machine has", async () => {
    const seed = await lab.process(true);
    const other = await lab.seed(SLOW);
    const receivers = [await lab.receiver(SLOW), await lab.receiver(SLOW)];
    await until(() => receivers.some(({ node }) => node.stats().pieces.held > 3));
    seed.kill("SIGKILL");
    await all(receivers);
    expect(receivers.map((receiver) => lab.isImage(receiver))).toEqual([true, true]);
    expect(other.node.stats().neighbours).toBe(2);
  });

  test("asks elsewhere for what a machine that stands still does not send", async () => {
    const still = await lab.process(true);
    const receiver = await lab.receiver(SLOW);
    await until(() => receiver.node.stats().pieces.held > 1);
    still.kill("SIGSTOP");
    await lab.seed();
    await receiver.node.completed;
    expect(lab.isImage(receiver)).toBe(true);
    expect(receiver.node.stats()).toMatchObject({ bans: 0 });
  });

  test("sends a machine that starts again only what it does not have", async () => {
    await lab.seed(SLOW);
    const before = await lab.receiver();
    const { identity, path, image } = before;
    await halfDone(before);
    await before.node.close();
    const held = new Uint8Array(Math.ceil(lab.pieceMap.chunkCount / 8));
    let heldBytes = 0;
    for (let chunk = 0; chunk < lab.pieceMap.chunkCount; chunk++) {
      if (!image.has(chunk)) continue;
      held[chunk >> 3] = (held[chunk >> 3] ?? 0) | (1 << (chunk & 7));
      heldBytes += lab.pieceMap.lengthOf(chunk);
    }
    await before.close();
    const after = await lab.receiver({ identity, path, held });
    await after.node.completed;
    expect(lab.isImage(after)).toBe(true);
    expect(received(after)).toBeLessThan(1.01 * (lab.pieceMap.plainBytes - heldBytes) + 4096);
  });

  test("goes on while the tracker is away, and comes together again when it is back", async () => {
    await lab.seed(SLOW);
    const receivers = [await lab.receiver(), await lab.receiver()];
    await until(() => receivers.every(({ node }) => node.stats().neighbours === 2));
    lab.tracker = undefined;
    const late = await lab.receiver();
    await all(receivers);
    expect(late.node.stats().pieces.held).toBe(0);
    lab.startTracker();
    await late.node.completed;
    expect([...receivers, late].map((receiver) => lab.isImage(receiver))).toEqual([true, true, true]);
    await until(() => memberCount(lab) === 4);
  });

  test("gives a machine that comes late what the others have, without a seed", async () => {
    const seed = await lab.seed();
    const early = await lab.receiver();
    await early.node.completed;
    await seed.close();
    const late = await lab.receiver();
    await late.node.completed;
    expect(lab.isImage(late)).toBe(true);
    expect(late.node.stats().bytes).toMatchObject({ seed: 0 });
  });

  test("says that nothing comes when nobody has what is missing, and that it comes again", async () => {
    let aheadMs = 0;
    const real = systemClock();
    const clock = { ...real, now: () => real.now() + aheadMs };
    const receiver = await lab.receiver({ node: { clock } });
    const said = (): SwarmNodeEvent[] => receiver.events.filter(({ kind }) => kind === "starved" || kind === "fed");
    await delay(2 * TICK_MS);
    expect(said()).toEqual([]);
    aheadMs = STARVED_AFTER_MS;
    await until(() => said().length > 0);
    const { pieceCount } = lab.pieceMap;
    expect(said()).toEqual([{ kind: "starved", missing: pieceCount, unheld: pieceCount, neighbours: 0 }]);
    await lab.seed();
    await receiver.node.completed;
    await until(() => said().length > 1);
    expect(said().slice(1)).toEqual([{ kind: "fed" }]);
  });

  test("bans a machine whose disk is not what it says, and the tracker expels it", async () => {
    const liar = await lab.receiver({ held: new Uint8Array(Math.ceil(lab.pieceMap.chunkCount / 8)).fill(0xff) });
    expect(liar.node.isComplete).toBe(true);
    const receivers = [await lab.receiver(), await lab.receiver(), await lab.receiver()];
    const isExpelled = (): boolean => liar.events.some(({ kind }) => kind === "refused");
    await until(() => receivers.every(({ node }) => node.stats().bans === 1));
    await lab.seed();
    await all(receivers);
    for (const receiver of receivers) {
      expect(lab.isImage(receiver)).toBe(true);
      const { fingerprint } = liar.identity;
      expect(receiver.events).toContainEqual(
        expect.objectContaining({ kind: "banned", fingerprint, reason: "wrong-bytes" }),
      );
    }
    await until(isExpelled);
    expect(liar.node.stats().neighbours).toBeLessThan(2);
  });

  test("takes the rest from a server whose store was damaged, when that has come back without it", async () => {
    const all = new Uint8Array(Math.ceil(lab.pieceMap.chunkCount / 8)).fill(0xff);
    const server = await lab.receiver({ held: all, node: { downloadSlots: 0 } });
    const [offset = 0] = lab.pieceMap.offsetsOf(0);
    const damaged = Buffer.from(lab.bytes);
    damaged[offset] = (damaged[offset] ?? 0) ^ 1;
    writeFileSync(server.path, damaged);
    const receiver = await lab.receiver({ node: { server: server.identity.fingerprint } });
    await until(() => receiver.node.stats().bans === 1);
    await server.close();
    writeFileSync(server.path, lab.bytes);
    await lab.receiver({ held: all, identity: server.identity, path: server.path });
    await receiver.node.completed;
    expect(lab.isImage(receiver)).toBe(true);
    expect(receiver.node.stats().bans).toBe(0);
  });

  test("bans a machine that does not have what it says it has", async () => {
    const nothing = await lab.receiver();
    await nothing.node.close();
    const { manifestId } = lab;
    const image = { manifestId, has: () => true, fetch: nothing.image.fetch.bind(nothing.image) };
    const liar = await lab.receiver({ node: { image, engine: nothing.engine }, identity: nothing.identity });
    const receiver = await lab.receiver();
    await until(() => receiver.node.stats().bans === 1);
    expect(receiver.events).toContainEqual(expect.objectContaining({ kind: "banned", reason: "false-have" }));
    await lab.seed();
    await receiver.node.completed;
    expect(lab.isImage(receiver)).toBe(true);
    expect(liar.node.stats().neighbours).toBe(1);
  });

  test("says where a disk cannot be written", async () => {
    await lab.seed();
    const good = await lab.receiver();
    await good.node.close();
    const full = openSync("/dev/full", "r+");
    await good.image.close();
    const held = new Uint8Array(Math.ceil(lab.pieceMap.chunkCount / 8));
    const { manifestId, pieceMap } = lab;
    const source = { kind: "disk", fd: full, offset: 0, held } as const;
    const image = await good.engine.open({ manifestId, pieceMap, source });
    const bad = await lab.receiver({ identity: good.identity, node: { image, engine: good.engine } });
    await expect(bad.node.completed).rejects.toMatchObject({ code: "write-failed", errno: "ENOSPC" });
  });

  test("does not fetch what multicast will bring, and counts what it brought", async () => {
    const { pieceCount } = lab.pieceMap;
    const expected = PieceSet.every(pieceCount, 2, 0);
    const receiver = await lab.receiver();
    receiver.node.setExpected(expected);
    await lab.seed();
    await until(() => receiver.node.stats().pieces.held === pieceCount - expected.size);
    await delay(300);
    expect(receiver.node.heldPieces.has(0)).toBe(false);
    receiver.node.setExpected(undefined);
    await receiver.node.completed;
    expect(lab.isImage(receiver)).toBe(true);
  });

  test("connects each pair once, whoever is told first", async () => {
    const machines = await Promise.all(Array.from({ length: 6 }, () => lab.receiver()));
    await until(() => machines.every(({ node }) => node.stats().neighbours === 5));
    await delay(2500);
    expect(machines.map(({ node }) => node.stats().neighbours)).toEqual([5, 5, 5, 5, 5, 5]);
    expect(machines.flatMap(({ events }) => events.filter(({ kind }) => kind === "lost"))).toEqual([]);
  });
});
