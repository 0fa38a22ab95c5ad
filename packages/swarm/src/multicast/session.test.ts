import { FakeClock, LinkPlan, seededRandom, SimulatedLink } from "@ingot/testkit/link";
import type { LinkConditions } from "@ingot/testkit/link";
import { describe, expect, test } from "vitest";
import { PieceSet } from "../piece-set.ts";
import { BLOCK_PACKETS, HEADER_BYTES, MAC_BYTES, PACKET_BYTES, PAYLOAD_BYTES, ROW_PACKETS } from "./limits.ts";
import { encodeRanges, PacketCodec, PacketKind } from "./packet.ts";
import { createMulticastPlan, keyOf } from "./plan.ts";
import type { MulticastPlan } from "./plan.ts";
import type { EndReason } from "./receiver.ts";
import { ReceiverSession } from "./receiver.ts";
import { SenderSession } from "./sender.ts";

const PIECES = 24;

/** Pieces of odd sizes, from one byte to more than a block. */
function pieceStream(piece: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(piece + 1);
  const length = [1, PAYLOAD_BYTES, PAYLOAD_BYTES + 1, 200_000, 1_400_000][piece % 5] ?? 1;
  return Uint8Array.from({ length }, () => random() * 256);
}
const streams = Array.from({ length: PIECES }, (_unused, piece) => pieceStream(piece));

function planWith(change: Partial<MulticastPlan> = {}): MulticastPlan {
  const random = seededRandom(77);
  const randomBytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => random() * 256);
  return { ...createMulticastPlan({ rate: 200e6, order: [{ first: 0, end: PIECES }], randomBytes }), ...change };
}

/** A receiver at the end of its link, and what it has said. */
class Member {
  readonly got = new Map<number, Uint8Array>();
  readonly beginnings = new Map<number, Uint8Array>();
  readonly lost = new Set<number>();
  readonly session: ReceiverSession;
  readonly link: SimulatedLink;
  ended: EndReason | undefined;
  endedMs = Infinity;
  /** Decides over whole rows: what a kernel hands on as one is lost as one. */
  rowIsLost: (row: number) => boolean = () => false;
  #row = 0;

  constructor(room: Room, conditions: LinkConditions, options: { wanted?: PieceSet; maxBufferedBytes?: number } = {}) {
    this.link = new SimulatedLink(room.clock, new LinkPlan(conditions));
    this.session = new ReceiverSession({
      plan: room.plan,
      pieceCount: PIECES,
      wanted: options.wanted ?? PieceSet.full(PIECES),
      maxStreamBytes: () => 2_000_000,
      maxBufferedBytes: options.maxBufferedBytes,
      random: seededRandom(conditions.seed + 1000),
      nowMs: room.clock.now(),
      events: {
        onPiece: (piece, stream) => {
          expect(this.got.has(piece)).toBe(false);
          this.got.set(piece, stream);
        },
        onBeginning: (piece, stream) => void this.beginnings.set(piece, stream),
        onLost: (pieces) => {
          for (const piece of pieces) this.lost.add(piece);
        },
        onReport: (packet) => room.report(packet),
        onEnd: (reason) => {
          this.ended = reason;
          this.endedMs = room.clock.now();
        },
      },
    });
  }

