import { GATEWAYS_PER_SITE, LONG_LINKS, MAX_NEIGHBOURS, NEIGHBOURS, REMOTE_LINKS } from "./limits.ts";

/** A peer as the tracker sees it. */
export interface Member {
  readonly id: number;
  /** The branch it stands in: sites are joined by slow links. */
  readonly site: string;
  /** The switch it hangs on, where that is known. */
  readonly switchName?: string;
  /** Whether it held everything when it joined. */
  readonly isSeed: boolean;
}

/** Two peers are to talk to each other. */
export interface Introduction {
  readonly a: number;
  readonly b: number;
  /** They stand in different sites. */
  readonly isRemote: boolean;
}

interface Entry extends Member {
  readonly neighbours: Set<number>;
  /** Its place among the gateways of its site; undefined for all others. */
  gateway: number | undefined;
}

/** Of a site's gateways. */
const PLACES: readonly number[] = Array.from({ length: GATEWAYS_PER_SITE }, (_unused, place) => place);

/** Random candidates that are looked at for each link. */
const TRIES = 8;

/**
 * Decides who talks to whom, and nothing else: which pieces go where is left to the peers. Within a site everybody gets about
 * `NEIGHBOURS` neighbours, mostly on the same switch; to other sites only a few gateways of each site have links, so that a piece crosses a slow
 * link about once. It holds nothing
 * that must not be lost: after a restart peers join again and are introduced anew, while their links and transfers go on.
 */
export class Tracker {
  readonly #random: () => number;
  readonly #members = new Map<number, Entry>();
  /** Ids by site, by site and switch, and of each site's seeds and gateways. */
  readonly #bySite = new Map<string, number[]>();
  readonly #bySwitch = new Map<string, number[]>();
  readonly #seeds = new Map<string, number[]>();
  readonly #gateways = new Map<string, number[]>();
  #slow: ReadonlySet<number> = new Set();

