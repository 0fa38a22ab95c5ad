import { ipv4FromNumber, ipv4ToNumber } from "@ingot/wire";
import type { Ipv4 } from "@ingot/wire";
import { rangeContains } from "./subnet.ts";
import type { AddressRange } from "./subnet.ts";

/**
 * The addresses of a range that no lease on record names, those never given out first, then in the order they came back.
 * Kept as a set because a room that powers on together must not search the range once per machine.
 */
export class FreeAddresses {
  readonly #range: AddressRange;
  readonly #free = new Set<Ipv4>();

  constructor(range: AddressRange) {
    this.#range = range;
    const last = ipv4ToNumber(range.last);
    for (let value = ipv4ToNumber(range.first); value <= last; value++) this.#free.add(ipv4FromNumber(value));
  }

  /** The addresses in order; they may be offered, reserved or quarantined. */
  values(): Iterable<Ipv4> {
    return this.#free;
  }

  /** A lease names the address from now on. */
  take(address: Ipv4): void {
    this.#free.delete(address);
  }

  /** No lease names the address any more; one outside of the range is none of this pool's business. */
  giveBack(address: Ipv4): void {
    if (rangeContains(this.#range, address)) this.#free.add(address);
  }
}
