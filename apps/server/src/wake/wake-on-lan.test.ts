import { parseIpv4Network } from "@ingot/wire";
import { expect, test } from "vitest";
import { wakeTargets } from "./wake-on-lan.ts";

const networks = { own: parseIpv4Network("10.0.0.1/24"), others: [parseIpv4Network("10.8.0.0/22")] };

test.each([
  ["a machine of the own subnet", "10.0.0.77", "10.0.0.255"],
  ["a machine behind a router", "10.8.2.5", "10.8.3.255"],
  ["a machine that was never seen", undefined, "10.0.0.255"],
  ["a machine that was seen somewhere else", "192.168.1.5", "10.0.0.255"],
  ["a machine that was seen by IPv6", "fe80::1", "10.0.0.255"],
])("%s is called by the broadcast address of its subnet", (_who, address, target) => {
  expect(wakeTargets(networks, address)).toEqual([target]);
});
