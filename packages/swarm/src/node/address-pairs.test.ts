import { expect, test } from "vitest";
import { AddressPairs } from "./address-pairs.ts";
import { WAY_ASIDE_MS } from "./limits.ts";

function turns(pairs: AddressPairs, count: number): string[] {
  return Array.from({ length: count }, () => {
    const { localAddress, host } = pairs.next(0);
    return `${localAddress ?? "any"} > ${host}`;
  });
}

test.each<[string, string[], string[], string[]]>([
  ["one address each: the system chooses", ["10.0.0.1"], ["10.0.0.2"], ["any > 10.0.0.2", "any > 10.0.0.2"]],
  ["own addresses unknown", [], ["10.0.0.2", "10.1.0.2"], ["any > 10.0.0.2", "any > 10.1.0.2"]],
  [
    "two networks: like to like",
    ["10.0.0.1", "10.1.0.1"],
    ["10.1.0.2", "10.0.0.2"],
    ["10.0.0.1 > 10.0.0.2", "10.1.0.1 > 10.1.0.2", "10.0.0.1 > 10.0.0.2"],
  ],
  [
    "two cards to one",
    ["10.0.0.1", "10.0.0.3"],
    ["10.0.0.2"],
    ["10.0.0.1 > 10.0.0.2", "10.0.0.3 > 10.0.0.2", "10.0.0.1 > 10.0.0.2"],
  ],
  ["one card to two", ["10.0.0.1"], ["10.0.0.2", "10.0.0.3"], ["any > 10.0.0.2", "any > 10.0.0.3"]],
  ["the same address twice", ["10.0.0.1"], ["10.0.0.2", "10.0.0.2"], ["any > 10.0.0.2", "any > 10.0.0.2"]],
])("%s", (_what, local, remote, expected) => {
  expect(turns(new AddressPairs(local, remote), expected.length)).toEqual(expected);
});

test("a way that led nowhere is left out for a while, as long as there is another", () => {
  const pairs = new AddressPairs([], ["10.0.0.2", "10.1.0.2"]);
  const hosts = (now: number): string[] => [pairs.next(now).host, pairs.next(now).host];
  expect(pairs.failed(pairs.next(0), 0)).toBe(true);
  expect(hosts(10)).toEqual(["10.1.0.2", "10.1.0.2"]);
  expect(pairs.failed(pairs.next(20), 20)).toBe(false);
  expect(hosts(30)).toEqual(["10.0.0.2", "10.0.0.2"]);
  expect(hosts(WAY_ASIDE_MS + 10).toSorted()).toEqual(["10.0.0.2", "10.0.0.2"]);
  expect(hosts(WAY_ASIDE_MS + 20).toSorted()).toEqual(["10.0.0.2", "10.1.0.2"]);
});

test("an only way is tried again and again", () => {
  const pairs = new AddressPairs([], ["10.0.0.2"]);
  expect(pairs.failed(pairs.next(0), 0)).toBe(false);
  expect(pairs.next(1).host).toBe("10.0.0.2");
});
