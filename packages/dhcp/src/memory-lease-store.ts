import { LeaseIndex } from "./lease-index.ts";
import type { Lease, LeaseStore } from "./lease.ts";

/** Leases for as long as the process lives: for tests and for networks where everything is reserved. */
export class MemoryLeaseStore implements LeaseStore {
  readonly #leases = new LeaseIndex();

  load(): Promise<readonly Lease[]> {
    return Promise.resolve(this.#leases.list());
  }

  save(lease: Lease): Promise<void> {
    this.#leases.put(lease);
    return Promise.resolve();
  }

  delete(client: string): Promise<void> {
    this.#leases.remove(client);
    return Promise.resolve();
  }
}
