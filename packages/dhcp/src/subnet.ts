import { broadcastOf, ipv4FromNumber, ipv4ToNumber, networkContains } from "@ingot/wire";
import type { Ipv4, Ipv4Network, Mac } from "@ingot/wire";
import { DhcpError } from "./errors.ts";
import { MAX_POOL_ADDRESSES, MIN_LEASE_SECONDS } from "./limits.ts";

/** An address that belongs to one machine only. */
export interface Reservation {
  readonly mac: Mac;
  /** Inside the subnet; may lie inside or outside of the range. */
  readonly address: Ipv4;
}

/** Addresses first to last, both included. */
export interface AddressRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

/** One subnet that the server gives addresses in. */
export interface SubnetConfig {
  /** Any address of the subnet with its prefix length: `10.0.0.0/24` and `10.0.0.1/24` mean the same. */
  readonly network: Ipv4Network;
  readonly range: AddressRange;
  /** Options 3, 6 and 15; left out of answers when not given. */
  readonly router?: Ipv4;
  readonly dns?: readonly Ipv4[];
  readonly domainName?: string;
  /** Seconds, 120 to 2^31. Default one day. */
  readonly leaseSeconds?: number;
  readonly reservations?: readonly Reservation[];
}

/** Default lease time: machines that stay on renew twice a day, a laptop's address is free again tomorrow. */
export const DEFAULT_LEASE_SECONDS = 86_400;

const MAX_LEASE_SECONDS = 0x7fff_ffff;

/**
 * Refuses what cannot work, naming it: a range that is reversed, outside of its subnet, or holds the network, broadcast,
 * router or server address; reservations outside of the subnet or twice; subnets that overlap; pools too large together.
 * Throws `DhcpError`.
 */
export function validateSubnets(subnets: readonly SubnetConfig[], serverAddress: Ipv4): void {
  if (subnets.length === 0) throw new DhcpError("no-subnet", "DHCP server: no subnet to give addresses in");
  let addressCount = 0;
  for (const [index, subnet] of subnets.entries()) {
    validateRange(subnet, serverAddress);
    validateReservations(subnet, serverAddress);
    const leaseSeconds = subnet.leaseSeconds ?? DEFAULT_LEASE_SECONDS;
    if (!Number.isInteger(leaseSeconds) || leaseSeconds < MIN_LEASE_SECONDS || leaseSeconds > MAX_LEASE_SECONDS) {
      throw new DhcpError(
        "invalid-lease-time",
        `DHCP lease time of ${nameOfSubnet(subnet)}: got ${leaseSeconds} s, expected ${MIN_LEASE_SECONDS} to ${MAX_LEASE_SECONDS}`,
      );
    }
    for (const other of subnets.slice(0, index)) {
      if (
        networkContains(subnet.network, other.network.address) ||
        networkContains(other.network, subnet.network.address)
      ) {
        throw new DhcpError(
          "overlapping-subnets",
          `DHCP subnets ${nameOfSubnet(other)} and ${nameOfSubnet(subnet)} overlap`,
        );
      }
    }
    addressCount += ipv4ToNumber(subnet.range.last) - ipv4ToNumber(subnet.range.first) + 1;
  }
  if (addressCount > MAX_POOL_ADDRESSES) {
    throw new DhcpError(
      "range-too-large",
      `DHCP ranges hold ${addressCount} addresses together, at most ${MAX_POOL_ADDRESSES} are supported`,
    );
  }
}

/** `10.0.0.0/24`, with the host bits cleared. */
function nameOfSubnet(subnet: SubnetConfig): string {
  return `${networkAddressOf(subnet.network)}/${subnet.network.prefixLength}`;
}

/** Whether an address is in the range, both ends included. */
export function rangeContains(range: AddressRange, address: Ipv4): boolean {
  const value = ipv4ToNumber(address);
  return value >= ipv4ToNumber(range.first) && value <= ipv4ToNumber(range.last);
}

function networkAddressOf(network: Ipv4Network): Ipv4 {
  const hostBits = 32 - network.prefixLength;
  return ipv4FromNumber(hostBits === 32 ? 0 : ((ipv4ToNumber(network.address) >>> hostBits) << hostBits) >>> 0);
}

function validateRange(subnet: SubnetConfig, serverAddress: Ipv4): void {
  const { network, range } = subnet;
  const text = `DHCP range ${range.first}-${range.last}`;
  if (ipv4ToNumber(range.first) > ipv4ToNumber(range.last)) {
    throw new DhcpError("invalid-range", `${text}: the first address comes after the last`);
  }
  for (const end of [range.first, range.last]) {
    if (!networkContains(network, end)) {
      throw new DhcpError("range-outside-subnet", `${text}: ${end} is outside of the subnet ${nameOfSubnet(subnet)}`);
    }
  }
  // In a /31 or /32 every address is a host's (RFC 3021).
  const special = network.prefixLength < 31 ? [networkAddressOf(network), broadcastOf(network)] : [];
  for (const address of special) {
    if (rangeContains(range, address)) {
      throw new DhcpError(
        "range-includes-network-or-broadcast",
        `${text}: ${address} is the subnet's network or broadcast address`,
      );
    }
  }
  if (rangeContains(range, serverAddress)) {
    throw new DhcpError("range-includes-server", `${text}: ${serverAddress} is the server's own address`);
  }
  if (subnet.router !== undefined && rangeContains(range, subnet.router)) {
    throw new DhcpError("range-includes-router", `${text}: ${subnet.router} is the subnet's router`);
  }
}

function validateReservations(subnet: SubnetConfig, serverAddress: Ipv4): void {
  const owners = new Map<string, Reservation>();
  for (const reservation of subnet.reservations ?? []) {
    const text = `DHCP reservation ${reservation.mac} ${reservation.address}`;
    if (!networkContains(subnet.network, reservation.address)) {
      throw new DhcpError("reservation-outside-subnet", `${text}: outside of the subnet ${nameOfSubnet(subnet)}`);
    }
    if (reservation.address === serverAddress) {
      throw new DhcpError("reservation-includes-server", `${text}: that is the server's own address`);
    }
    for (const key of [reservation.mac, reservation.address]) {
      const owner = owners.get(key);
      if (owner !== undefined) {
        throw new DhcpError(
          "reservation-conflict",
          `${text}: ${key} is reserved already (${owner.mac} ${owner.address})`,
        );
      }
      owners.set(key, reservation);
    }
  }
}
