import { bytesFromHex } from "@ingot/wire";
import { expect, test } from "vitest";
import { optionsOf } from "../test/messages.ts";
import {
  ipv4Value,
  readIpv4ListOption,
  readIpv4Option,
  readTextOption,
  readU16Option,
  readU32Option,
  readU8Option,
  textValue,
} from "./option-values.ts";
import { bootFactsOf } from "./boot-facts.ts";
import { encodeUseBootFile, readArchitectures, readMachineUuid, readNetworkInterface } from "./pxe-options.ts";
import { readLinkSelection } from "./relay-agent.ts";
import { decodeUserClass } from "./user-class.ts";
import { clientMessage, ip } from "../test/messages.ts";
import { MessageType } from "./message-type.ts";

test("absent is undefined, malformed throws: the two are told apart", () => {
  expect(readU8Option(new Map(), 53)).toBeUndefined();
  expect(() => readU8Option(optionsOf({ 53: [] }), 53)).toThrow(expect.objectContaining({ code: "truncated" }));
  expect(() => readU8Option(optionsOf({ 53: [1, 2] }), 53)).toThrow(expect.objectContaining({ code: "trailing" }));
  expect(() => readU16Option(optionsOf({ 57: [1] }), 57)).toThrow(expect.objectContaining({ code: "truncated" }));
  expect(() => readU32Option(optionsOf({ 51: [1, 2, 3] }), 51)).toThrow(expect.objectContaining({ code: "truncated" }));
  expect(() => readIpv4Option(optionsOf({ 54: [1, 2, 3, 4, 5] }), 54)).toThrow(
    expect.objectContaining({ code: "trailing" }),
  );
  expect(() => readIpv4ListOption(optionsOf({ 6: [] }), 6)).toThrow(expect.objectContaining({ code: "truncated" }));
});

test("RFC 2132 §3.8: a list of addresses", () => {
  const value = ipv4Value(ip("10.0.0.1"), ip("10.0.0.2"));
  expect(readIpv4ListOption(new Map([[6, value]]), 6)).toEqual(["10.0.0.1", "10.0.0.2"]);
});

test("RFC 2132 §2: a closing NUL is dropped, and the 0xff that old ROMs copy from the end option", () => {
  expect(readTextOption(optionsOf({ 67: [98, 105, 110, 0] }), 67)).toBe("bin");
  expect(readTextOption(optionsOf({ 67: [98, 105, 110, 0xff] }), 67)).toBe("bin");
  expect(readTextOption(optionsOf({ 67: [0] }), 67)).toBe("");
});

test("text that is not ASCII is never sent", () => {
  expect(() => textValue("grün")).toThrow(RangeError);
});

test("RFC 3004 §4: a list of user classes", () => {
  expect(decodeUserClass(Uint8Array.of(4, 105, 80, 88, 69, 2, 97, 98))).toEqual(["iPXE", "ab"]);
});

test.each([
  ["iPXE", ["iPXE"]],
  ["ingot", ["ingot"]],
  ["", []],
])("iPXE's bare user class %j is one class", (text, classes) => {
  expect(decodeUserClass(new TextEncoder().encode(text))).toEqual(classes);
});

test.each([
  ["a length beyond the end", [9, 97, 98]],
  ["an empty class, which RFC 3004 forbids", [0, 1, 97]],
])("what is no list is one bare class: %s", (_name, bytes) => {
  expect(decodeUserClass(Uint8Array.from(bytes))).toEqual([String.fromCharCode(...bytes)]);
});

test("RFC 4578 §2.1: architectures are a list in the client's order", () => {
  expect(readArchitectures(optionsOf({ 93: [0, 7, 0, 0] }))).toEqual([7, 0]);
  expect(() => readArchitectures(optionsOf({ 93: [0] }))).toThrow(expect.objectContaining({ code: "truncated" }));
  expect(() => readArchitectures(optionsOf({ 93: [0, 7, 0] }))).toThrow(expect.objectContaining({ code: "truncated" }));
});

test("RFC 4578 §2.2: the network interface version", () => {
  expect(readNetworkInterface(optionsOf({ 94: [1, 3, 16] }))).toEqual({ type: 1, major: 3, minor: 16 });
  expect(() => readNetworkInterface(optionsOf({ 94: [1, 3] }))).toThrow(expect.objectContaining({ code: "truncated" }));
});

test("RFC 4578 §2.3: the machine's UUID stands as SMBIOS has it, first three fields little-endian", () => {
  const value = bytesFromHex("00" + "33221100" + "5544" + "7766" + "8899aabbccddeeff");
  expect(readMachineUuid(new Map([[97, value]]))).toBe("00112233-4455-6677-8899-aabbccddeeff");
});

test.each([
  ["empty, as some ROMs send it", []],
  ["of another type", [1, ...new Uint8Array(16)]],
  ["too short", [0, 1, 2, 3]],
])("a machine identifier that is %s costs the UUID, not the boot", (_name, bytes) => {
  expect(readMachineUuid(optionsOf({ 97: bytes }))).toBeUndefined();
});

test("PXE 2.1 §2.2: discovery control 8 says to use the boot file; the client's boot item comes back", () => {
  expect(encodeUseBootFile(undefined)).toEqual(Uint8Array.of(6, 1, 8, 255));
  expect(encodeUseBootFile(Uint8Array.of(71, 4, 0, 0, 0, 1, 255))).toEqual(
    Uint8Array.of(6, 1, 8, 71, 4, 0, 0, 0, 1, 255),
  );
  expect(() => encodeUseBootFile(Uint8Array.of(71, 4, 0))).toThrow(expect.objectContaining({ code: "truncated" }));
});

test("RFC 3527: link selection is sub-option 5 of the relay's information", () => {
  expect(readLinkSelection(optionsOf({ 82: [1, 2, 9, 9, 5, 4, 10, 9, 0, 0] }))).toBe("10.9.0.0");
  expect(readLinkSelection(optionsOf({ 82: [1, 2, 9, 9] }))).toBeUndefined();
  expect(readLinkSelection(new Map())).toBeUndefined();
  expect(() => readLinkSelection(optionsOf({ 82: [5, 4, 10] }))).toThrow(
    expect.objectContaining({ code: "truncated" }),
  );
});

test("the facts of a message from a machine that is not on Ethernet have its hardware address and no MAC", () => {
  const facts = bootFactsOf(clientMessage(MessageType.discover, { htype: 32, hlen: 0 }));
  expect([facts.mac, facts.hardwareAddress]).toEqual([undefined, ""]);
});
