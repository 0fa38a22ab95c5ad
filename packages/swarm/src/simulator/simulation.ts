import { MIN_STALL_MS } from "../node/limits.ts";
import { GATEWAYS_PER_SITE, QUIET_AFTER_MS, TRANSFER_SLOTS } from "../limits.ts";
import { PieceSet } from "../piece-set.ts";
import { Peer } from "../peer.ts";
import { type Introduction, Tracker } from "../tracker.ts";
import { EventQueue } from "./event-queue.ts";
import { Mailboxes } from "./mailboxes.ts";
import { type Link, SimulatedNetwork } from "./network.ts";

/** A machine in a simulation. */
export interface SimulatedMachine {
  readonly site: string;
  readonly switchName?: string;
  readonly isSeed?: boolean;
  /** Bytes per second. */
  readonly upload: number;
  readonly download: number;
  /** Seconds after the start when its power is cut. */
  readonly diesAt?: number;
}

/** What is simulated. */
export interface SimulationOptions {
  readonly machines: readonly SimulatedMachine[];
  readonly pieceCount: number;
  readonly pieceBytes: number;
  /** Seconds that a message takes. */
  readonly latency: number;
  /** Seconds that a message takes between sites; as `latency` when it is not given. */
  readonly lineLatency?: number;
  /** Seconds at whose multiples peers learn what their neighbours have got meanwhile. Default `HAVE_INTERVAL`. */
  readonly haveInterval?: number;
  /** Seconds until the death of a machine is noticed. */
  readonly deathNoticedAfter: number;
  /** Bytes per second of the line of each site, per direction; a site that is not in it has no limit. */
  readonly siteRates?: ReadonlyMap<string, number>;
  readonly random: () => number;
}

/** What came out of it. Times in seconds. */
export interface SimulationResult {
  /** When each receiver that lived was complete, ascending. */
  readonly completed: readonly number[];
  /** Receivers that lived and were never complete. */
  readonly incomplete: number;
  /** Pieces sent, those that were cut off included. */
  readonly transfers: number;
  /** Pieces that crossed from one site to another. */
  readonly crossings: number;
  readonly declinedOffers: number;
}

/** As the real ones: what has come within 20 ms goes out in one message. */
const HAVE_INTERVAL = 0.02;

/** What happens, and in brackets what the numbers of the event are. */
const Happening = {
  /** The news are due, a machine loses power, a transfer ends (a deadline's id). */
  deadline: 0,
  /** An offer (from, to, suggested piece or `NO_PIECE`). */
  grant: 1,
  decline: 2,
  request: 3,
  welcome: 4,
  /** A transfer was stopped by its receiver (the receiver, who sent). */
  cancelled: 5,
  /** What a gateway has got is on its way to other sites (gateway, piece). */
  farNews: 6,
  /** Nothing is heard of an offer (who sees it, of whom). */
  offerQuiet: 7,
  /** Nothing comes of a download (who sees it, of whom, piece). */
  stalled: 8,
  /** A machine that has died is found to be dead (it). */
  deathNoticed: 9,
} as const;

const NO_PIECE = -1;

/** Ids of deadlines: the news, then one of each machine, then the transfers. */
const NEWS_ID = 0;
const FIRST_MACHINE_ID = 1;

