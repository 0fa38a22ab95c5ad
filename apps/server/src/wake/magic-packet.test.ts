import { parseMac } from "@ingot/wire";
import { expect, test } from "vitest";
import { magicPacket } from "./magic-packet.ts";

test("the packet is six times ff and sixteen times the address, as etherwake sends it", () => {
  const expected = `${"ff".repeat(6)}${"525400abcdef".repeat(16)}`;
  expect(magicPacket(parseMac("52:54:00:ab:cd:ef")).toHex()).toBe(expected);
  expect(expected.length / 2).toBe(102);
});
