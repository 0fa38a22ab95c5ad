import { describe, expect, test } from "vitest";
import { Room, PIECES, planWith } from "../../test/multicast-room.ts";
import { BLOCK_PACKETS, HEADER_BYTES, MAC_BYTES, PACKET_BYTES, PAYLOAD_BYTES, ROW_PACKETS } from "./limits.ts";
import { encodeRanges, PacketCodec, PacketKind, PacketMemory } from "./packet.ts";
import { keyOf } from "./plan.ts";
import { SenderSession } from "./sender.ts";

describe("hostile packets", () => {
  const plan = planWith();
  const codec = new PacketCodec(plan.session, keyOf(plan));
  const data = { kind: PacketKind.data, flags: 0, sequence: 0, piece: 0, offset: 0, total: 1 };

  function packet(header: Parameters<PacketCodec["encode"]>[0], payloadBytes = PAYLOAD_BYTES): PacketMemory {
    const memory = new PacketMemory(new Uint8Array(HEADER_BYTES + payloadBytes + MAC_BYTES));
    codec.encode(header, payloadBytes, memory, 0);
    return memory;
  }

  test.each([
    ["a piece that the image has not", { ...data, piece: PIECES }],
    ["a stream without bytes", { ...data, total: 0 }],
    ["an absurdly long stream", { ...data, total: 0xffff_ffff }],
    ["an offset behind the stream's end", { ...data, sequence: 5, offset: PAYLOAD_BYTES, total: 10 }],
    ["an offset between packets", { ...data, sequence: 5, offset: 7, total: 2000 }],
    ["an offset before the session's first packet", { ...data, sequence: 1, offset: PAYLOAD_BYTES * 2, total: 9000 }],
    ["the last sequence number there is", { ...data, sequence: 0xffff_ffff }],
    ["parity of no row", { ...data, kind: PacketKind.parity }],
    ["parity of too many rows", { ...data, kind: PacketKind.parity, flags: 21 }],
    ["parity of no column", { ...data, kind: PacketKind.parity, flags: 20, sequence: ROW_PACKETS }],
    ["a report", { ...data, kind: PacketKind.report }],
  ])("%s is counted and ignored by receivers", (_what, header) => {
    const room = new Room(plan);
    const member = room.join({ seed: 1 });
    expect(member.session.receive(packet(header), 0, PACKET_BYTES, 0)).toBe(false);
    room.sender.begin();
    room.run();
    const { refused } = member.session.stats;
    expect(refused.number + refused.foreign).toBe(1);
    expect(member.got.size).toBe(PIECES);
  });

  test("packets of another session and of another key are counted, and the session goes on", () => {
    const room = new Room(plan);
    const member = room.join({ seed: 1 });
    const old = new SenderSession({ ...plan, session: plan.session + 1 }, PIECES);
    const forged = new SenderSession({ ...plan, key: "11".repeat(32) }, PIECES);
    for (const sender of [old, forged]) {
      sender.begin();
      for (const piece of sender.toRead()) sender.supply(piece, new Uint8Array(20_000).fill(9));
      const step = sender.next(0);
      if (step.kind !== "send") throw new Error("nothing to send");
      for (let at = 0; at < step.length; at += PACKET_BYTES)
        expect(member.session.receive(new PacketMemory(sender.buffer), at, PACKET_BYTES, 0)).toBe(false);
    }
    room.sender.begin();
    room.run();
    expect(member.session.stats.refused.session).toBeGreaterThan(0);
    expect(member.session.stats.refused.authenticator).toBeGreaterThan(0);
    expect(member.got.size).toBe(PIECES);
    member.check();
  });

  test("a jump over more than a receiver looks back leaves what is before to peers, in bounded time", () => {
    const room = new Room(plan);
    const member = room.join({ seed: 1 });
    member.session.receive(packet(data), 0, PACKET_BYTES, 0);
    const far = BLOCK_PACKETS * 4_000_000;
    member.session.receive(packet({ ...data, piece: PIECES - 1, sequence: far }), 0, PACKET_BYTES, 0);
    for (let at = 0; at < 4000; at += 50) member.session.tick(at);
    expect(member.lost.size).toBeGreaterThan(PIECES - 4);
  });

  test("reports of what was not sent, replays and floods are counted and ignored by the sender", () => {
    const room = new Room(plan);
    room.join({ seed: 1 });
    room.sender.begin();
    room.run(100);
    const report = (sequence: number, first: number, count: number): PacketMemory => {
      const memory = new PacketMemory(new Uint8Array(HEADER_BYTES + 8 + MAC_BYTES));
      encodeRanges([{ first, count }], memory.view, HEADER_BYTES);
      codec.encode({ ...data, kind: PacketKind.report, piece: 9, sequence, total: 0 }, 8, memory, 0);
      return memory;
    };
    const receive = (memory: PacketMemory): void => room.sender.receive(memory, 0, memory.bytes.length, 100);
    receive(report(0, 0xffff_0000, 1));
    receive(report(1, 0, 0xffff_ffff));
    receive(packet(data));
    expect(room.sender.stats(0).refused).toMatchObject({ number: 2, foreign: 1 });
    for (let sequence = 10; sequence < 200; sequence++) receive(report(sequence, 1, 1));
    receive(report(10, 1, 1));
    expect(room.sender.stats(0).reports).toBeLessThan(60);
    room.run();
    expect(room.sender.stats(0).repairPackets).toBe(1);
  });
});
