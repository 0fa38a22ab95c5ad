import { networkContains } from "@ingot/wire";
import type { Ipv4, Mac } from "@ingot/wire";
import { FreeAddresses } from "./free-addresses.ts";
import { LeaseIndex } from "./lease-index.ts";
import type { Lease } from "./lease.ts";
import { OFFER_HOLD_MS, QUARANTINE_MS } from "./limits.ts";
import { rangeContains } from "./subnet.ts";
import type { SubnetConfig } from "./subnet.ts";

/** Who asks: the key of its lease and, on Ethernet, the MAC address that reservations are made for. */
export interface LeaseClient {
  readonly key: string;
  readonly mac: Mac | undefined;
}

/** Why a client cannot have the address it asks for. */
export type RefusalReason = "wrong-subnet" | "address-taken" | "another-address" | "not-in-pool";

/** An address may be the client's (`yes`, and whether a lease for it was on record), or not, and why. */
export type Verdict =
  | { readonly kind: "yes"; readonly known: boolean }
  | { readonly kind: "no"; readonly reason: RefusalReason };

interface Offer {
  readonly address: Ipv4;
  readonly untilMs: number;
}

/**
 * Which address belongs to whom. Pure bookkeeping: no clock, no sockets, no storage; `nowMs` is an argument everywhere.
 *
 * A client keeps its address for as long as nobody else needs it: an expired or released lease stays on record, and is
 * the client's again when it comes back. New clients get addresses that nobody ever had, then the one free the longest.
 */
export class LeaseTable {
  readonly #leases = new LeaseIndex();
  readonly #offers = new Map<string, Offer>();
  readonly #offered = new Map<Ipv4, string>();
  readonly #free: ReadonlyMap<SubnetConfig, FreeAddresses>;
  readonly #quarantine = new Map<Ipv4, number>();
  readonly #reservedFor: ReadonlyMap<Ipv4, Mac>;
  readonly #subnets: readonly SubnetConfig[];

