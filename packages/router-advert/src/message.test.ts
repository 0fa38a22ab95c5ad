import { bytesFromHex, DecodeError, hexFromBytes } from "@ingot/wire";
import { assert, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { decodeRouterMessage, encodeEmptyAdvertisement, encodeSolicitation } from "./message.ts";
import type { ReceivedMessage } from "./message.ts";

const LINK_LOCAL = bytesFromHex("fe800000000000005054 00fffe000001".replace(" ", ""));
const NOBODY = new Uint8Array(16);

function received(hex: string, parts: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return { message: bytesFromHex(hex.replaceAll(" ", "")), source: LINK_LOCAL, hopLimit: 255, ...parts };
}

const solicitation = "85 00 7b2a 00000000";
const linkLayerAddress = "01 01 525400000001";
const advertisement = "86 00 0000 40 c0 0708 00000000 00000000";

test("a solicitation as iPXE sends it, with its link-layer address", () => {
  expect(decodeRouterMessage(received(solicitation + linkLayerAddress))).toEqual({
    kind: "solicitation",
    isAnonymous: false,
  });
});

test("a solicitation of a machine without an address", () => {
  expect(decodeRouterMessage(received(solicitation, { source: NOBODY }))).toEqual({
    kind: "solicitation",
    isAnonymous: true,
  });
});

test("an advertisement with a prefix tells how long its router is there", () => {
  const prefix = "03 04 40 c0 00015180 00003840 00000000 20010db8000000000000000000000000";
  expect(decodeRouterMessage(received(advertisement + prefix))).toEqual({
    kind: "advertisement",
    lifetimeSeconds: 1800,
  });
});

test("what is sent says nothing: lifetime 0, no flags, everything unspecified", () => {
  expect(hexFromBytes(encodeEmptyAdvertisement())).toBe("86000000000000000000000000000000");
  expect(decodeRouterMessage(received(hexFromBytes(encodeEmptyAdvertisement())))).toEqual({
    kind: "advertisement",
    lifetimeSeconds: 0,
  });
  expect(decodeRouterMessage(received(hexFromBytes(encodeSolicitation())))).toMatchObject({ kind: "solicitation" });
});

test.each([
  ["a hop limit below 255: a router passed it on", received(solicitation, { hopLimit: 254 })],
  ["another code", received("85 01 0000 00000000")],
  ["fewer than 8 bytes", received("85 00 0000 000000")],
  ["an option of length 0", received(`${solicitation} 01 00 525400000001`)],
  ["an option past the end", received(`${solicitation} 01 02 525400000001`)],
  ["half an option", received(`${solicitation} 01`)],
  ["a link-layer address without a source address", received(solicitation + linkLayerAddress, { source: NOBODY })],
  ["an advertisement of fewer than 16 bytes", received("86 00 0000 40 00 0708 00000000 000000")],
  [
    "an advertisement from a global address",
    received(advertisement, { source: bytesFromHex(`2001${"0".repeat(28)}`) }),
  ],
  ["another type", received("87 00 0000 00000000")],
  ["nothing", received("")],
])("dropped: %s", (_name, message) => {
  expect(() => decodeRouterMessage(message)).toThrow(DecodeError);
});

test("any bytes are read or refused, and nothing else", () => {
  assert(
    property(uint8Array({ maxLength: 64 }), (tail) => {
      for (const type of [133, 134]) {
        try {
          decodeRouterMessage({ message: Uint8Array.of(type, 0, ...tail), source: LINK_LOCAL, hopLimit: 255 });
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }),
  );
});
