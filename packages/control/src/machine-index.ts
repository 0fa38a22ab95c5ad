import type { BootSettings, MachineQuirks } from "@ingot/api";
import { swapUuid } from "./identify.ts";
import type { MachineRecord } from "./machine-store.ts";
import { RecentBoots } from "./recent-boots.ts";

/** What a DHCP answer needs to know of a machine. */
export interface IndexedMachine {
  readonly id: string;
  readonly uuid: string | undefined;
  readonly quirks: MachineQuirks;
  readonly own: BootSettings;
  readonly group: BootSettings;
}

/**
 * The inventory by MAC address and by IP address, in memory: DHCP answers are decided without waiting. About 1 MiB for
 * 5,000 machines. The database is the truth; every change is repeated here.
 */
export class MachineIndex {
  readonly boots: RecentBoots = new RecentBoots();
  readonly #byMac = new Map<string, IndexedMachine>();
  readonly #machines = new Map<string, { readonly macs: readonly string[]; readonly uuid: string | undefined }>();
  /** How many machines say each UUID. */
  readonly #uuids = new Map<string, number>();
  readonly #byAddress = new Map<string, string>();
  readonly #addressOf = new Map<string, string>();

  /** Takes a machine in, or its changes. */
  put(record: MachineRecord): void {
    const { id, address } = record.row;
    const uuid = record.row.uuid ?? undefined;
    this.#forgetFacts(id);
    const entry: IndexedMachine = { id, uuid, quirks: record.quirks, own: record.own, group: record.group };
    for (const mac of record.macs) this.#byMac.set(mac, entry);
    if (uuid !== undefined) this.#uuids.set(uuid, (this.#uuids.get(uuid) ?? 0) + 1);
    this.#machines.set(id, { macs: record.macs, uuid });
    if (address !== null) this.setAddress(id, address);
  }

  /** Forgets a machine. */
  remove(id: string): void {
    this.#forgetFacts(id);
    const address = this.#addressOf.get(id);
    if (address !== undefined && this.#byAddress.get(address) === id) this.#byAddress.delete(address);
    this.#addressOf.delete(id);
    this.boots.remove(id);
  }

  /** The machine was seen with this address; whoever had it before has it no longer. */
  setAddress(id: string, address: string): void {
    const old = this.#addressOf.get(id);
    if (old !== undefined && this.#byAddress.get(old) === id) this.#byAddress.delete(old);
    this.#byAddress.set(address, id);
    this.#addressOf.set(id, address);
  }

  /** Who has this MAC address. */
  byMac(mac: string): IndexedMachine | undefined {
    return this.#byMac.get(mac);
  }

  /** Who was last seen with this IP address. */
  byAddress(address: string): string | undefined {
    return this.#byAddress.get(address);
  }

  /** Whether some machine says this UUID. */
  hasUuid(uuid: string): boolean {
    return this.#uuids.has(uuid) || this.#uuids.has(swapUuid(uuid));
  }

  /** How many machines there are. */
  get size(): number {
    return this.#machines.size;
  }

  #forgetFacts(id: string): void {
    const known = this.#machines.get(id);
    if (known === undefined) return;
    for (const mac of known.macs) this.#byMac.delete(mac);
    if (known.uuid !== undefined) {
      const left = (this.#uuids.get(known.uuid) ?? 1) - 1;
      if (left === 0) this.#uuids.delete(known.uuid);
      else this.#uuids.set(known.uuid, left);
    }
    this.#machines.delete(id);
  }
}
