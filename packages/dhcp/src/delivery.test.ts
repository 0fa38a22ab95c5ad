import { expect, test } from "vitest";
import { ip } from "../test/messages.ts";
import { deliveryOf } from "./delivery.ts";
import { MessageType } from "./message-type.ts";
import { FLAG_BROADCAST, NO_ADDRESS } from "./packet.ts";

const none = NO_ADDRESS;
const relay = { kind: "relay", address: "10.1.0.1", port: 67 };
const unicast = { kind: "unicast", address: "10.0.0.9", port: 68 };
const broadcast = { kind: "broadcast", address: "255.255.255.255", port: 68 };

test.each([
  ["an offer through a relay", { giaddr: ip("10.1.0.1"), ciaddr: none, flags: 0 }, MessageType.offer, relay],
  [
    "an ack through a relay to a client with an address",
    { giaddr: ip("10.1.0.1"), ciaddr: ip("10.0.0.9"), flags: 0 },
    MessageType.ack,
    relay,
  ],
  ["a nak through a relay", { giaddr: ip("10.1.0.1"), ciaddr: none, flags: 0 }, MessageType.nak, relay],
  ["an ack to a client that renews", { giaddr: none, ciaddr: ip("10.0.0.9"), flags: 0 }, MessageType.ack, unicast],
  [
    "an ack to a client that renews and wants broadcast",
    { giaddr: none, ciaddr: ip("10.0.0.9"), flags: FLAG_BROADCAST },
    MessageType.ack,
    broadcast,
  ],
  ["a nak to a client that renews", { giaddr: none, ciaddr: ip("10.0.0.9"), flags: 0 }, MessageType.nak, broadcast],
  ["an offer to a client without an address", { giaddr: none, ciaddr: none, flags: 0 }, MessageType.offer, broadcast],
] as const)("RFC 2131 §4.1: %s", (_name, request, type, expected) => {
  expect(deliveryOf(request, type)).toEqual(expected);
});
