import { bytesFromHex, parseMac } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clientMessage, ip } from "../test/messages.ts";
import { MessageType } from "./message-type.ts";
import { Op, chaddrFrom, decodePacket, encodePacket, macOf } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";

const LITERAL = bytesFromHex(
  [
    "01", // op: request
    "01", // htype: Ethernet
    "06", // hlen
    "00", // hops
    "3903f326", // xid
    "0004", // secs
    "8000", // flags: broadcast
    "00000000", // ciaddr
    "00000000", // yiaddr
    "00000000", // siaddr
    "0a000001", // giaddr 10.0.0.1
    "525400123456" + "00".repeat(10), // chaddr
    "7365727665720000" + "00".repeat(56), // sname "server"
    "626f6f742e30" + "00".repeat(122), // file "boot.0"
    "63825363", // magic cookie
    "350101", // 53 message type: discover
    "3c09505845436c69656e74", // 60 vendor class: PXEClient
    "5d020007", // 93 architecture: 7
    "ff", // end
    "00".repeat(300 - 240 - 3 - 11 - 4 - 1), // padding to the 300 bytes of BOOTP
  ].join(""),
);

const OBJECT: DhcpPacket = {
  op: Op.bootRequest,
  htype: 1,
  hlen: 6,
  hops: 0,
  xid: 0x3903_f326,
  secs: 4,
  flags: 0x8000,
  ciaddr: ip("0.0.0.0"),
  yiaddr: ip("0.0.0.0"),
  siaddr: ip("0.0.0.0"),
  giaddr: ip("10.0.0.1"),
  chaddr: chaddrFrom(bytesFromHex("525400123456")),
  sname: "server",
  file: "boot.0",
  options: new Map([
    [53, Uint8Array.of(1)],
    [60, new TextEncoder().encode("PXEClient")],
    [93, Uint8Array.of(0, 7)],
  ]),
};

test("RFC 2131 figure 1: a DISCOVER, byte by byte, both ways", () => {
  expect(decodePacket(LITERAL)).toEqual(OBJECT);
  expect(encodePacket(OBJECT)).toEqual(LITERAL);
});

test("the MAC address is read from chaddr on Ethernet only", () => {
  expect(macOf(OBJECT)).toBe(parseMac("52:54:00:12:34:56"));
  expect(macOf({ ...OBJECT, htype: 32 })).toBeUndefined();
  expect(macOf({ ...OBJECT, hlen: 8 })).toBeUndefined();
});

test("RFC 2132 §9.3: options in file and sname are read after those of the options area, and joined", () => {
  const bytes = Uint8Array.from(LITERAL);
  bytes.fill(0, 44, 240 - 4);
  bytes.set([43, 1, 3, 255], 44); // sname
  bytes.set([43, 1, 2, 67, 2, 104, 105, 255], 108); // file
  bytes.set([53, 1, 1, 52, 1, 3, 43, 1, 1, 255], 240);
  const packet = decodePacket(bytes);
  expect(packet.options.get(43)).toEqual(Uint8Array.of(1, 2, 3));
  expect(packet.options.get(67)).toEqual(Uint8Array.of(104, 105));
  expect(packet.options.has(52)).toBe(false);
  expect([packet.sname, packet.file]).toEqual(["", ""]);
});

test("options that do not fit the client's maximum move to file and sname, option 82 stays last in the main area", () => {
  const options = new Map([
    [53, Uint8Array.of(2)],
    [17, new Uint8Array(200).fill(97)],
    [67, new Uint8Array(100).fill(98)],
    [43, new Uint8Array(50).fill(99)],
    [82, new Uint8Array(80).fill(1)],
  ]);
  const packet = { ...OBJECT, sname: "", file: "", options };
  const bytes = encodePacket(packet);
  expect(bytes.length).toBeLessThanOrEqual(548);
  expect(decodePacket(bytes)).toEqual(packet);
  const area = bytes.subarray(240);
  const relayAt = 3 + 202 + 3;
  expect([...area.subarray(3 + 202, relayAt)]).toEqual([52, 1, 3]);
  expect(area[relayAt]).toBe(82);
  expect(area[relayAt + 82]).toBe(255);
});

