import type { Ticket } from "./identity/ticket.ts";
import {
  EXPEL_AFTER_BANS,
  MAX_SILENCE_MS,
  MAX_INTRODUCTIONS,
  MAX_SWARM_MEMBERS,
  REPORT_AFTER_MS,
  REPORT_AFTER_MS_PER_MEMBER,
  SILENT_REPORTS,
  TICKET_LIFE_MS,
} from "./node/limits.ts";
import type {
  BanReason,
  JoinAnswer,
  JoinRequest,
  PeerAddress,
  PeerContact,
  ReportAnswer,
  ReportRequest,
  TrackerClient,
} from "./node/tracker-client.ts";
import { type Introduction, Tracker } from "./tracker.ts";

/** Who speaks to the tracker, as the server knows it and not as it says itself. */
export interface TrackedPeer {
  /** SHA-256 of the public key that its connection showed. */
  readonly fingerprint: string;
  /** Where its request comes from. */
  readonly address: string;
  readonly site: string;
  readonly switchName?: string | undefined;
  /** A seed of the server's own; others cannot have it expelled. */
  readonly isTrusted?: boolean | undefined;
}

/** Something that people may want to know of a swarm. */
export type TrackerEvent =
  | { readonly kind: "joined" | "left" | "silent"; readonly swarm: string; readonly fingerprint: string }
  | {
      readonly kind: "banned";
      readonly swarm: string;
      readonly fingerprint: string;
      readonly by: string;
      readonly reason: BanReason;
    }
  | { readonly kind: "expelled"; readonly swarm: string; readonly fingerprint: string };

/** A member of a swarm as its last report has it. */
export interface MemberStatus {
  readonly fingerprint: string;
  readonly address: string;
  readonly site: string;
  readonly heldPieces: number;
  readonly isComplete: boolean;
  readonly neighbours: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Milliseconds since 1970. */
  readonly heardAt: number;
}

/** What the service needs. */
export interface TrackerServiceOptions {
  readonly random: () => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signTicket: (ticket: Ticket) => Uint8Array;
  readonly onEvent?: ((event: TrackerEvent) => void) | undefined;
}

interface Entry {
  readonly id: number;
  readonly peer: TrackedPeer;
  readonly addresses: readonly PeerAddress[];
  /** Introductions that it has not been told of. */
  readonly waiting: Map<number, PeerContact>;
  ticketExpiresMs: number;
  status: MemberStatus;
}

/** Answers the peers of all swarms. Keeps nothing that must not be lost: after a restart the peers hear that they are unknown, and join again. */
export class TrackerService {
  readonly #options: TrackerServiceOptions;
  readonly #swarms = new Map<string, Swarm>();

  constructor(options: TrackerServiceOptions) {
    this.#options = options;
  }

