import type { Ipv4 } from "@ingot/wire";

/** One address given to one client. Times are milliseconds since 1970. */
export interface Lease {
  /** From `clientKeyOf`. */
  readonly client: string;
  readonly address: Ipv4;
  /** The lease ends here; the client keeps its right to come back to the address until another needs it. */
  readonly expiresAtMs: number;
  /** What the client called itself (option 12), for the operator. */
  readonly hostName: string | undefined;
}

/**
 * Where leases survive a restart. The server owns the rules; the store only remembers.
 *
 * `load` is called once, before the first packet. `save` MUST resolve only when the lease would be found by `load` after
 * a power cut, because the client is told "it is yours" right after; it replaces what the store holds for the same
 * client and for the same address. `save` MAY be called for many clients at once. A rejected `save` means that the client gets no answer.
 */
export interface LeaseStore {
  load(): Promise<readonly Lease[]>;
  save(lease: Lease): Promise<void>;
  /** Forgets the client's lease; forgetting what is not there is no error. */
  delete(client: string): Promise<void>;
}
