import { seededRandom } from "@ingot/testkit/link";
import { describe, expect, test } from "vitest";
import { PIECES, planWith, Room } from "../../test/multicast-room.ts";
import { PieceSet } from "../piece-set.ts";
import { PACKET_BYTES } from "./limits.ts";

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
  // The first two blocks go without: nobody knows yet.
  for (const { session } of room.members) expect(session.stats.rescued).toBeGreaterThan(session.stats.lost / 3);
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

test("a sender that waits for a number of receivers begins when so many hear it, and not with fewer", () => {
  const room = new Room(planWith(), 3);
  const first = [1, 2].map((seed) => room.join({ seed }));
  room.run(1000);
  expect(room.reports).toBe(2);
  expect(room.sender.stats(0).packetsSent).toBe(0);
  const third = room.join({ seed: 3 });
  room.run(100);
  expect(room.sender.stats(0).packetsSent).toBeGreaterThan(0);
  room.run();
  for (const member of [...first, third]) {
    member.check();
    expect(member.got.size).toBe(PIECES);
  }
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