  /** A peer joins, or joins again. */
  join(swarm: string, peer: TrackedPeer, request: JoinRequest): JoinAnswer {
    let found = this.#swarms.get(swarm);
    if (found === undefined) {
      found = new Swarm(swarm, this.#options);
      this.#swarms.set(swarm, found);
    }
    return found.join(peer, request);
  }

  /** A peer reports. */
  report(swarm: string, peer: TrackedPeer, request: ReportRequest): ReportAnswer {
    return this.#swarms.get(swarm)?.report(peer, request) ?? { state: "unknown" };
  }

  /** A peer goes. Nothing happens when it is not known. */
  leave(swarm: string, fingerprint: string): void {
    this.#swarms.get(swarm)?.leave(fingerprint, "left");
    this.#forgetEmpty();
  }

  /** Lets go of peers that have been silent for long. To be called every few seconds. */
  sweep(): void {
    for (const swarm of this.#swarms.values()) swarm.sweep();
    this.#forgetEmpty();
  }

  /** The members of a swarm; empty for one that does not exist. */
  membersOf(swarm: string): readonly MemberStatus[] {
    return this.#swarms.get(swarm)?.members() ?? [];
  }

  /** Manifest ids of the swarms that have members. */
  get swarms(): readonly string[] {
    return [...this.#swarms.keys()];
  }

  /** The way to this tracker for a peer in the same process. */
  clientFor(swarm: string, peer: TrackedPeer): TrackerClient {
    return {
      join: async (request) => this.join(swarm, peer, request),
      report: async (request) => this.report(swarm, peer, request),
      leave: async () => this.leave(swarm, peer.fingerprint),
    };
  }

  #forgetEmpty(): void {
    for (const [id, swarm] of this.#swarms) if (swarm.isForgettable) this.#swarms.delete(id);
  }
}

class Swarm {
  readonly #id: string;
  readonly #options: TrackerServiceOptions;
  readonly #tracker: Tracker;
  readonly #members = new Map<string, Entry>();
  readonly #byId = new Map<number, Entry>();
  /** Who has banned each peer. */
  readonly #bannedBy = new Map<string, Set<string>>();
  #nextId = 1;

  constructor(id: string, options: TrackerServiceOptions) {
    this.#id = id;
    this.#options = options;
    this.#tracker = new Tracker(options.random);
  }

  /** Nobody is in it, and nobody has to be kept out. */
  get isForgettable(): boolean {
    return this.#members.size === 0 && this.#bannedBy.size === 0;
  }

  join(peer: TrackedPeer, request: JoinRequest): JoinAnswer {
    const { fingerprint } = peer;
    if (this.#isExpelled(fingerprint)) return { state: "refused", reason: "expelled" };
    const before = this.#members.get(fingerprint);
    const hasMoved = before?.peer.site !== peer.site || before.peer.switchName !== peer.switchName;
    if (before !== undefined && hasMoved) this.#remove(before);
    if (hasMoved && this.#members.size >= MAX_SWARM_MEMBERS) return { state: "refused", reason: "full" };
    const entry = this.#enter(hasMoved ? this.#nextId++ : before.id, peer, request);
    const { id } = entry;
    if (hasMoved) {
      const { site, switchName } = peer;
      const member = { id, site, isSeed: request.isComplete };
      this.#introduce(this.#tracker.join(switchName === undefined ? member : { ...member, switchName }));
    } else this.#introduceAgain(entry);
    if (before === undefined) this.#tell("joined", fingerprint);
    return { state: "joined", ticket: this.#ticket(entry), ...this.#news(entry) };
  }

  report(peer: TrackedPeer, request: ReportRequest): ReportAnswer {
    const { fingerprint } = peer;
    if (this.#isExpelled(fingerprint)) return { state: "refused", reason: "expelled" };
    const entry = this.#members.get(fingerprint);
    if (entry === undefined) return { state: "unknown" };
    const { bans, ...facts } = request;
    const now = this.#options.now();
    entry.status = { ...entry.status, ...facts, heardAt: now };
    for (const ban of bans) this.#ban(entry, ban.fingerprint, ban.reason);
    const isTicketOld = entry.ticketExpiresMs - now < TICKET_LIFE_MS / 2;
    return { state: "known", ...(isTicketOld ? { ticket: this.#ticket(entry) } : {}), ...this.#news(entry) };
  }

  leave(fingerprint: string, kind: "left" | "silent"): void {
    const entry = this.#members.get(fingerprint);
    if (entry === undefined) return;
    this.#remove(entry);
    this.#tell(kind, fingerprint);
  }

  sweep(): void {
    const latest = this.#options.now() - Math.min(this.#reportAfterMs() * SILENT_REPORTS, MAX_SILENCE_MS);
    for (const [fingerprint, { status }] of this.#members) {
      if (status.heardAt < latest) this.leave(fingerprint, "silent");
    }
  }

  members(): MemberStatus[] {
    return [...this.#members.values()].map(({ status }) => status);
  }

  #enter(id: number, peer: TrackedPeer, request: JoinRequest): Entry {
    const { fingerprint, address, site } = peer;
    const { port, hosts, heldPieces, isComplete } = request;
    const entry: Entry = {
      id,
      peer,
      addresses: [...new Set([address, ...hosts])].map((host) => ({ host, port })),
      waiting: new Map(),
      ticketExpiresMs: 0,
      status: {
        fingerprint,
        address,
        site,
        heldPieces,
        isComplete,
        neighbours: 0,
        sentBytes: 0,
        receivedBytes: 0,
        heardAt: this.#options.now(),
      },
    };
    this.#members.set(fingerprint, entry);
    this.#byId.set(id, entry);
    return entry;
  }

  #remove(entry: Entry): void {
    this.#members.delete(entry.peer.fingerprint);
    this.#byId.delete(entry.id);
    for (const other of this.#members.values()) other.waiting.delete(entry.id);
    this.#introduce(this.#tracker.leave(entry.id));
  }

  /** Both sides are told: the one hears of it first, and where it cannot reach the other, the other may reach it. */
  #introduce(introductions: readonly Introduction[]): void {
    for (const { a, b, isRemote } of introductions) {
      const [one, other] = [this.#byId.get(a), this.#byId.get(b)];
      if (one === undefined || other === undefined) continue;
      one.waiting.set(b, contactOf(other, isRemote));
      other.waiting.set(a, contactOf(one, isRemote));
    }
  }

  /** It has started anew where it was: the links stay, but it has forgotten them, and its addresses may be others. */
  #introduceAgain({ id: a, peer }: Entry): void {
    const others = this.#tracker.neighboursOf(a).map((b) => this.#byId.get(b));
    this.#introduce(
      others.flatMap((other) =>
        other === undefined ? [] : [{ a, b: other.id, isRemote: other.peer.site !== peer.site }],
      ),
    );
  }

  #news(entry: Entry): { neighbours: PeerContact[]; gatewayPlace?: number; reportAfterMs: number } {
    const told = [...entry.waiting].slice(0, MAX_INTRODUCTIONS);
    for (const [id] of told) entry.waiting.delete(id);
    const neighbours = told.map(([, contact]) => contact);
    const gatewayPlace = this.#tracker.gatewayPlaceOf(entry.id);
    const reportAfterMs = this.#reportAfterMs();
    return { neighbours, reportAfterMs, ...(gatewayPlace === undefined ? {} : { gatewayPlace }) };
  }

  #ticket(entry: Entry): string {
    const { id: peer } = entry;
    const expiresMs = this.#options.now() + TICKET_LIFE_MS;
    entry.ticketExpiresMs = expiresMs;
    const { fingerprint } = entry.peer;
    return this.#options.signTicket({ swarm: this.#id, peer, fingerprint, expiresMs }).toBase64();
  }

  #ban(by: Entry, fingerprint: string, reason: BanReason): void {
    const banned = this.#members.get(fingerprint);
    if (banned === undefined || banned === by) return;
    const { onEvent } = this.#options;
    onEvent?.({ kind: "banned", swarm: this.#id, fingerprint, by: by.peer.fingerprint, reason });
    if (banned.peer.isTrusted === true) return;
    const reporters = this.#bannedBy.get(fingerprint) ?? new Set();
    this.#bannedBy.set(fingerprint, reporters.add(by.peer.fingerprint));
    if (reporters.size !== EXPEL_AFTER_BANS) return;
    this.#remove(banned);
    this.#tell("expelled", fingerprint);
  }

  #isExpelled(fingerprint: string): boolean {
    return (this.#bannedBy.get(fingerprint)?.size ?? 0) >= EXPEL_AFTER_BANS;
  }

  /** A large swarm reports more rarely, so that the tracker has the same work with any. */
  #reportAfterMs(): number {
    return Math.min(
      REPORT_AFTER_MS + Math.round(this.#members.size * REPORT_AFTER_MS_PER_MEMBER),
      MAX_SILENCE_MS / 2.5,
    );
  }

  #tell(kind: "joined" | "left" | "silent" | "expelled", fingerprint: string): void {
    this.#options.onEvent?.({ kind, swarm: this.#id, fingerprint });
  }
}

function contactOf({ peer, addresses }: Entry, isRemote: boolean): PeerContact {
  return { fingerprint: peer.fingerprint, addresses, isRemote };
}