test("a larger maximum from option 57 needs no overload", () => {
  const packet = {
    ...OBJECT,
    options: new Map([
      [53, Uint8Array.of(2)],
      [17, new Uint8Array(900)],
    ]),
  };
  expect(decodePacket(encodePacket(packet, { maxMessageBytes: 1500 }))).toEqual(packet);
});

test("options that fit nowhere are our own error, not a cut message", () => {
  const packet = {
    ...OBJECT,
    options: new Map([
      [53, Uint8Array.of(2)],
      [17, new Uint8Array(900)],
    ]),
  };
  expect(() => encodePacket(packet)).toThrow(expect.objectContaining({ code: "message-too-large" }));
});

test("a name too long for its field is our own error", () => {
  expect(() => encodePacket({ ...OBJECT, file: "x".repeat(128) })).toThrow(RangeError);
  expect(encodePacket({ ...OBJECT, file: "x".repeat(127) }).length).toBe(300);
});

function changed(at: number, ...values: readonly number[]): Uint8Array {
  const bytes = Uint8Array.from(LITERAL);
  bytes.set(values, at);
  return bytes;
}

test.each([
  ["nothing", new Uint8Array(), "truncated"],
  ["less than the fixed fields", LITERAL.subarray(0, 235), "truncated"],
  ["fixed fields and nothing else", LITERAL.subarray(0, 240), "invalid"],
  ["op 3", changed(0, 3), "invalid"],
  ["hlen 17", changed(2, 17), "invalid"],
  ["BOOTP without the cookie", changed(236, 0, 0, 0, 0), "invalid"],
  ["an option past the end", changed(241, 200), "truncated"],
  ["overload 0", changed(240, 52, 1, 0, 255), "invalid"],
  ["overload 4", changed(240, 52, 1, 4, 255), "invalid"],
  ["overload of two bytes", changed(240, 52, 2, 1, 1, 255), "invalid"],
  ["overload of a field without an end option", changed(240, 52, 1, 1, 255), "invalid"],
  ["more than a jumbo frame", new Uint8Array(9001), "invalid"],
] as const)("malformed: %s", (_name, bytes, code) => {
  expect(() => decodePacket(bytes)).toThrow(expect.objectContaining({ name: "DecodeError", code }));
});

const address = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((bytes) => ip(bytes.join(".")));
const fieldText = (maximum: number) =>
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: maximum }).map((codes) => String.fromCharCode(...codes));
const packets: fc.Arbitrary<DhcpPacket> = fc.record({
  op: fc.constantFrom(Op.bootRequest, Op.bootReply),
  htype: fc.nat(255),
  hlen: fc.nat(16),
  hops: fc.nat(255),
  xid: fc.nat(0xffff_ffff),
  secs: fc.nat(0xffff),
  flags: fc.nat(0xffff),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  sname: fieldText(63),
  file: fieldText(127),
  options: fc
    .uniqueArray(
      fc.tuple(
        fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52),
        fc.uint8Array({ maxLength: 300 }),
      ),
      { selector: ([code]) => code, maxLength: 6 },
    )
    .map((entries) => new Map(entries)),
});

test("every message comes back from its bytes, unknown options included", () => {
  fc.assert(
    fc.property(packets, (packet) => {
      expect(decodePacket(encodePacket(packet, { maxMessageBytes: 4000 }))).toEqual(packet);
    }),
  );
});

test("bytes from the network decode or throw a DecodeError, nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, withHeader) => {
      const bytes = withHeader ? Uint8Array.from([...LITERAL.subarray(0, 240), ...noise]) : noise;
      try {
        decodePacket(bytes);
      } catch (error) {
        expect(error).toHaveProperty("name", "DecodeError");
      }
    }),
  );
});

test("the helper's messages are encodable", () => {
  expect(decodePacket(encodePacket(clientMessage(MessageType.discover)))).toEqual(clientMessage(MessageType.discover));
});
