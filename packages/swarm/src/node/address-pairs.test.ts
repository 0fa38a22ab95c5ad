import { expect, test } from "vitest";
import { AddressPairs } from "./address-pairs.ts";

function turns(pairs: AddressPairs, count: number): string[] {
  return Array.from({ length: count }, () => {
    const { localAddress, host } = pairs.next();
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

test("a way that leads nowhere is left out, but never the last one", () => {
  const pairs = new AddressPairs([], ["10.0.0.2", "10.1.0.2"]);
  pairs.failed(pairs.next());
  expect(turns(pairs, 2)).toEqual(["any > 10.1.0.2", "any > 10.1.0.2"]);
  pairs.failed(pairs.next());
  expect(pairs.count).toBe(1);
});
