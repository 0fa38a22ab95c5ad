import type { Ticket } from "./identity/ticket.ts";
import { ASSUMED_UPLOAD_RATE, MAX_NEIGHBOURS, SEEDS_PER_PEER } from "./limits.ts";
import {
  EXPEL_AFTER_BANS,
  MAX_INTRODUCTIONS,
  MAX_SILENCE_MS,
  MAX_SWARM_MEMBERS,
  REPORT_AFTER_MS,
  REPORT_AFTER_MS_PER_MEMBER,
  SILENT_REPORTS,
  TICKET_LIFE_MS,
} from "./node/limits.ts";
import type {
  BanReason,
  BanReport,
  JoinAnswer,
  JoinRequest,
  PeerAddress,
  PeerContact,
  ReportAnswer,
  ReportRequest,
  SourceReport,
} from "./node/tracker-client.ts";
import { SourceRecords, type SourceStanding } from "./source-records.ts";
import { chooseSeed, scoreSeed, type SeedCandidate, slowSeeds } from "./seeds.ts";
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
      readonly piece?: number | undefined;
    }
  | { readonly kind: "expelled"; readonly swarm: string; readonly fingerprint: string }
  /** It has stopped to give anything: its receivers were given others. */
  | {
      readonly kind: "replaced";
      readonly swarm: string;
      readonly fingerprint: string;
      readonly by: readonly string[];
    };

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
  /** What it is worth as a source. */
  readonly source: SourceStatus;
}

/** What was measured of a member as a source. */
export interface SourceStatus {
  readonly standing: SourceStanding;
  /** Part of its upload slots that is in use, 0 to 1. */
  readonly load: number;
  /** Members that it is introduced to and that lack something. */
  readonly receivers: number;
  /** Bytes per second at which one request was answered. The three are absent while nothing came from it. */
  readonly uploadRate?: number | undefined;
  readonly latencyMs?: number | undefined;
  /** Seconds in which one more request for 4 MiB would be answered. */
  readonly score?: number | undefined;
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
  status: Omit<MemberStatus, "source">;
  /** It was found to have stalled, and others were given to its receivers. */
  isStalled: boolean;
}

