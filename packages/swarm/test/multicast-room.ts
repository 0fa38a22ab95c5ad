import { FakeClock, LinkPlan, seededRandom, SimulatedLink } from "@ingot/testkit/link";
import type { LinkConditions } from "@ingot/testkit/link";
import { expect } from "vitest";
import { PACKET_BYTES, PAYLOAD_BYTES } from "../src/multicast/limits.ts";
import { PacketMemory } from "../src/multicast/packet.ts";
import { createMulticastPlan } from "../src/multicast/plan.ts";
import type { MulticastPlan } from "../src/multicast/plan.ts";
import type { EndReason } from "../src/multicast/receiver.ts";
import { ReceiverSession } from "../src/multicast/receiver.ts";
import { SenderSession } from "../src/multicast/sender.ts";
import { PieceSet } from "../src/piece-set.ts";

/** Pieces of the image that the room's sender has. */
export const PIECES = 24;

/** Pieces of odd sizes, from one byte to more than a block. */
function pieceStream(piece: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(piece + 1);
  const length = [1, PAYLOAD_BYTES, PAYLOAD_BYTES + 1, 200_000, 1_400_000][piece % 5] ?? 1;
  return Uint8Array.from({ length }, () => random() * 256);
}
const streams = Array.from({ length: PIECES }, (_unused, piece) => pieceStream(piece));

/** A plan from a seed. */
export function planWith(change: Partial<MulticastPlan> = {}): MulticastPlan {
  const random = seededRandom(77);
  const randomBytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => random() * 256);
  return {
    ...createMulticastPlan({ rate: 200e6, order: [{ first: 0, end: PIECES }], random: randomBytes }),
    ...change,
  };
}

/** A receiver at the end of its link, and what it has said. */
export class Member {
  readonly got: Map<number, Uint8Array> = new Map<number, Uint8Array>();
  readonly beginnings: Map<number, Uint8Array> = new Map<number, Uint8Array>();
  readonly lost: Set<number> = new Set<number>();
  readonly session: ReceiverSession;
  readonly link: SimulatedLink;
  ended: EndReason | undefined;
  endedMs: number = Infinity;
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
          this.session.release(stream.length);
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
        this.session.receive(new PacketMemory(Uint8Array.from(packet)), 0, packet.length, clock.now()),
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
export class Room {
  readonly clock: FakeClock = new FakeClock();
  readonly plan: MulticastPlan;
  readonly sender: SenderSession;
  readonly members: Member[] = [];
  reports = 0;

  constructor(plan: MulticastPlan = planWith(), awaited?: number) {
    this.plan = plan;
    this.sender = new SenderSession(plan, PIECES, awaited);
  }

  join(conditions: LinkConditions, options?: ConstructorParameters<typeof Member>[2]): Member {
    const member = new Member(this, conditions, options);
    this.members.push(member);
    return member;
  }

  report(packet: Uint8Array): void {
    this.reports += 1;
    const copy = new PacketMemory(Uint8Array.from(packet));
    this.clock.setTimer(1, () => this.sender.receive(copy, 0, packet.length, this.clock.now()));
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
