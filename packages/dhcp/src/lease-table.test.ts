import { ipv4FromNumber, ipv4ToNumber, parseIpv4Network, parseMac } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ip } from "../test/messages.ts";
import { LeaseTable } from "./lease-table.ts";
import type { LeaseClient } from "./lease-table.ts";
import { OFFER_HOLD_MS, QUARANTINE_MS } from "./limits.ts";
import type { SubnetConfig } from "./subnet.ts";

const HOUR_MS = 3_600_000;
const subnet: SubnetConfig = {
  network: parseIpv4Network("10.0.0.1/24"),
  range: { first: ip("10.0.0.10"), last: ip("10.0.0.12") },
  reservations: [
    { mac: parseMac("52:54:00:00:00:aa"), address: ip("10.0.0.50") },
    { mac: parseMac("52:54:00:00:00:bb"), address: ip("10.0.0.11") },
  ],
};

function client(name: string, mac?: string): LeaseClient {
  return { key: name, mac: mac === undefined ? undefined : parseMac(mac) };
}

test("new clients get addresses that nobody had, in order, and never one reserved for another", () => {
  const table = new LeaseTable([subnet]);
  expect(table.offer(client("a"), subnet, undefined, 0)).toBe("10.0.0.10");
  expect(table.offer(client("b"), subnet, undefined, 0)).toBe("10.0.0.12");
  expect(table.offer(client("c"), subnet, undefined, 0)).toBeUndefined();
});

test("an offer is held for its client for a minute and then free for another", () => {
  const table = new LeaseTable([subnet]);
  table.offer(client("a"), subnet, ip("10.0.0.12"), 0);
  expect(table.offer(client("b"), subnet, ip("10.0.0.12"), OFFER_HOLD_MS - 1)).toBe("10.0.0.10");
  expect(table.offer(client("c"), subnet, ip("10.0.0.12"), OFFER_HOLD_MS)).toBe("10.0.0.12");
  expect(table.judge(client("a"), subnet, ip("10.0.0.12"), OFFER_HOLD_MS)).toEqual({
    kind: "no",
    reason: "address-taken",
  });
});

test("an offer that is dropped is free at once", () => {
  const table = new LeaseTable([subnet]);
  table.offer(client("a"), subnet, undefined, 0);
  table.dropOffer("a");
  expect(table.offer(client("b"), subnet, undefined, 0)).toBe("10.0.0.10");
});

test("a client comes back to its address after the lease ended, and after others came", () => {
  const table = new LeaseTable([subnet]);
  table.bind(client("a"), ip("10.0.0.12"), HOUR_MS, undefined);
  expect(table.offer(client("b"), subnet, undefined, 2 * HOUR_MS)).toBe("10.0.0.10");
  expect(table.offer(client("a"), subnet, undefined, 3 * HOUR_MS)).toBe("10.0.0.12");
});

test("a full pool gives out the address that has been free the longest, and only a free one", () => {
  const table = new LeaseTable([subnet]);
  table.bind(client("a"), ip("10.0.0.10"), 2 * HOUR_MS, undefined);
  table.bind(client("b"), ip("10.0.0.12"), HOUR_MS, undefined);
  expect(table.offer(client("c"), subnet, undefined, HOUR_MS - 1)).toBeUndefined();
  expect(table.offer(client("c"), subnet, undefined, 3 * HOUR_MS)).toBe("10.0.0.12");
  table.bind(client("c"), ip("10.0.0.12"), 4 * HOUR_MS, undefined);
  expect(table.leaseOf("b")).toBeUndefined();
});

test("a reservation wins over the lease, the wish and the range", () => {
  const table = new LeaseTable([subnet]);
  const reserved = client("r", "52:54:00:00:00:aa");
  table.bind(reserved, ip("10.0.0.10"), HOUR_MS, undefined);
  expect(table.offer(reserved, subnet, ip("10.0.0.12"), 0)).toBe("10.0.0.50");
  expect(table.judge(reserved, subnet, ip("10.0.0.10"), 0)).toEqual({ kind: "no", reason: "another-address" });
  expect(table.judge(reserved, subnet, ip("10.0.0.50"), 0)).toEqual({ kind: "yes", known: true });
});

test("a reserved address that is still leased to somebody else is given to its owner only afterwards", () => {
  const table = new LeaseTable(
    [subnet],
    [{ client: "old", address: ip("10.0.0.11"), expiresAtMs: HOUR_MS, hostName: undefined }],
  );
  const owner = client("o", "52:54:00:00:00:bb");
  expect(table.offer(owner, subnet, undefined, 0)).toBe("10.0.0.10");
  expect(table.offer(owner, subnet, undefined, HOUR_MS)).toBe("10.0.0.11");
});