/** Runs the swarm's own `Peer` and `Tracker` over simulated links until every receiver that lives is complete. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #events = new EventQueue(Happening.deadline);
  readonly #network: SimulatedNetwork;
  readonly #tracker: Tracker;
  readonly #peers: Peer[] = [];
  /** What each peer is about to be told. */
  readonly #news: Mailboxes;
  readonly #tell: ((from: number, piece: number) => void)[] = [];
  readonly #uplinks: Link[];
  readonly #downlinks: Link[];
  readonly #siteLinks: readonly { readonly up: Link; readonly down: Link }[];
  /** Each machine's site as a number. */
  readonly #siteOf: readonly number[];
  readonly #fastest: number;
  /** 1 for a machine without power. */
  readonly #dead: Uint8Array;
  readonly #completedAt = new Map<number, number>();
  #now = 0;
  #awaited = 0;
  #transfers = 0;
  #crossings = 0;
  #declined = 0;

  private constructor(options: SimulationOptions) {
    const { machines, siteRates, random } = options;
    this.#options = options;
    this.#network = new SimulatedNetwork(this.#events, FIRST_MACHINE_ID + machines.length);
    this.#tracker = new Tracker(random);
    this.#news = new Mailboxes(machines.length);
    this.#dead = new Uint8Array(machines.length);
    this.#fastest = machines.reduce((most, { upload, download }) => Math.max(most, upload, download), 0);
    this.#uplinks = machines.map(({ upload }) => this.#network.link(upload));
    this.#downlinks = machines.map(({ download }) => this.#network.link(download));
    const sites = [...new Set(machines.map(({ site }) => site))];
    const numbers = new Map(sites.map((site, number) => [site, number]));
    this.#siteOf = machines.map(({ site }) => numbers.get(site) as number);
    this.#siteLinks = sites.map((site) => {
      const rate = siteRates?.get(site) ?? Infinity;
      return { up: this.#network.link(rate), down: this.#network.link(rate) };
    });
  }

  static run(options: SimulationOptions): SimulationResult {
    const simulation = new Simulation(options);
    simulation.#start();
    while (simulation.#awaited > 0 && simulation.#events.pop()) simulation.#happen();
    const completed = [...simulation.#completedAt.values()].toSorted((a, b) => a - b);
    return {
      completed,
      incomplete: simulation.#awaited,
      transfers: simulation.#transfers,
      crossings: simulation.#crossings,
      declinedOffers: simulation.#declined,
    };
  }

  #start(): void {
    const { machines } = this.#options;
    for (const [id, machine] of machines.entries()) {
      const peer = this.#peer(id, machine);
      this.#peers.push(peer);
      this.#tell.push((from, piece) => peer.neighbourHas(from, piece));
      if (machine.isSeed !== true) this.#awaited++;
      if (machine.diesAt !== undefined) this.#events.setDeadline(FIRST_MACHINE_ID + id, machine.diesAt);
    }
    // Seeds wait for the others, who all have power at the same moment; but nobody is first by number.
    const order = machines
      .map(({ isSeed = false }, id) => ({ id, at: isSeed ? -1 : this.#options.random() }))
      .toSorted((a, b) => a.at - b.at);
    const links = order.flatMap(({ id }) => {
      const { site, switchName, isSeed = false } = machines[id] as SimulatedMachine;
      return this.#tracker.join({ id, site, isSeed, ...(switchName === undefined ? {} : { switchName }) });
    });
    this.#introduce(links);
  }

  #introduce(links: readonly Introduction[]): void {
    for (const { a, b, isRemote } of links) {
      if (this.#isDead(a) || this.#isDead(b)) continue;
      this.#peerOf(a).addNeighbour({ id: b, held: this.#peerOf(b).held.clone(), share: this.#share(a, isRemote) });
      this.#peerOf(b).addNeighbour({ id: a, held: this.#peerOf(a).held.clone(), share: this.#share(b, isRemote) });
    }
  }

  #share(id: number, isRemote: boolean): PieceSet | undefined {
    const place = this.#tracker.gatewayPlaceOf(id);
    if (!isRemote || place === undefined) return undefined;
    return PieceSet.every(this.#options.pieceCount, GATEWAYS_PER_SITE, place);
  }

  #peer(id: number, machine: SimulatedMachine): Peer {
    const { pieceCount, random } = this.#options;
    return new Peer({
      held: machine.isSeed === true ? PieceSet.full(pieceCount) : new PieceSet(pieceCount),
      uploadSlots: this.#slots(machine.upload),
      downloadSlots: this.#slots(machine.download),
      random,
      actions: {
        announce: (piece) => this.#announce(id, piece),
        welcome: () => {
          for (const to of this.#peerOf(id).neighbourIds) this.#send(Happening.welcome, id, to);
        },
        grant: (to, suggestion = NO_PIECE) => this.#send(Happening.grant, id, to, suggestion),
        decline: (to) => {
          this.#declined++;
          this.#send(Happening.decline, id, to);
        },
        request: (from, piece) => this.#send(Happening.request, id, from, piece),
        cancel: (from, piece) => this.#cancel(from, id, piece),
      },
    });
  }

  /** Slots by bandwidth: a slow machine with as many as the others would hold theirs for a long time. */
  #slots(rate: number): number {
    return Math.max(1, Math.round((TRANSFER_SLOTS * rate) / this.#fastest));
  }

  #send(kind: number, from: number, to: number, piece = NO_PIECE): void {
    const { latency, lineLatency = latency } = this.#options;
    this.#after(this.#siteOf[from] === this.#siteOf[to] ? latency : lineLatency, kind, from, to, piece);
  }

  #after(seconds: number, kind: number, a: number, b = 0, c = 0): void {
    this.#events.pushAfter(this.#now, seconds, kind, a, b, c);
  }

  /** The event that the queue has given out last. */
  #happen(): void {
    const { time, kind, a, b, c } = this.#events;
    this.#now = time;
    switch (kind) {
      case Happening.deadline:
        return this.#due(a);
      case Happening.grant:
        return this.#granted(a, b, c);
      case Happening.decline:
        if (!this.#isDead(b)) this.#peerOf(b).declined(a, false);
        return;
      case Happening.request:
        if (this.#isDead(b)) this.#stallLater(a, b, c);
        else this.#transfer(b, a, c);
        return;
      case Happening.welcome:
        if (!this.#isDead(b)) this.#peerOf(b).neighbourWelcomes(a);
        return;
      case Happening.cancelled:
        if (!this.#isDead(b)) this.#peerOf(b).uploaded(a);
        return;
      case Happening.farNews:
        return this.#tellNeighbours(a, b, false);
      case Happening.offerQuiet:
        if (!this.#isDead(a)) this.#peerOf(a).wentQuiet(b);
        return;
      case Happening.stalled:
        if (!this.#isDead(a)) this.#peerOf(a).failed(b, c);
        return;
      case Happening.deathNoticed:
        return this.#letGo(a);
    }
  }

  #due(id: number): void {
    if (id === NEWS_ID) {
      for (const to of this.#news.takeReceivers()) this.#deliverNews(to);
      return;
    }
    const transfer = this.#network.transfer(id);
    if (transfer === undefined) return this.#die(id - FIRST_MACHINE_ID);
    const { from, to, piece } = transfer;
    this.#network.end(this.#now, transfer);
    this.#peerOf(from).uploaded(to);
    this.#peerOf(to).received(from, piece);
  }

  #granted(from: number, to: number, suggestion: number): void {
    if (this.#isDead(to)) return this.#after(QUIET_AFTER_MS / 1000, Happening.offerQuiet, from, to);
    // An offer does not overtake what was told before it.
    this.#deliverNews(to);
    this.#peerOf(to).granted(from, suggestion === NO_PIECE ? undefined : suggestion);
  }

  /** A machine sees after a while that nothing comes of a piece. */
  #stallLater(id: number, from: number, piece: number): void {
    this.#after(MIN_STALL_MS / 1000, Happening.stalled, id, from, piece);
  }

  #announce(id: number, piece: number): void {
    const { latency, lineLatency = latency } = this.#options;
    this.#tellNeighbours(id, piece, true);
    if (this.#tracker.gatewayPlaceOf(id) !== undefined) this.#after(lineLatency, Happening.farNews, id, piece);
    if (!this.#peerOf(id).held.isFull) return;
    this.#completedAt.set(id, this.#now);
    this.#awaited--;
  }

  /** All at once at the next multiple of the interval: one peer's data stay in the processor's cache meanwhile. */
  #tellNeighbours(id: number, piece: number, areNear: boolean): void {
    if (this.#news.isEmpty) {
      const { haveInterval = HAVE_INTERVAL } = this.#options;
      this.#events.setDeadline(NEWS_ID, (Math.floor(this.#now / haveInterval) + 1) * haveInterval);
    }
    const site = this.#siteOf[id];
    for (const to of this.#peerOf(id).neighbourIds) {
      if ((this.#siteOf[to] === site) === areNear) this.#news.put(to, id, piece);
    }
  }

  #deliverNews(to: number): void {
    if (!this.#isDead(to)) this.#news.deliver(to, this.#tell[to] as (from: number, piece: number) => void);
  }

  #transfer(from: number, to: number, piece: number): void {
    // Its slot is taken until the death is noticed: the system takes some of the bytes for it.
    if (this.#isDead(to)) return;
    this.#peerOf(from).requested(to, piece);
    this.#transfers++;
    this.#network.start(this.#now, this.#path(from, to), this.#options.pieceBytes, { from, to, piece });
  }

  #path(from: number, to: number): Link[] {
    const path = [this.#uplinks[from] as Link, this.#downlinks[to] as Link];
    const [source, target] = [this.#siteOf[from] as number, this.#siteOf[to] as number];
    if (source === target) return path;
    this.#crossings++;
    for (const line of [this.#siteLinks[source]?.up, this.#siteLinks[target]?.down]) {
      if (line !== undefined && line.rate < Infinity) path.push(line);
    }
    return path;
  }

  #cancel(from: number, to: number, piece: number): void {
    const transfers = this.#uplinks[from]?.transfers ?? [];
    const transfer = transfers.find((other) => other.to === to && other.piece === piece);
    if (transfer === undefined) return;
    this.#network.end(this.#now, transfer);
    this.#send(Happening.cancelled, to, from);
  }

  #die(id: number): void {
    this.#dead[id] = 1;
    const isReceiver = this.#options.machines[id]?.isSeed !== true;
    if (isReceiver && !this.#completedAt.delete(id)) this.#awaited--;
    for (const transfer of [this.#uplinks[id], this.#downlinks[id]].flatMap((link) => link?.transfers ?? [])) {
      const { from, to, piece } = transfer;
      this.#network.end(this.#now, transfer);
      if (from === id) this.#stallLater(to, from, piece);
    }
    this.#after(this.#options.deathNoticedAfter, Happening.deathNoticed, id);
  }

  #letGo(id: number): void {
    const neighbours = this.#peerOf(id).neighbourIds;
    for (const other of neighbours) if (!this.#isDead(other)) this.#peerOf(other).removeNeighbour(id);
    this.#introduce(this.#tracker.leave(id));
  }

  #isDead(id: number): boolean {
    return this.#dead[id] === 1;
  }

  #peerOf(id: number): Peer {
    return this.#peers[id] as Peer;
  }
}
