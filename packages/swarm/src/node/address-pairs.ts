import { WAY_ASIDE_MS } from "./limits.ts";

/** A way to a peer: from one of our addresses, or from any, to one of its. */
export interface AddressPair {
  readonly localAddress: string | undefined;
  readonly host: string;
}

/**
 * The ways between two machines of which at least one has several network cards: each card of ours is paired with the address of theirs
 * that looks most like it, so that transfers that take turns use them all. A way that led nowhere (a cable that was pulled, a network that is not
 * connected) is left out for a while, as long as there is another. Times are in milliseconds.
 */
export class AddressPairs {
  readonly #pairs: readonly AddressPair[];
  /** Until when each is left out. */
  readonly #asideUntil: number[];
  #next = 0;

  /** `local` may be empty: the system chooses. `remote` has at least one address, the one that is known to work first. */
  constructor(local: readonly string[], remote: readonly string[]) {
    const hosts = [...new Set(remote)];
    const isSeveral = local.length > 1 || hosts.length > 1;
    const count = isSeveral ? Math.max(local.length, hosts.length) : 1;
    this.#pairs = Array.from({ length: count }, (_unused, at) => {
      if (local.length === 0) return { localAddress: undefined, host: hosts[at % hosts.length] ?? "" };
      if (local.length < hosts.length) {
        const host = hosts[at] ?? "";
        return { localAddress: local.length > 1 ? nearest(local, host, at) : undefined, host };
      }
      const localAddress = local[at] ?? "";
      return { localAddress: isSeveral ? localAddress : undefined, host: nearest(hosts, localAddress, at) };
    });
    this.#asideUntil = this.#pairs.map(() => 0);
  }

  /** The next way in turn; when all are left out, the one that has been for the longest. */
  next(now: number): AddressPair {
    const { length } = this.#pairs;
    let best = this.#next % length;
    for (let turn = 0; turn < length; turn++) {
      const at = (this.#next + turn) % length;
      if (this.#until(at) < this.#until(best)) best = at;
      if (this.#until(at) > now) continue;
      best = at;
      break;
    }
    this.#next = best + 1;
    const pair = this.#pairs[best];
    if (pair === undefined) throw new RangeError("no way to a peer without address");
    return pair;
  }

  /** This way led nowhere. Returns whether there is another one. */
  failed(pair: AddressPair, now: number): boolean {
    const at = this.#pairs.indexOf(pair);
    if (at >= 0) this.#asideUntil[at] = now + WAY_ASIDE_MS;
    return this.#asideUntil.some((until) => until <= now);
  }

  #until(at: number): number {
    return this.#asideUntil[at] ?? 0;
  }
}

/** The address that has most of its beginning in common with `address`; of equals, one after the other. */
function nearest(candidates: readonly string[], address: string, turn: number): string {
  const common = candidates.map((candidate) => commonLength(candidate, address));
  const most = Math.max(...common);
  const best = candidates.filter((_unused, at) => common[at] === most);
  return best[turn % best.length] ?? "";
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
