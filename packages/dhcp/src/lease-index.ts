import type { Ipv4 } from "@ingot/wire";
import type { Lease } from "./lease.ts";

/** Leases such that every client has at most one and every address belongs to at most one client. */
export class LeaseIndex {
  readonly #byClient = new Map<string, Lease>();
  readonly #holders = new Map<Ipv4, string>();

  get size(): number {
    return this.#byClient.size;
  }

  /** All leases, the one changed longest ago first. */
  list(): readonly Lease[] {
    return [...this.#byClient.values()];
  }

  byClient(client: string): Lease | undefined {
    return this.#byClient.get(client);
  }

  byAddress(address: Ipv4): Lease | undefined {
    const holder = this.#holders.get(address);
    return holder === undefined ? undefined : this.#byClient.get(holder);
  }

  /** Replaces what there is for the lease's client and for its address. */
  put(lease: Lease): void {
    const holder = this.#holders.get(lease.address);
    if (holder !== undefined) this.remove(holder);
    this.remove(lease.client);
    this.#byClient.set(lease.client, lease);
    this.#holders.set(lease.address, lease.client);
  }

  remove(client: string): void {
    const lease = this.#byClient.get(client);
    if (lease === undefined) return;
    this.#byClient.delete(client);
    this.#holders.delete(lease.address);
  }
}
