import { GATEWAYS_PER_SITE, QUIET_AFTER_MS, TRANSFER_SLOTS } from "../limits.ts";
import { PieceSet } from "../piece-set.ts";
import { Peer } from "../peer.ts";
import { type Introduction, Tracker } from "../tracker.ts";
import { type Link, SimulatedNetwork, type Transfer } from "./network.ts";

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
  /** Seconds after which both ends of a transfer see that it stands still, and an unanswered offer is taken for one. Default `QUIET_AFTER_MS`. */
  readonly quietAfter?: number;
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

interface Running {
  readonly transfer: Transfer;
  readonly from: number;
  readonly to: number;
  readonly piece: number;
}

/** Runs the swarm's own `Peer` and `Tracker` over simulated links until every receiver that lives is complete. */
export class Simulation {
  readonly #options: SimulationOptions;
  readonly #network = new SimulatedNetwork();
  readonly #tracker: Tracker;
  readonly #peers: Peer[] = [];
  /** What each peer is about to be told: neighbour, piece, neighbour, piece, … */
  readonly #news: number[][] = [];
  #isNewsDue = false;
  readonly #uplinks: Link[];
  readonly #downlinks: Link[];
  readonly #siteLinks: ReadonlyMap<string, { up: Link; down: Link }>;
  readonly #fastest: number;
  /** 1 for a machine without power. */
  readonly #dead: Uint8Array;
  /** By who sends, who receives and the piece. */
  readonly #running = new Map<string, Running>();
  readonly #completedAt = new Map<number, number>();
  #awaited = 0;
  #transfers = 0;
  #crossings = 0;
  #declined = 0;

  private constructor(options: SimulationOptions) {
    this.#options = options;
    this.#tracker = new Tracker(options.random);
    this.#dead = new Uint8Array(options.machines.length);
    this.#fastest = options.machines.reduce((most, { upload, download }) => Math.max(most, upload, download), 0);
    this.#uplinks = options.machines.map(({ upload }) => this.#network.link(upload));
    this.#downlinks = options.machines.map(({ download }) => this.#network.link(download));
    const rates = [...(options.siteRates ?? [])];
    this.#siteLinks = new Map(
      rates.map(([site, rate]) => [site, { up: this.#network.link(rate), down: this.#network.link(rate) }]),
    );
  }

  static run(options: SimulationOptions): SimulationResult {
    const simulation = new Simulation(options);
    simulation.#start();
    simulation.#network.run(() => simulation.#awaited === 0);
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
      this.#peers.push(this.#peer(id, machine));
      this.#news.push([]);
      if (machine.isSeed !== true) this.#awaited++;
      if (machine.diesAt !== undefined) this.#network.after(machine.diesAt, () => this.#die(id));
    }
    // All have power at the same moment, but nobody is first by number.
    const order = machines.map((_, id) => ({ id, at: this.#options.random() })).toSorted((a, b) => a.at - b.at);
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
        welcome: () => this.#welcome(id),
        grant: (to, suggestion) => this.#grant(id, to, suggestion),
        decline: (to) => {
          this.#declined++;
          this.#send(id, to, (peer) => peer.declined(id));
        },
        request: (from, piece) => this.#request(from, id, piece),
        cancel: (from, piece) => this.#stop(from, id, piece),
      },
    });
  }

  /** Slots by bandwidth: a slow machine with as many as the others would hold theirs for a long time. */
  #slots(rate: number): number {
    return Math.max(1, Math.round((TRANSFER_SLOTS * rate) / this.#fastest));
  }

  /** Delivers a message, unless its receiver has died. */
  #send(from: number, to: number, deliver: (peer: Peer) => void): void {
    this.#network.after(this.#latency(from, to), () => {
      if (!this.#isDead(to)) deliver(this.#peerOf(to));
    });
  }