/** The members of one swarm: who they are, whom they were introduced to, and what they are worth as sources. */
export class TrackedSwarm {
  readonly #id: string;
  readonly #options: TrackerServiceOptions;
  readonly #tracker: Tracker;
  readonly #sources = new SourceRecords();
  #slow: ReadonlySet<number> = new Set();
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
      if (!request.isComplete) this.#introduceToSeeds(entry);
    } else this.#introduceAgain(entry);
    if (before === undefined) this.#tell("joined", fingerprint);
    return { state: "joined", ticket: this.#ticket(entry), ...this.#news(entry) };
  }

  report(peer: TrackedPeer, request: ReportRequest): ReportAnswer {
    const { fingerprint } = peer;
    if (this.#isExpelled(fingerprint)) return { state: "refused", reason: "expelled" };
    const entry = this.#members.get(fingerprint);
    if (entry === undefined) return { state: "unknown" };
    const { bans, sources, uploads, uploadSlots, ...facts } = request;
    const now = this.#options.now();
    entry.status = { ...entry.status, ...facts, heardAt: now };
    this.#sources.busy(entry.id, uploads, uploadSlots);
    for (const source of sources) this.#learn(entry, source, now);
    for (const ban of bans) this.#ban(entry, ban);
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
    const seeds = [...this.#members.values()].filter(({ status }) => status.isComplete);
    this.#slow = slowSeeds(seeds.flatMap(({ id }) => this.#sources.factsOf(id) ?? []));
    this.#tracker.setSlow(this.#slow);
  }

  members(): MemberStatus[] {
    return [...this.#members.values()].map((entry) => ({ ...entry.status, source: this.#sourceStatus(entry) }));
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
      isStalled: false,
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
    this.#sources.forget(entry.id);
    for (const other of this.#members.values()) other.waiting.delete(entry.id);
    this.#introduce(this.#tracker.leave(entry.id));
  }

  /** A newcomer is to have good seeds of its site among its neighbours. */
  #introduceToSeeds(entry: Entry): void {
    const neighbours = new Set(this.#tracker.neighboursOf(entry.id));
    const seeds = this.#goodSources((other) => other.status.isComplete && other.peer.site === entry.peer.site);
    let wanted = SEEDS_PER_PEER - seeds.filter(({ id }) => neighbours.has(id)).length;
    for (let rest = seeds.filter(({ id }) => !neighbours.has(id)); wanted > 0 && rest.length > 0; wanted--) {
      const chosen = chooseSeed(rest.map((seed) => this.#candidate(seed)));
      if (chosen === undefined) return;
      this.#introduce(this.#tracker.relink(entry.id, chosen));
      rest = rest.filter(({ id }) => id !== chosen);
    }
  }

  /** A member says what another one was worth to it. */
  #learn(by: Entry, source: SourceReport, now: number): void {
    const entry = this.#members.get(source.fingerprint);
    if (entry === undefined || entry === by) return;
    this.#sources.told(by.id, entry.id, source, now);
    if (source.bytes > 0) entry.isStalled = false;
    else if (!entry.isStalled && this.#sources.isStalled(entry.id, this.#receiversOf(entry).length, now))
      this.#replace(entry);
  }

  /** Its receivers get another source each: of their own site, or across the line where it was across the line itself. */
  #replace(stalled: Entry): void {
    stalled.isStalled = true;
    const by = new Set<string>();
    for (const receiver of this.#receiversOf(stalled)) {
      const isNear = receiver.peer.site === stalled.peer.site;
      const neighbours = new Set(this.#tracker.neighboursOf(receiver.id));
      const candidates = this.#goodSources(
        (other) =>
          other !== receiver &&
          !neighbours.has(other.id) &&
          other.status.heldPieces > 0 &&
          (other.peer.site === receiver.peer.site) === isNear &&
          (isNear || this.#tracker.gatewayPlaceOf(other.id) !== undefined),
      );
      const chosen = chooseSeed(candidates.map((candidate) => this.#candidate(candidate)));
      if (chosen === undefined) continue;
      this.#introduce(this.#tracker.relink(receiver.id, chosen, stalled.id));
      by.add(this.#byId.get(chosen)?.peer.fingerprint ?? "");
    }
    this.#options.onEvent?.({
      kind: "replaced",
      swarm: this.#id,
      fingerprint: stalled.peer.fingerprint,
      by: [...by],
    });
  }

  /** Members that give, and have room for one more receiver. */
  #goodSources(filter: (entry: Entry) => boolean): Entry[] {
    const hasRoom = ({ id }: Entry): boolean => this.#tracker.neighboursOf(id).length < MAX_NEIGHBOURS;
    const isGood = ({ id, isStalled }: Entry): boolean => !isStalled && !this.#slow.has(id);
    const found: Entry[] = [];
    for (const entry of this.#members.values()) {
      if (filter(entry) && isGood(entry) && hasRoom(entry)) found.push(entry);
    }
    return found;
  }

  /** Who has many receivers counts as busy before they ask, so that they spread over the seeds. */
  #candidate({ id, status }: Entry): SeedCandidate {
    const unmeasured = { uploadRate: ASSUMED_UPLOAD_RATE, latencyMs: 0, load: this.#sources.loadOf(id) };
    const { uploadRate, latencyMs, load } = this.#sources.factsOf(id) ?? unmeasured;
    const promised = this.#tracker.neighboursOf(id).length / MAX_NEIGHBOURS;
    return { id, uploadRate, latencyMs, load: Math.max(load, promised), heldPieces: status.heldPieces };
  }

  #receiversOf({ id }: Entry): Entry[] {
    return this.#tracker
      .neighboursOf(id)
      .flatMap((other) => this.#byId.get(other) ?? [])
      .filter(({ status }) => !status.isComplete);
  }

  #sourceStatus(entry: Entry): SourceStatus {
    const { id, isStalled } = entry;
    const standing = isStalled ? "stalled" : this.#slow.has(id) ? "slow" : "good";
    const facts = this.#sources.factsOf(id);
    const base = { standing, load: this.#sources.loadOf(id), receivers: this.#receiversOf(entry).length } as const;
    if (facts === undefined) return base;
    const { uploadRate, latencyMs } = facts;
    return { ...base, uploadRate, latencyMs, score: scoreSeed(facts) };
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

  #ban(by: Entry, { fingerprint, reason, piece }: BanReport): void {
    const banned = this.#members.get(fingerprint);
    if (banned === undefined || banned === by) return;
    const { onEvent } = this.#options;
    onEvent?.({ kind: "banned", swarm: this.#id, fingerprint, by: by.peer.fingerprint, reason, piece });
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
