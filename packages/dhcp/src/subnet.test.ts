import { parseIpv4Network, parseMac } from "@ingot/wire";
import { expect, test } from "vitest";
import { ip } from "../test/messages.ts";
import { validateSubnets } from "./subnet.ts";
import type { SubnetConfig } from "./subnet.ts";

const server = ip("10.0.0.1");
const good: SubnetConfig = {
  network: parseIpv4Network("10.0.0.1/24"),
  range: { first: ip("10.0.0.100"), last: ip("10.0.0.200") },
};
const range = (first: string, last: string): Partial<SubnetConfig> => ({ range: { first: ip(first), last: ip(last) } });
const reserve = (...list: readonly (readonly [string, string])[]): Partial<SubnetConfig> => ({
  reservations: list.map(([mac, address]) => ({ mac: parseMac(mac), address: ip(address) })),
});

test("a range inside the subnet, with reservations in it and beside it, is accepted", () => {
  validateSubnets(
    [{ ...good, ...reserve(["52:54:00:00:00:01", "10.0.0.150"], ["52:54:00:00:00:02", "10.0.0.20"]) }],
    server,
  );
  validateSubnets(
    [good, { network: parseIpv4Network("10.1.0.0/24"), range: { first: ip("10.1.0.1"), last: ip("10.1.0.1") } }],
    server,
  );
});

test.each([
  ["no subnet at all", [], "no-subnet"],
  ["a range from high to low", [{ ...good, ...range("10.0.0.9", "10.0.0.8") }], "invalid-range"],
  ["a range that begins outside", [{ ...good, ...range("10.0.1.1", "10.0.1.9") }], "range-outside-subnet"],
  ["a range that ends outside", [{ ...good, ...range("10.0.0.250", "10.0.1.5") }], "range-outside-subnet"],
  ["the server's own address", [{ ...good, ...range("10.0.0.1", "10.0.0.9") }], "range-includes-server"],
  ["the broadcast address", [{ ...good, ...range("10.0.0.250", "10.0.0.255") }], "range-includes-network-or-broadcast"],
  ["the network address", [{ ...good, ...range("10.0.0.0", "10.0.0.0") }], "range-includes-network-or-broadcast"],
  ["the router", [{ ...good, router: ip("10.0.0.150") }], "range-includes-router"],
  ["a lease time of a minute", [{ ...good, leaseSeconds: 60 }], "invalid-lease-time"],
  ["a reservation outside", [{ ...good, ...reserve(["52:54:00:00:00:01", "10.9.0.1"]) }], "reservation-outside-subnet"],
  [
    "a reservation of the server's address",
    [{ ...good, ...reserve(["52:54:00:00:00:01", "10.0.0.1"]) }],
    "reservation-includes-server",
  ],
  [
    "one address reserved twice",
    [{ ...good, ...reserve(["52:54:00:00:00:01", "10.0.0.5"], ["52:54:00:00:00:02", "10.0.0.5"]) }],
    "reservation-conflict",
  ],
  [
    "one machine reserved twice",
    [{ ...good, ...reserve(["52:54:00:00:00:01", "10.0.0.5"], ["52:54:00:00:00:01", "10.0.0.6"]) }],
    "reservation-conflict",
  ],
  ["overlapping subnets", [good, { ...good, network: parseIpv4Network("10.0.0.0/16") }], "overlapping-subnets"],
  [
    "more addresses than supported",
    [{ network: parseIpv4Network("11.0.0.0/8"), range: { first: ip("11.0.0.1"), last: ip("11.2.0.1") } }],
    "range-too-large",
  ],
] as const)("refused: %s", (_name, subnets, code) => {
  expect(() => validateSubnets(subnets, server)).toThrow(expect.objectContaining({ name: "DhcpError", code }));
});

test("RFC 3021: both addresses of a /31 are hosts", () => {
  validateSubnets(
    [{ network: parseIpv4Network("10.0.0.0/31"), range: { first: ip("10.0.0.0"), last: ip("10.0.0.0") } }],
    server,
  );
});
