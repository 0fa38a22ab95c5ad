import { EventQueue } from "./event-queue.ts";

/** A wire in one direction, shared equally by the transfers on it. */
export interface Link {
  /** Bytes per second. */
  readonly rate: number;
  readonly transfers: Transfer[];
}

/** A transfer under way. */
export interface Transfer {
  readonly path: readonly Link[];
  readonly done: () => void;
  remaining: number;
  rate: number;
  since: number;
  /** Grows with each change of the rate: an event of an older version is void. */
  version: number;
}

interface Due {
  readonly transfer: Transfer | undefined;
  readonly version: number;
  readonly call: (() => void) | undefined;
}

/**
 * Links and time. Transfers share a link as TCP connections do: equally, but for those that another link holds below their share, whose rest goes
 * to the others. Rates are worked out anew for the neighbours of each transfer that begins or ends, not for the neighbours' neighbours.
 */
export class SimulatedNetwork {
  readonly #events = new EventQueue<Due>();
  #now = 0;

  /** Seconds since the start. */
  get now(): number {
    return this.#now;
  }

  link(rate: number): Link {
    return { rate, transfers: [] };
  }

  after(seconds: number, call: () => void): void {
    this.#events.pushAfter(this.#now, seconds, { transfer: undefined, version: 0, call });
  }

  at(time: number, call: () => void): void {
    this.#events.push(time, { transfer: undefined, version: 0, call });
  }

  start(path: readonly Link[], bytes: number, done: () => void): Transfer {
    const transfer: Transfer = { path, done, remaining: bytes, rate: 0, since: this.#now, version: 0 };
    for (const link of path) link.transfers.push(transfer);
    this.#share(path);
    return transfer;
  }

  cancel(transfer: Transfer): void {
    transfer.version++;
    for (const { transfers } of transfer.path) transfers.splice(transfers.indexOf(transfer), 1);
    this.#share(transfer.path);
  }

  /** Runs until nothing is left to happen, or `until` says so. */
  run(until: () => boolean): void {
    for (let next; !until() && (next = this.#events.pop()) !== undefined;) {
      const { transfer, version, call } = next.event;
      if (transfer === undefined) {
        this.#now = next.time;
        call?.();
        continue;
      }
      if (transfer.version !== version) continue;
      this.#now = next.time;
      this.cancel(transfer);
      transfer.done();
    }
  }

  #share(path: readonly Link[]): void {
    for (const link of path) for (const transfer of link.transfers) this.#update(transfer);
  }

  #update(transfer: Transfer): void {
    let rate = Infinity;
    for (const link of transfer.path) rate = Math.min(rate, shareOf(link));
    if (rate === transfer.rate) return;
    transfer.remaining -= (this.#now - transfer.since) * transfer.rate;
    transfer.since = this.#now;
    transfer.rate = rate;
    transfer.version++;
    const { version } = transfer;
    this.#events.push(this.#now + Math.max(0, transfer.remaining) / rate, { transfer, version, call: undefined });
  }
}

/** What a transfer gets on a link that nothing else holds back: those that another link holds below that leave the rest to the others. */
function shareOf(link: Link): number {
  const { rate, transfers } = link;
  let share = rate / transfers.length;
  for (let held = 0; ;) {
    let sharing = 0;
    let rest = rate;
    for (const { path } of transfers) {
      let limit = Infinity;
      for (const other of path) {
        if (other !== link) limit = Math.min(limit, other.rate / other.transfers.length);
      }
      if (limit < share) rest -= limit;
      else sharing++;
    }
    const next = transfers.length - sharing;
    // The share only grows from round to round, and with it the number of those that are held back.
    if (next <= held || sharing === 0) return share;
    held = next;
    share = rest / sharing;
  }
}