  hear(bytes: Uint8Array, length: number, clock: FakeClock): void {
    if (this.rowIsLost(this.#row++)) return;
    for (let at = 0; at < length; at += PACKET_BYTES)
      this.link.send(bytes.subarray(at, Math.min(at + PACKET_BYTES, length)), (packet) =>
        this.session.receive(packet, 0, packet.length, clock.now()),
      );
  }

  /** Every piece is either here as it was sent, or was said to be lost. */
  check(): void {
    for (const [piece, stream] of this.got) expect(Buffer.compare(stream, streams[piece] ?? new Uint8Array())).toBe(0);
    for (const [piece, stream] of this.beginnings) {
      expect(Buffer.compare(stream, (streams[piece] ?? new Uint8Array()).subarray(0, stream.length))).toBe(0);
      expect(this.lost.has(piece)).toBe(true);
    }
    for (const piece of this.lost) expect(this.got.has(piece)).toBe(false);
  }
}

/** A sender and its receivers on a clock of their own. */
class Room {
  readonly clock = new FakeClock();
  readonly plan: MulticastPlan;
  readonly sender: SenderSession;
  readonly members: Member[] = [];
  reports = 0;

  constructor(plan: MulticastPlan = planWith()) {
    this.plan = plan;
    this.sender = new SenderSession(plan, PIECES);
  }

  join(conditions: LinkConditions, options?: ConstructorParameters<typeof Member>[2]): Member {
    const member = new Member(this, conditions, options);
    this.members.push(member);
    return member;
  }

  report(packet: Uint8Array): void {
    this.reports += 1;
    const copy = packet.slice();
    this.clock.setTimer(1, () => this.sender.receive(copy, 0, copy.length, this.clock.now()));
  }

  /** Until the sender is done and all have heard so, or for `mostMs`. */
  run(mostMs = 60_000): void {
    const untilMs = this.clock.now() + mostMs;
    for (let done = false; !done && this.clock.now() < untilMs;) {
      for (const piece of this.sender.toRead()) this.sender.supply(piece, streams[piece] ?? new Uint8Array());
      const step = this.sender.next(this.clock.now());
      if (step.kind === "done") done = true;
      else if (step.kind === "send") {
        for (const member of this.members) member.hear(this.sender.buffer, step.length, this.clock);
      } else this.clock.advance(Math.max(0.1, Math.min(step.untilMs - this.clock.now(), 5)));
      for (const member of this.members) member.session.tick(this.clock.now());
    }
  }
}

const everything = Array.from({ length: PIECES }, (_unused, piece) => piece);

test("without losses everybody gets everything once, and nobody reports", () => {
  const room = new Room();
  const members = [1, 2, 3].map((seed) => room.join({ seed }));
  room.sender.begin();
  room.run();
  for (const member of members) {
    expect([...member.got.keys()]).toEqual(everything);
    expect(member.ended).toBe("complete");
    expect(member.session.stats).toMatchObject({ lost: 0, duplicates: 0, reports: 0, bufferedBytes: 0 });
    member.check();
  }
  expect(room.reports).toBe(0);
  expect(room.sender.stats(room.clock.now())).toMatchObject({ parityPackets: 0, repairPackets: 0, piecesSent: PIECES });
});

test("the rate is kept: every packet counts with its headers", () => {
  const room = new Room(planWith({ rate: 100e6 }));
  const member = room.join({ seed: 1 });
  room.sender.begin();
  room.run();
  const { packetsSent } = room.sender.stats(0);
  const idealMs = (packetsSent * (PACKET_BYTES + 42) * 8) / 100e3;
  expect(member.endedMs / idealMs).toBeGreaterThan(0.95);
  expect(member.endedMs / idealMs).toBeLessThan(1.02);
});

describe.each([
  [0.001, 1],
  [0.01, 2],
  [0.03, 3],
])("with %d of all packets lost, some twice and some overtaken, seed %d", (dropRate, seed) => {
  const room = new Room();
  const members = Array.from({ length: 8 }, (_unused, index) =>
    room.join({ seed: seed * 100 + index, dropRate, duplicateRate: 0.01, reorderRate: 0.01 }),
  );
  // All of them hear that there is a sender, or the first packet's loss would look as if they were late.
  room.run(500);
  room.sender.begin();
  room.run();

  test("everybody gets everything", () => {
    for (const member of members) {
      member.check();
      expect([...member.got.keys()].toSorted((a, b) => a - b)).toEqual(everything);
      expect(member.ended).toBe("complete");
    }
  });

  test("the link carries little more", () => {
    const { packetsSent, parityPackets, repairPackets } = room.sender.stats(0);
    const needed = packetsSent - parityPackets - repairPackets;
    // Whatever one of them loses goes to all; parity keeps it below the sum.
    expect(packetsSent / needed).toBeLessThan(1 + Math.min(8 * dropRate, 0.1 + 6 * dropRate) + 0.03);
  });
});

test("when many lose packets, parity brings most of them back", () => {
  const room = new Room(planWith({ rate: 40e6 }));
  for (let seed = 1; seed <= 16; seed++) room.join({ seed, dropRate: 0.01 });
  room.sender.begin();
  room.run();
  const { parityPackets, repairPackets, packetsSent } = room.sender.stats(0);
  expect(parityPackets).toBeGreaterThan(0);
  for (const { session } of room.members) expect(session.stats.rescued).toBeGreaterThan(session.stats.repaired);
  expect((parityPackets + repairPackets) / packetsSent).toBeLessThan(0.15);
});

test("whole rows that are lost come back", () => {
  const room = new Room();
  const members = [1, 2, 3, 4].map((seed) => {
    const member = room.join({ seed });
    const random = seededRandom(seed);
    member.rowIsLost = () => random() < 0.02;
    return member;
  });
  room.sender.begin();
  room.run();
  for (const member of members) {
    member.check();
    expect(member.got.size).toBe(PIECES);
  }
});

test("who joins late gets the rest, and hears at once what he missed", () => {
  const room = new Room();
  const first = room.join({ seed: 1 });
  room.sender.begin();
  room.run(120);
  const late = room.join({ seed: 2, dropRate: 0.01 });
  room.run(40);
  const missed = [...late.lost];
  expect(missed.length).toBeGreaterThan(0);
  expect(late.session.hasEnded).toBe(false);
  room.run();
  late.check();
  expect(first.got.size).toBe(PIECES);
  expect([...late.lost]).toEqual(missed);
  expect(late.got.size + late.lost.size).toBe(PIECES);
  expect(late.ended).toBe("complete");
});

test("who joins after the end is told so at once", () => {
  const room = new Room();
  room.join({ seed: 1 });
  room.sender.begin();
  room.run(600);
  const late = room.join({ seed: 2 });
  room.run();
  expect(late.ended).toBe("closed");
  expect(late.lost.size).toBe(PIECES);
});

test("who loses too much drops out, and costs the others little", () => {
  const room = new Room(planWith({ rate: 10e6 }));
  const good = room.join({ seed: 1 });
  const slow = room.join({ seed: 2, dropRate: 0.3 });
  room.sender.begin();
  room.run();
  expect(slow.ended).toBe("slow");
  slow.check();
  expect(slow.got.size + slow.lost.size).toBe(PIECES);
  expect(good.got.size).toBe(PIECES);
  const { packetsSent, repairPackets } = room.sender.stats(0);
  expect(repairPackets / packetsSent).toBeLessThan(0.34);
});

test("silence ends it after five seconds, at the beginning and on the way", () => {
  const room = new Room(planWith({ rate: 5e6 }));
  const deaf = room.join({ seed: 1, dropRate: 1 });
  const cut = room.join({ seed: 2 });
  room.sender.begin();
  room.run(2000);
  cut.rowIsLost = () => true;
  room.run(3100);
  expect(deaf.ended).toBe("silent");
  expect(deaf.lost.size).toBe(PIECES);
  expect(cut.ended).toBeUndefined();
  room.run(2200);
  expect(cut.ended).toBe("silent");
  expect(cut.got.size + cut.lost.size).toBe(PIECES);
  expect(cut.got.size).toBeGreaterThan(0);
  cut.check();
});

test("a sender that waits for its receivers is heard, and begins when it is told to", () => {
  const room = new Room();
  const member = room.join({ seed: 1, dropRate: 0.2 });
  room.run(12_000);
  expect(member.ended).toBeUndefined();
  expect(member.got.size).toBe(0);
  member.rowIsLost = () => false;
  room.sender.begin();
  room.run(1000);
  expect(member.got.size).toBeGreaterThan(0);
});

test("a sender that is stopped says goodbye: the rest is lost at once", () => {
  const room = new Room(planWith({ rate: 20e6 }));
  const member = room.join({ seed: 1 });
  room.sender.begin();
  room.run(500);
  room.sender.stop();
  room.run(300);
  expect(member.ended).toBe("closed");
  expect(member.got.size + member.lost.size).toBe(PIECES);
  expect(member.beginnings.size).toBe(1);
  member.check();
});

test("what is held already is not put together, and not asked for", () => {
  const room = new Room();
  const wanted = new PieceSet(PIECES);
  for (const piece of [3, 7, 14]) wanted.add(piece);
  const member = room.join({ seed: 5, dropRate: 0.05 }, { wanted });
  room.sender.begin();
  room.run();
  member.check();
  expect([...member.got.keys(), ...member.lost].toSorted((a, b) => a - b)).toEqual([3, 7, 14]);
  const { repairPackets } = room.sender.stats(0);
  expect(repairPackets).toBeLessThan(member.session.stats.lost * 0.6);
});

test("pieces that were had otherwise are neither delivered nor lost", () => {
  const room = new Room(planWith({ rate: 20e6 }));
  const member = room.join({ seed: 1 });
  member.session.forget(4);
  room.sender.begin();
  room.run(200);
  member.session.forget(20);
  room.run();
  expect(member.got.size + member.lost.size).toBe(PIECES - 2);
  expect(member.lost.size).toBe(0);
});

test("the buffers of incomplete pieces are bounded", () => {
  const room = new Room();
  const member = room.join({ seed: 3, dropRate: 0.02 }, { maxBufferedBytes: 3_000_000 });
  room.sender.begin();
  for (let slice = 0; slice < 200 && member.ended === undefined; slice++) {
    room.run(20);
    expect(member.session.stats.bufferedBytes).toBeLessThanOrEqual(3_000_000);
  }
  room.run();
  member.check();
  expect(member.got.size + member.lost.size).toBe(PIECES);
});

describe("hostile packets", () => {
  const plan = planWith();
  const codec = new PacketCodec(plan.session, keyOf(plan));
  const data = { kind: PacketKind.data, flags: 0, sequence: 0, piece: 0, offset: 0, total: 1 };

  function packet(header: Parameters<PacketCodec["encode"]>[0], payloadBytes = PAYLOAD_BYTES): Uint8Array {
    const bytes = new Uint8Array(HEADER_BYTES + payloadBytes + MAC_BYTES);
    codec.encode(header, payloadBytes, new DataView(bytes.buffer), 0);
    return bytes;
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
        expect(member.session.receive(sender.buffer, at, PACKET_BYTES, 0)).toBe(false);
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
    const report = (sequence: number, first: number, count: number): Uint8Array => {
      const bytes = new Uint8Array(HEADER_BYTES + 8 + MAC_BYTES);
      const view = new DataView(bytes.buffer);
      encodeRanges([{ first, count }], view, HEADER_BYTES);
      codec.encode({ ...data, kind: PacketKind.report, piece: 9, sequence, total: 0 }, 8, view, 0);
      return bytes;
    };
    const receive = (bytes: Uint8Array): void => room.sender.receive(bytes, 0, bytes.length, 100);
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
