import { GATEWAYS_PER_SITE, TRANSFER_SLOTS } from "../limits.ts";
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
  readonly #uplinks: Link[];
  readonly #downlinks: Link[];
  readonly #siteLinks: ReadonlyMap<string, { up: Link; down: Link }>;
  readonly #fastest: number;
  readonly #dead = new Set<number>();
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
      if (this.#dead.has(a) || this.#dead.has(b)) continue;
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
        welcome: () => this.#toNeighbours(id, (peer) => peer.neighbourWelcomes(id)),
        grant: (to, suggestion) => this.#send(to, (peer) => peer.granted(id, suggestion)),
        decline: (to) => {
          this.#declined++;
          this.#send(to, (peer) => peer.declined(id));
        },
        request: (from, piece) => this.#send(from, () => this.#transfer(from, id, piece)),
        cancel: (from, piece) => this.#stop(from, id, piece),
      },
    });
  }

  /** Slots by bandwidth: a slow machine with as many as the others would hold theirs for a long time. */
  #slots(rate: number): number {
    return Math.max(1, Math.round((TRANSFER_SLOTS * rate) / this.#fastest));
  }

  /** Delivers a message, unless its receiver has died. */
  #send(to: number, deliver: (peer: Peer) => void): void {
    this.#network.after(this.#options.latency, () => {
      if (!this.#dead.has(to)) deliver(this.#peerOf(to));
    });
  }

  #toNeighbours(id: number, deliver: (peer: Peer) => void): void {
    const ids = this.#peerOf(id).neighbourIds;
    // One event for all of them.
    this.#network.after(this.#options.latency, () => {
      for (const to of ids) if (!this.#dead.has(to)) deliver(this.#peerOf(to));
    });
  }

  #announce(id: number, piece: number): void {
    this.#toNeighbours(id, (peer) => peer.neighbourHas(id, piece));
    if (!this.#peerOf(id).held.isFull) return;
    this.#completedAt.set(id, this.#network.now);
    this.#awaited--;
  }

  #transfer(from: number, to: number, piece: number): void {
    if (this.#dead.has(to)) return;
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
    this.#send(from, (peer) => peer.uploaded(to));
  }

  #die(id: number): void {
    this.#dead.add(id);
    const isReceiver = this.#options.machines[id]?.isSeed !== true;
    if (isReceiver && !this.#completedAt.delete(id)) this.#awaited--;
    for (const { from, to, piece, transfer } of this.#running.values()) {
      if (from !== id && to !== id) continue;
      this.#running.delete(keyOf(from, to, piece));
      this.#network.cancel(transfer);
    }
    this.#network.after(this.#options.deathNoticedAfter, () => {
      const neighbours = this.#peerOf(id).neighbourIds;
      for (const other of neighbours) if (!this.#dead.has(other)) this.#peerOf(other).removeNeighbour(id);
      this.#introduce(this.#tracker.leave(id));
    });
  }

  #peerOf(id: number): Peer {
    return this.#peers[id] as Peer;
  }
}

function keyOf(from: number, to: number, piece: number): string {
  return `${from}>${to}:${piece}`;
}