  /** @param subnets validated by `validateSubnets`; @param leases what the store held. */
  constructor(subnets: readonly SubnetConfig[], leases: readonly Lease[] = []) {
    this.#subnets = subnets;
    this.#reservedFor = new Map(
      subnets.flatMap((subnet) => (subnet.reservations ?? []).map(({ mac, address }) => [address, mac])),
    );
    this.#free = new Map(subnets.map((subnet) => [subnet, new FreeAddresses(subnet.range)]));
    for (const lease of leases) this.#record(lease);
  }

  /** The leases on record, expired ones included. */
  leases(): readonly Lease[] {
    return this.#leases.list();
  }

  /** The client's lease, expired or not. */
  leaseOf(client: string): Lease | undefined {
    return this.#leases.byClient(client);
  }

  /** The subnet that holds `address`. */
  subnetOf(address: Ipv4): SubnetConfig | undefined {
    return this.#subnets.find((subnet) => networkContains(subnet.network, address));
  }

  /**
   * Chooses an address for a DISCOVER and holds it for the client for a minute (RFC 2131 §4.3.1): its reservation,
   * its present or former lease, the address it asks for, the one offered before, any other. `undefined` when the subnet has none left.
   */
  offer(client: LeaseClient, subnet: SubnetConfig, requested: Ipv4 | undefined, nowMs: number): Ipv4 | undefined {
    const address = this.#choose(client, subnet, requested, nowMs);
    this.dropOffer(client.key);
    if (address === undefined) return undefined;
    // An offer that ran out without being dropped must not pile up: at most one offer per address is remembered.
    const formerlyOfferedTo = this.#offered.get(address);
    if (formerlyOfferedTo !== undefined) this.dropOffer(formerlyOfferedTo);
    this.#offers.set(client.key, { address, untilMs: nowMs + OFFER_HOLD_MS });
    this.#offered.set(address, client.key);
    return address;
  }

  /** Forgets what was offered to the client: it took another server's offer. */
  dropOffer(client: string): void {
    const offer = this.#offers.get(client);
    if (offer === undefined) return;
    this.#offers.delete(client);
    if (this.#offered.get(offer.address) === client) this.#offered.delete(offer.address);
  }

  /** Whether the client may have (or keep) `address` in `subnet` (RFC 2131 §4.3.2). */
  judge(client: LeaseClient, subnet: SubnetConfig, address: Ipv4, nowMs: number): Verdict {
    if (!networkContains(subnet.network, address)) return { kind: "no", reason: "wrong-subnet" };
    const reserved = reservationOf(subnet, client.mac);
    if (reserved !== undefined && reserved !== address) return { kind: "no", reason: "another-address" };
    const isReserved = reserved === address;
    if (!isReserved && !rangeContains(subnet.range, address)) return { kind: "no", reason: "not-in-pool" };
    if (!this.#isFreeFor(client, address, nowMs)) return { kind: "no", reason: "address-taken" };
    const lease = this.#leases.byClient(client.key);
    const promised = this.#offers.get(client.key)?.address === address;
    // The lease on record wins over a wish, except where this server has itself just offered the other address.
    if (
      lease !== undefined &&
      lease.address !== address &&
      !promised &&
      !isReserved &&
      networkContains(subnet.network, lease.address)
    ) {
      return { kind: "no", reason: "another-address" };
    }
    return { kind: "yes", known: promised || isReserved || lease?.address === address };
  }

  /** Records the lease that is about to be acknowledged. The caller stores it before it answers. */
  bind(client: LeaseClient, address: Ipv4, expiresAtMs: number, hostName: string | undefined): Lease {
    this.dropOffer(client.key);
    const lease: Lease = { client: client.key, address, expiresAtMs, hostName };
    this.#record(lease);
    return lease;
  }

  /** Ends the client's lease of `address` now (RFC 2131 §4.3.4). Returns the ended lease to be stored, or `undefined` when it had none. */
  release(client: string, address: Ipv4, nowMs: number): Lease | undefined {
    const lease = this.#leases.byClient(client);
    if (lease === undefined || lease.address !== address) return undefined;
    const ended = { ...lease, expiresAtMs: Math.min(lease.expiresAtMs, nowMs) };
    this.#leases.put(ended);
    return ended;
  }

  /**
   * Takes `address` out of use for ten minutes because the client found somebody else on it (RFC 2131 §4.3.3).
   * Only an address that was leased or offered to this very client counts; `false` otherwise, so that nobody can
   * drain the pool by declining what was never his.
   */
  decline(client: string, address: Ipv4, nowMs: number): boolean {
    const held = this.#leases.byClient(client)?.address === address || this.#offers.get(client)?.address === address;
    if (!held) return false;
    this.#quarantine.set(address, nowMs + QUARANTINE_MS);
    this.dropOffer(client);
    if (this.#leases.byClient(client)?.address === address) {
      this.#leases.remove(client);
      this.#freeOf(address)?.giveBack(address);
    }
    return true;
  }

  #record(lease: Lease): void {
    const former = this.#leases.byClient(lease.client);
    this.#leases.put(lease);
    if (former !== undefined && former.address !== lease.address)
      this.#freeOf(former.address)?.giveBack(former.address);
    this.#freeOf(lease.address)?.take(lease.address);
  }

  #freeOf(address: Ipv4): FreeAddresses | undefined {
    const subnet = this.subnetOf(address);
    return subnet === undefined ? undefined : this.#free.get(subnet);
  }

  #choose(client: LeaseClient, subnet: SubnetConfig, requested: Ipv4 | undefined, nowMs: number): Ipv4 | undefined {
    const wishes = [
      reservationOf(subnet, client.mac),
      this.#leases.byClient(client.key)?.address,
      requested,
      this.#offers.get(client.key)?.address,
    ];
    for (const address of wishes) {
      if (address !== undefined && this.#isUsable(client, subnet, address, nowMs)) return address;
    }
    return this.#unnamed(client, subnet, nowMs) ?? this.#freeTheLongest(client, subnet, nowMs);
  }

  #isUsable(client: LeaseClient, subnet: SubnetConfig, address: Ipv4, nowMs: number): boolean {
    const usable = reservationOf(subnet, client.mac) === address || rangeContains(subnet.range, address);
    return usable && networkContains(subnet.network, address) && this.#isFreeFor(client, address, nowMs);
  }

  #unnamed(client: LeaseClient, subnet: SubnetConfig, nowMs: number): Ipv4 | undefined {
    for (const address of this.#free.get(subnet)?.values() ?? []) {
      if (this.#isFreeFor(client, address, nowMs)) return address;
    }
    return undefined;
  }

  #freeTheLongest(client: LeaseClient, subnet: SubnetConfig, nowMs: number): Ipv4 | undefined {
    let oldest: Lease | undefined;
    for (const lease of this.#leases.list()) {
      if (lease.expiresAtMs >= (oldest?.expiresAtMs ?? nowMs + 1)) continue;
      if (rangeContains(subnet.range, lease.address) && this.#isFreeFor(client, lease.address, nowMs)) oldest = lease;
    }
    return oldest?.address;
  }

  #isFreeFor(client: LeaseClient, address: Ipv4, nowMs: number): boolean {
    const reservedFor = this.#reservedFor.get(address);
    if (reservedFor !== undefined && reservedFor !== client.mac) return false;
    if ((this.#quarantine.get(address) ?? 0) > nowMs) return false;
    const lease = this.#leases.byAddress(address);
    if (lease !== undefined && lease.client !== client.key && lease.expiresAtMs > nowMs) return false;
    const offeredTo = this.#offered.get(address);
    return offeredTo === undefined || offeredTo === client.key || (this.#offers.get(offeredTo)?.untilMs ?? 0) <= nowMs;
  }
}

function reservationOf(subnet: SubnetConfig, mac: Mac | undefined): Ipv4 | undefined {
  return subnet.reservations?.find((reservation) => reservation.mac === mac)?.address;
}
