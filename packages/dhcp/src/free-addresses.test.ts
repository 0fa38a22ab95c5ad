import { expect, test } from "vitest";
import { ip } from "../test/messages.ts";
import { FreeAddresses } from "./free-addresses.ts";

test("addresses that come back stand behind those that were never given out, and foreign ones never enter", () => {
  const free = new FreeAddresses({ first: ip("10.0.0.254"), last: ip("10.0.1.1") });
  free.take(ip("10.0.0.254"));
  free.take(ip("10.0.0.255"));
  free.giveBack(ip("10.0.0.254"));
  free.giveBack(ip("10.0.0.253"));
  free.take(ip("10.9.9.9"));
  expect([...free.values()]).toEqual(["10.0.1.0", "10.0.1.1", "10.0.0.254"]);
});
