/** A way to a peer: from one of our addresses, or from any, to one of its. */
export interface AddressPair {
  readonly localAddress: string | undefined;
  readonly host: string;
}

/**
 * The ways between two machines of which at least one has several network cards: each card of ours is paired with the address of theirs
 * that looks most like it, so that transfers that take turns use them all. A way that leads nowhere is left out, as long as there is another.
 */
export class AddressPairs {
  readonly #pairs: AddressPair[];
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
  }

  get count(): number {
    return this.#pairs.length;
  }

  /** The next way in turn. */
  next(): AddressPair {
    const pair = this.#pairs[this.#next++ % this.#pairs.length];
    if (pair === undefined) throw new RangeError("no way to a peer without address");
    return pair;
  }

  /** This way leads nowhere. */
  failed(pair: AddressPair): void {
    const at = this.#pairs.indexOf(pair);
    if (at >= 0 && this.#pairs.length > 1) this.#pairs.splice(at, 1);
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