test.each([
  ["10.9.0.1", "wrong-subnet"],
  ["10.0.0.99", "not-in-pool"],
  ["10.0.0.11", "address-taken"],
  ["10.0.0.10", "address-taken"],
  ["10.0.0.12", "another-address"],
])("a client with a lease of its own may not have %s: %s", (address, reason) => {
  const wide = { ...subnet, range: { first: ip("10.0.0.10"), last: ip("10.0.0.13") } };
  const table = new LeaseTable([wide]);
  table.bind(client("other"), ip("10.0.0.10"), HOUR_MS, undefined);
  table.bind(client("a"), ip("10.0.0.13"), HOUR_MS, undefined);
  expect(table.judge(client("a"), wide, ip(address), 0)).toEqual({ kind: "no", reason });
});

test("a declined address rests for ten minutes", () => {
  const table = new LeaseTable([subnet]);
  table.bind(client("a"), ip("10.0.0.10"), HOUR_MS, undefined);
  expect(table.decline("a", ip("10.0.0.10"), 0)).toBe(true);
  expect(table.leaseOf("a")).toBeUndefined();
  expect(table.offer(client("a"), subnet, ip("10.0.0.10"), QUARANTINE_MS - 1)).toBe("10.0.0.12");
  expect(table.offer(client("a"), subnet, ip("10.0.0.10"), QUARANTINE_MS)).toBe("10.0.0.10");
});

test("nobody drains the pool by declining addresses that were never his", () => {
  const table = new LeaseTable([subnet]);
  table.bind(client("a"), ip("10.0.0.10"), HOUR_MS, undefined);
  expect(table.decline("b", ip("10.0.0.10"), 0)).toBe(false);
  expect(table.decline("b", ip("10.0.0.12"), 0)).toBe(false);
  expect(table.leaseOf("a")?.address).toBe("10.0.0.10");
});

test("a released lease ends at once and stays on record", () => {
  const table = new LeaseTable([subnet]);
  table.bind(client("a"), ip("10.0.0.12"), HOUR_MS, "pc");
  expect(table.release("a", ip("10.0.0.10"), 5)).toBeUndefined();
  expect(table.release("b", ip("10.0.0.12"), 5)).toBeUndefined();
  expect(table.release("a", ip("10.0.0.12"), 5)).toEqual({
    client: "a",
    address: "10.0.0.12",
    expiresAtMs: 5,
    hostName: "pc",
  });
  expect(table.offer(client("a"), subnet, undefined, 6)).toBe("10.0.0.12");
});

test("the subnet is found by any address in it", () => {
  const other: SubnetConfig = {
    network: parseIpv4Network("10.1.0.0/24"),
    range: { first: ip("10.1.0.5"), last: ip("10.1.0.9") },
  };
  const table = new LeaseTable([subnet, other]);
  expect(table.subnetOf(ip("10.1.0.1"))).toBe(other);
  expect(table.subnetOf(ip("10.2.0.1"))).toBeUndefined();
});

test("whatever clients do, no address has two holders at a time", () => {
  const pool: SubnetConfig = {
    network: parseIpv4Network("10.0.0.1/24"),
    range: { first: ip("10.0.0.10"), last: ip("10.0.0.15") },
  };
  const action = fc.record({
    kind: fc.constantFrom("discover", "request", "release", "decline", "wait"),
    client: fc.nat(8),
    wish: fc.integer({ min: 8, max: 17 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
      const table = new LeaseTable([pool]);
      const offers = new Map<string, string>();
      let now = 0;
      for (const { kind, client: number, wish } of actions) {
        const who = client(`c${number}`);
        const address = ipv4FromNumber(ipv4ToNumber(ip("10.0.0.0")) + wish);
        now += kind === "wait" ? HOUR_MS : 1000;
        if (kind === "discover") offers.set(who.key, table.offer(who, pool, address, now) ?? "");
        if (kind === "request") {
          const asked = offers.get(who.key) || address;
          if (table.judge(who, pool, ip(asked), now).kind === "yes")
            table.bind(who, ip(asked), now + HOUR_MS, undefined);
        }
        if (kind === "release") table.release(who.key, address, now);
        if (kind === "decline") table.decline(who.key, address, now);
        const held = table.leases().map((lease) => lease.address);
        expect(new Set(held).size).toBe(held.length);
        expect(
          held.every(
            (each) =>
              ipv4ToNumber(each) >= ipv4ToNumber(pool.range.first) &&
              ipv4ToNumber(each) <= ipv4ToNumber(pool.range.last),
          ),
        ).toBe(true);
      }
    }),
  );
});