  constructor(random: () => number) {
    this.#random = random;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Neighbours of a peer; empty for one that is unknown. */
  neighboursOf(id: number): readonly number[] {
    return [...(this.#members.get(id)?.neighbours ?? [])];
  }

  /** Its place among its site's gateways, 0 to `GATEWAYS_PER_SITE` - 1; undefined when it is none. */
  gatewayPlaceOf(id: number): number | undefined {
    return this.#members.get(id)?.gateway;
  }

  /** Those that are slow now (`slowSeeds`), in place of those of the last call: from now on others are chosen before them. */
  setSlow(ids: ReadonlySet<number>): void {
    this.#slow = ids;
  }

  /** A peer joins; returns whom it is to talk to. Joining again changes nothing. */
  join(member: Member): Introduction[] {
    if (this.#members.has(member.id)) return [];
    const entry: Entry = { ...member, neighbours: new Set(), gateway: undefined };
    this.#members.set(member.id, entry);
    listOf(this.#bySite, entry.site).push(entry.id);
    listOf(this.#bySwitch, switchKey(entry)).push(entry.id);
    if (entry.isSeed) listOf(this.#seeds, entry.site).push(entry.id);
    return [...this.#linkWithin(entry, NEIGHBOURS), ...this.#appointGateway(entry.site)];
  }

  /** A peer is gone; returns the links that take the place of those that went with it. */
  leave(id: number): Introduction[] {
    const entry = this.#members.get(id);
    if (entry === undefined) return [];
    this.#members.delete(id);
    remove(listOf(this.#bySite, entry.site), id);
    remove(listOf(this.#bySwitch, switchKey(entry)), id);
    remove(listOf(this.#seeds, entry.site), id);
    remove(listOf(this.#gateways, entry.site), id);
    const links: Introduction[] = [];
    for (const other of entry.neighbours) {
      const neighbour = this.#members.get(other);
      if (neighbour === undefined) continue;
      neighbour.neighbours.delete(id);
      if (neighbour.site === entry.site) links.push(...this.#linkWithin(neighbour, NEIGHBOURS));
      else links.push(...this.#linkRemote(neighbour));
    }
    if (entry.gateway !== undefined) links.push(...this.#appointGateway(entry.site));
    return links;
  }

  /** Links two peers, in place of a link of the first one that is of no use to it. Nothing when the second one has all the neighbours it can have. */
  relink(id: number, to: number, from?: number): Introduction[] {
    const [entry, other] = [this.#members.get(id), this.#members.get(to)];
    if (entry === undefined || other === undefined || entry === other || entry.neighbours.has(to)) return [];
    if (other.neighbours.size >= MAX_NEIGHBOURS) return [];
    const useless = this.#members.get(from ?? -1);
    if (useless !== undefined) {
      entry.neighbours.delete(useless.id);
      useless.neighbours.delete(id);
    }
    return [connect(entry, other)];
  }

  /** Gives a peer neighbours of its own site until it has `wanted`. */
  #linkWithin(entry: Entry, wanted: number): Introduction[] {
    const links: Introduction[] = [];
    const near = listOf(this.#bySwitch, switchKey(entry));
    const all = listOf(this.#bySite, entry.site);
    const isOneSwitch = near.length === all.length;
    const add = (candidates: readonly number[], upTo: number): void => {
      // Among few, chance would leave somebody out now and then, and all of them are to be linked.
      const areFew = candidates.length <= upTo + 1;
      const tries = areFew ? candidates.length : upTo * TRIES;
      for (let turn = 0; entry.neighbours.size < upTo && turn < tries; turn++) {
        const at = areFew ? turn : Math.floor(this.#random() * candidates.length);
        const other = this.#members.get(candidates[at] ?? -1);
        if (other === undefined || other === entry || other.neighbours.size >= MAX_NEIGHBOURS) continue;
        if (!areFew && this.#slow.has(other.id) && turn < tries / 2) continue;
        if (!entry.neighbours.has(other.id)) links.push(connect(entry, other));
      }
    };
    if (!isOneSwitch) add(near, wanted - LONG_LINKS);
    // Who joins early finds few on its switch; those that come later will choose it.
    const upTo = isOneSwitch ? wanted : Math.min(wanted, entry.neighbours.size + LONG_LINKS);
    add(all, Math.min(upTo, all.length - 1));
    return links;
  }

  /** Fills the places of a site's gateways as far as there are peers, where a seed is one with seeds alone, and gives new ones their links. */
  #appointGateway(site: string): Introduction[] {
    const gateways = this.#entries(this.#gateways, site);
    const links: Introduction[] = [];
    while (gateways.length < GATEWAYS_PER_SITE) {
      const chosen = this.#nextGateway(site, gateways);
      if (chosen === undefined) break;
      chosen.gateway = PLACES.find((place) => gateways.every(({ gateway }) => gateway !== place));
      gateways.push(chosen);
      listOf(this.#gateways, site).push(chosen.id);
      links.push(...this.#linkRemote(chosen));
    }
    return links;
  }

  #nextGateway(site: string, gateways: readonly Entry[]): Entry | undefined {
    const isQuick = ({ id }: Entry): boolean => !this.#slow.has(id);
    const seed = this.#entries(this.#seeds, site).find((one) => one.gateway === undefined && isQuick(one));
    if (seed !== undefined) return seed;
    // Seeds alone know what has left their site already: others would send it over the line again.
    if (gateways.some((one) => one.isSeed && isQuick(one))) return undefined;
    const free = this.#entries(this.#bySite, site).filter(({ gateway }) => gateway === undefined);
    return free.find(isQuick) ?? free[0];
  }

  #entries(lists: Map<string, number[]>, site: string): Entry[] {
    return listOf(lists, site).flatMap((id) => this.#members.get(id) ?? []);
  }

  /** Links a gateway to gateways of other sites, those of sites with a seed first. */
  #linkRemote(entry: Entry): Introduction[] {
    if (entry.gateway === undefined) return [];
    const remote = [...this.#members.values()].filter(
      (other) => other.gateway !== undefined && other.site !== entry.site && !entry.neighbours.has(other.id),
    );
    const have = [...entry.neighbours].filter((id) => this.#members.get(id)?.site !== entry.site).length;
    const order = remote.map((other) => ({ other, rank: this.#rankOf(other) + this.#random() }));
    order.sort((x, y) => x.rank - y.rank);
    return order.slice(0, Math.max(0, REMOTE_LINKS - have)).map(({ other }) => connect(entry, other));
  }

  #rankOf({ id, isSeed }: Entry): number {
    if (this.#slow.has(id)) return 2;
    return isSeed ? 0 : 1;
  }
}

function connect(a: Entry, b: Entry): Introduction {
  a.neighbours.add(b.id);
  b.neighbours.add(a.id);
  return { a: a.id, b: b.id, isRemote: a.site !== b.site };
}

function switchKey({ site, switchName }: Member): string {
  return JSON.stringify([site, switchName ?? ""]);
}

function listOf(lists: Map<string, number[]>, key: string): number[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** Order does not matter, and a swarm of thousands leaves at once. */
function remove(list: number[], id: number): void {
  const at = list.indexOf(id);
  if (at < 0) return;
  const last = list.pop();
  if (at < list.length && last !== undefined) list[at] = last;
}