  #latency(from: number, to: number): number {
    const { machines, latency, lineLatency = latency } = this.#options;
    return machines[from]?.site === machines[to]?.site ? latency : lineLatency;
  }

  #grant(from: number, to: number, suggestion: number | undefined): void {
    this.#network.after(this.#latency(from, to), () => {
      if (this.#isDead(to)) {
        this.#afterQuiet(from, (peer) => peer.wentQuiet(to));
        return;
      }
      // An offer does not overtake what was told before it.
      this.#deliverNews(to);
      this.#peerOf(to).granted(from, suggestion);
    });
  }

  #request(from: number, to: number, piece: number): void {
    this.#network.after(this.#latency(from, to), () => {
      if (this.#isDead(from)) this.#afterQuiet(to, (peer) => peer.stalled(from, piece));
      else this.#transfer(from, to, piece);
    });
  }

  /** What a living machine sees of one that has died. */
  #afterQuiet(id: number, see: (peer: Peer) => void): void {
    const { quietAfter = QUIET_AFTER_MS / 1000 } = this.#options;
    this.#network.after(quietAfter, () => {
      if (!this.#isDead(id)) see(this.#peerOf(id));
    });
  }

  #welcome(id: number): void {
    for (const to of this.#peerOf(id).neighbourIds) this.#send(id, to, (peer) => peer.neighbourWelcomes(id));
  }

  #announce(id: number, piece: number): void {
    const { machines, latency, lineLatency = latency } = this.#options;
    const ids = this.#peerOf(id).neighbourIds;
    const site = machines[id]?.site;
    const tell = (isNear: boolean): void => {
      for (const to of ids) if ((machines[to]?.site === site) === isNear) this.#news[to]?.push(id, piece);
      if (!this.#isNewsDue) this.#awaitNews();
    };
    tell(true);
    if (this.#tracker.gatewayPlaceOf(id) !== undefined) this.#network.after(lineLatency, () => tell(false));
    if (!this.#peerOf(id).held.isFull) return;
    this.#completedAt.set(id, this.#network.now);
    this.#awaited--;
  }

  /** All at once at the next multiple of the interval: one peer's data stay in the processor's cache meanwhile. */
  #awaitNews(): void {
    this.#isNewsDue = true;
    const { haveInterval = HAVE_INTERVAL } = this.#options;
    const { now } = this.#network;
    this.#network.at((Math.floor(now / haveInterval) + 1) * haveInterval, () => {
      this.#isNewsDue = false;
      for (const to of this.#news.keys()) this.#deliverNews(to);
    });
  }

  #deliverNews(to: number): void {
    const news = this.#news[to] as number[];
    if (news.length === 0) return;
    this.#news[to] = [];
    if (this.#isDead(to)) return;
    const peer = this.#peerOf(to);
    for (let i = 0; i < news.length; i += 2) peer.neighbourHas(news[i] as number, news[i + 1] as number);
  }

  #transfer(from: number, to: number, piece: number): void {
    if (this.#isDead(to)) {
      this.#afterQuiet(from, (peer) => peer.wentQuiet(to));
      return;
    }
    this.#peerOf(from).requested(to, piece);
    this.#transfers++;
    const key = keyOf(from, to, piece);
    const transfer = this.#network.start(this.#path(from, to), this.#options.pieceBytes, () => {
      this.#running.delete(key);
      this.#peerOf(from).uploaded(to);
      this.#peerOf(to).received(from, piece);
    });
    this.#running.set(key, { transfer, from, to, piece });
  }

  #path(from: number, to: number): Link[] {
    const [source, target] = [this.#options.machines[from], this.#options.machines[to]];
    const path = [this.#uplinks[from], this.#downlinks[to]];
    if (source?.site !== target?.site) {
      this.#crossings++;
      path.push(this.#siteLinks.get(source?.site ?? "")?.up, this.#siteLinks.get(target?.site ?? "")?.down);
    }
    return path.filter((link) => link !== undefined);
  }

  #stop(from: number, to: number, piece: number): void {
    const running = this.#running.get(keyOf(from, to, piece));
    if (running === undefined) return;
    this.#running.delete(keyOf(from, to, piece));
    this.#network.cancel(running.transfer);
    this.#send(to, from, (peer) => peer.uploaded(to));
  }

  #die(id: number): void {
    this.#dead[id] = 1;
    const isReceiver = this.#options.machines[id]?.isSeed !== true;
    if (isReceiver && !this.#completedAt.delete(id)) this.#awaited--;
    for (const { from, to, piece, transfer } of this.#running.values()) {
      if (from !== id && to !== id) continue;
      this.#running.delete(keyOf(from, to, piece));
      this.#network.cancel(transfer);
      this.#afterQuiet(from, (peer) => peer.wentQuiet(to));
      this.#afterQuiet(to, (peer) => peer.stalled(from, piece));
    }
    this.#network.after(this.#options.deathNoticedAfter, () => {
      const neighbours = this.#peerOf(id).neighbourIds;
      for (const other of neighbours) if (!this.#isDead(other)) this.#peerOf(other).removeNeighbour(id);
      this.#introduce(this.#tracker.leave(id));
    });
  }

  #isDead(id: number): boolean {
    return this.#dead[id] === 1;
  }

  #peerOf(id: number): Peer {
    return this.#peers[id] as Peer;
  }
}

function keyOf(from: number, to: number, piece: number): string {
  return `${from}>${to}:${piece}`;
}
