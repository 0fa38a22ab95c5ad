/** A wire in one direction, shared equally by the transfers on it. */
export interface Link {
  /** Bytes per second. */
  readonly rate: number;
  readonly transfers: Transfer[];
}

/** A transfer under way. */
export interface Transfer {
  /** A small number; another transfer may have it when this one has ended. */
  readonly id: number;
  readonly path: readonly Link[];
  readonly from: number;
  readonly to: number;
  readonly piece: number;
  remaining: number;
  rate: number;
  since: number;
}

/** What a transfer carries, and from where to where: numbers of the caller's. */
type Freight = Pick<Transfer, "from" | "to" | "piece">;

/** Where the ends of transfers are awaited. */
interface Deadlines {
  setDeadline(id: number, time: number): void;
  clearDeadline(id: number): void;
}

/**
 * Links. Transfers share a link as TCP connections do: equally, but for those that another link holds below their share, whose rest goes
 * to the others. Rates are worked out anew for the neighbours of each transfer that begins or ends, not for the neighbours' neighbours.
 */
export class SimulatedNetwork {
  readonly #deadlines: Deadlines;
  /** By id. */
  readonly #transfers: (Transfer | undefined)[];
  readonly #freeIds: number[] = [];

  /** `firstId`: transfers have ids from there on. */
  constructor(deadlines: Deadlines, firstId: number) {
    this.#deadlines = deadlines;
    this.#transfers = Array.from({ length: firstId }, () => undefined);
  }

  link(rate: number): Link {
    return { rate, transfers: [] };
  }

  /** The deadline of its id is when it will have come to its end: it has to be ended then. */
  start(now: number, path: readonly Link[], bytes: number, { from, to, piece }: Freight): Transfer {
    const id = this.#freeIds.pop() ?? this.#transfers.length;
    const transfer = { id, path, from, to, piece, remaining: bytes, rate: 0, since: now };
    this.#transfers[id] = transfer;
    for (const link of path) link.transfers.push(transfer);
    this.#share(now, path);
    return transfer;
  }

  /** Undefined for an id that no transfer has now. */
  transfer(id: number): Transfer | undefined {
    return this.#transfers[id];
  }

  /** A transfer is at its end, or is ended. */
  end(now: number, transfer: Transfer): void {
    this.#deadlines.clearDeadline(transfer.id);
    this.#transfers[transfer.id] = undefined;
    this.#freeIds.push(transfer.id);
    for (const { transfers } of transfer.path) transfers.splice(transfers.indexOf(transfer), 1);
    this.#share(now, transfer.path);
  }

  #share(now: number, path: readonly Link[]): void {
    for (const link of path) for (const transfer of link.transfers) this.#update(now, transfer);
  }

  #update(now: number, transfer: Transfer): void {
    let rate = Infinity;
    for (const link of transfer.path) rate = Math.min(rate, shareOf(link));
    if (rate === transfer.rate) return;
    transfer.remaining -= (now - transfer.since) * transfer.rate;
    transfer.since = now;
    transfer.rate = rate;
    this.#deadlines.setDeadline(transfer.id, now + Math.max(0, transfer.remaining) / rate);
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
