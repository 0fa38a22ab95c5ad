import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { findTool } from "@ingot/testkit/lab";
import { describe, expect, test } from "vitest";
import { dropPackets, MulticastLab } from "./multicast-lab.ts";
import type { Host, ReceiverResult, SenderResult } from "./multicast-lab.ts";

const missing =
  process.getuid?.() === 0 ? ["ip", "tc", "nft"].filter((tool) => findTool(tool) === undefined) : ["root"];
// In CI a missing right or tool fails the tests instead of skipping them.
const skipped = missing.length > 0 && process.env["CI"] === undefined;
const title = `multicast over shaped links${skipped ? ` (skipped: need ${missing.join(", ")})` : ""}`;

const MIB = 1024 * 1024;
const linkBitsPerSecond = 200e6;

function sha256Of(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

async function begin(sender: Host, receivers: readonly Host[]): Promise<void> {
  for (const host of [sender, ...receivers]) await host.event("ready");
  sender.process.child.kill("SIGUSR2");
  await sender.event("begin");
}

describe.skipIf(skipped)(title, () => {
  test("four receivers have all of it, and nobody loses or repeats a packet", async () => {
    await using lab = await MulticastLab.open("ingmca", { sizeBytes: 64 * MIB, linkBitsPerSecond });
    const sender = lab.start(await lab.addMachine(1), 1, "sender");
    const receivers: Host[] = [];
    for (const number of [2, 3, 4, 5]) receivers.push(lab.start(await lab.addMachine(number), number, "receiver"));
    await begin(sender, receivers);
    for (const receiver of receivers) {
      const end = await receiver.event<ReceiverResult>("end");
      expect(end).toMatchObject({ reason: "complete", lost: [], heldChunks: lab.pieceMap.chunkCount });
      expect(end.stats).toMatchObject({ lost: 0, reports: 0 });
      expect(sha256Of(receiver.image)).toBe(sha256Of(lab.source));
    }
    const { stats } = await sender.event<SenderResult>("end");
    expect(stats).toMatchObject({ parityPackets: 0, repairPackets: 0 });
  });

  test("with one of a hundred packets dropped at each door all have all of it", async () => {
    await using lab = await MulticastLab.open("ingmcb", { sizeBytes: 32 * MIB, linkBitsPerSecond });
    const sender = lab.start(await lab.addMachine(1), 1, "sender");
    const receivers: Host[] = [];
    for (const number of [2, 3, 4, 5]) {
      const machine = await lab.addMachine(number);
      // Whole packets of the link and not rows: the machine takes them one by one.
      await machine.run("ethtool", ["-K", "eth0", "gro", "off"], { allowFailure: true });
      await dropPackets(machine, "udp dport 26000-30095 numgen random mod 1000 < 10");
      receivers.push(lab.start(machine, number, "receiver"));
    }
    await begin(sender, receivers);
    let lostPackets = 0;
    for (const receiver of receivers) {
      const end = await receiver.event<ReceiverResult>("end");
      expect(end).toMatchObject({ reason: "complete", lost: [], heldChunks: lab.pieceMap.chunkCount });
      expect(sha256Of(receiver.image)).toBe(sha256Of(lab.source));
      lostPackets += end.stats.lost;
    }
    expect(lostPackets).toBeGreaterThan(0);
    const { stats } = await sender.event<SenderResult>("end");
    expect(stats.repairPackets + stats.parityPackets).toBeGreaterThan(0);
    expect(stats.packetsSent).toBeLessThan(lab.packetCount * 1.3);
  });

  test("where multicast does not pass, that is known after five seconds, before and on the way", async () => {
    await using lab = await MulticastLab.open("ingmcc", { sizeBytes: 64 * MIB, linkBitsPerSecond: 50e6 });
    const sender = lab.start(await lab.addMachine(1), 1, "sender");
    const blocked = await lab.addMachine(2);
    await dropPackets(blocked, "ip daddr 239.0.0.0/8");
    const open = await lab.addMachine(3);
    const deaf = lab.start(blocked, 2, "receiver");
    const hearing = lab.start(open, 3, "receiver");
    const probes = [lab.start(blocked, 2, "probe"), lab.start(open, 3, "probe")];
    const heard = await Promise.all(probes.map((probe) => probe.event<{ heard: boolean }>("probe")));
    expect(heard.map((event) => event.heard)).toEqual([false, true]);
    await deaf.event("silent");
    expect((await deaf.event<ReceiverResult>("end")).lost).toHaveLength(lab.pieceMap.pieceCount);

    await begin(sender, [hearing]);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await dropPackets(open, "ip daddr 239.0.0.0/8");
    const end = await hearing.event<ReceiverResult>("end");
    expect(end.reason).toBe("silent");
    expect(end.lost.length).toBeGreaterThan(0);
    expect(end.heldChunks).toBeGreaterThan(0);
    sender.process.child.kill("SIGTERM");
  });

  test("who comes late gets the rest, and hears what he has to get from peers", async () => {
    await using lab = await MulticastLab.open("ingmcd", { sizeBytes: 64 * MIB, linkBitsPerSecond: 100e6 });
    const sender = lab.start(await lab.addMachine(1), 1, "sender");
    const early = lab.start(await lab.addMachine(2), 2, "receiver");
    const place = await lab.addMachine(3);
    await begin(sender, [early]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const late = lab.start(place, 3, "receiver");
    const end = await late.event<ReceiverResult>("end");
    expect(end.reason).toBe("complete");
    // The first ones in the order, and no others.
    expect(end.lost.toSorted((a, b) => a - b)).toEqual([...end.lost.keys()]);
    expect(end.lost.length).toBeGreaterThan(0);
    const missing = end.lost.reduce((sum, piece) => {
      const { first, end: last } = lab.pieceMap.chunksOf(piece);
      return sum + last - first;
    }, 0);
    expect(end.heldChunks + missing).toBe(lab.pieceMap.chunkCount);
    expect((await early.event<ReceiverResult>("end")).lost).toEqual([]);
  });

  test("forged and replayed packets on the wire are counted and ignored", async () => {
    await using lab = await MulticastLab.open("ingmce", { sizeBytes: 16 * MIB, linkBitsPerSecond });
    const sender = lab.start(await lab.addMachine(1), 1, "sender");
    const receiver = lab.start(await lab.addMachine(2), 2, "receiver");
    const strangers = await lab.addMachine(3);
    const otherKey = lab.start(strangers, 3, "sender", { ...lab.plan, key: "5a".repeat(32) });
    const otherSession = lab.start(strangers, 3, "sender", { ...lab.plan, session: lab.plan.session ^ 1 });
    const { group, port } = lab.plan;
    // Absurd lengths: nothing, a byte, and as much as a datagram holds.
    const program = `
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("${lab.addressOf(3)}"))
      for size in [0, 1, 39, 1401, 9000, 65507] * 20: s.sendto(b"IG\\x10" + b"\\xff" * (size - 3) if size > 3 else b"I" * size, ("${group}", ${port}))`;
    await begin(otherKey, [receiver, sender, otherSession]);
    otherSession.process.child.kill("SIGUSR2");
    await strangers.run("python3", ["-c", program.replaceAll(/^ {6}/gm, "")]);
    await begin(sender, [receiver]);
    const end = await receiver.event<ReceiverResult>("end");
    expect(end).toMatchObject({ reason: "complete", lost: [], heldChunks: lab.pieceMap.chunkCount });
    expect(sha256Of(receiver.image)).toBe(sha256Of(lab.source));
    const { authenticator, session, length } = end.stats.refused;
    expect(Math.min(authenticator, session, length)).toBeGreaterThan(0);
  });
});
