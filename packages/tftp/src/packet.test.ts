import { DecodeError } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_OPTIONS } from "./limits.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import type { TftpPacket } from "./packet.ts";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesOf = (...parts: readonly (string | number)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...ascii(part)] : [part])));

const packets: readonly (readonly [string, Uint8Array, TftpPacket])[] = [
  [
    "a read request with options, as OVMF sends it",
    // Opcode; file name; mode; each option and its value.
    bytesOf(0, 1, "snponly.efi", 0, "octet", 0, "tsize", 0, "0", 0, "blksize", 0, "1468", 0),
    {
      kind: "rrq",
      filename: ascii("snponly.efi"),
      mode: "octet",
      options: [
        { name: "tsize", value: "0" },
        { name: "blksize", value: "1468" },
      ],
    },
  ],
  [
    "a write request",
    bytesOf(0, 2, "x", 0, "netascii", 0),
    { kind: "wrq", filename: ascii("x"), mode: "netascii", options: [] },
  ],
  ["data", bytesOf(0, 3, 0x12, 0x34, "abc"), { kind: "data", block: 0x1234, data: ascii("abc") }],
  ["the empty last block", bytesOf(0, 3, 0, 2), { kind: "data", block: 2, data: new Uint8Array() }],
  ["an acknowledgement", bytesOf(0, 4, 0xff, 0xff), { kind: "ack", block: 65_535 }],
  ["an error", bytesOf(0, 5, 0, 1, "No", 0), { kind: "error", code: 1, message: "No" }],
  [
    "an option acknowledgement",
    bytesOf(0, 6, "blksize", 0, "1432", 0),
    { kind: "oack", options: [{ name: "blksize", value: "1432" }] },
  ],
];

test.each(packets)("%s, byte by byte", (_title, bytes, packet) => {
  expect(decodePacket(bytes)).toEqual(packet);
  expect(encodePacket(packet)).toEqual(bytes);
});

test("the mode may be written in any case (RFC 1350 §5)", () => {
  expect(decodePacket(bytesOf(0, 1, "x", 0, "OctEt", 0))).toMatchObject({ mode: "octet" });
});

test("an error whose text has no end, or padding behind it, still ends the transfer", () => {
  expect(decodePacket(bytesOf(0, 5, 0, 0))).toEqual({ kind: "error", code: 0, message: "" });
  expect(decodePacket(bytesOf(0, 5, 0, 8, "User aborted"))).toMatchObject({ message: "User aborted" });
  expect(decodePacket(bytesOf(0, 5, 0, 8, "a", 0, 0, 0))).toMatchObject({ message: "a" });
  expect(decodePacket(bytesOf(0, 5, 0, 8, "a\nb", 7, 0xff))).toMatchObject({ message: "a.b.." });
  expect(decodePacket(bytesOf(0, 5, 0, 8, "x".repeat(5000)))).toMatchObject({ message: "x".repeat(256) });
});

test.each([
  ["nothing", [], "truncated"],
  ["half an opcode", [0], "truncated"],
  ["opcode 0", [0, 0], "invalid"],
  ["opcode 7", [0, 7, 0, 0], "invalid"],
  ["a name without an end", [0, 1, "name"], "truncated"],
  ["a request without a mode", [0, 1, "name", 0], "truncated"],
  ["a mode without an end", [0, 1, "name", 0, "octet"], "truncated"],
  ["a mode that is not ASCII", [0, 1, "name", 0, 0xc3, 0xa9, 0], "invalid"],
  ["an option without a value", [0, 1, "name", 0, "octet", 0, "tsize", 0], "truncated"],
  ["an option value without an end", [0, 1, "name", 0, "octet", 0, "tsize", 0, "0"], "truncated"],
  ["an option name with a control character", [0, 1, "n", 0, "octet", 0, "ts\x07", 0, "0", 0], "invalid"],
  ["too many options", [0, 1, "n", 0, "octet", 0, "a\0b\0".repeat(MAX_OPTIONS + 1)], "invalid"],
  ["an ACK without a block", [0, 4, 1], "truncated"],
  ["an ACK with more behind it", [0, 4, 0, 1, 0], "trailing"],
  ["DATA without a block", [0, 3], "truncated"],
  ["ERROR without a code", [0, 5, 0], "truncated"],
] as const)("malformed: %s", (_title, parts, code) => {
  const decode = (): TftpPacket => decodePacket(bytesOf(...parts));
  expect(decode).toThrow(DecodeError);
  expect(decode).toThrow(expect.objectContaining({ code }));
});

const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
const options = fc.array(fc.record({ name: text, value: text }), { maxLength: MAX_OPTIONS });
const block = fc.integer({ min: 0, max: 0xffff });
const anyPacket: fc.Arbitrary<TftpPacket> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("rrq" as const, "wrq" as const),
    filename: fc.uint8Array().map((bytes) => bytes.filter((byte) => byte !== 0)),
    mode: text.map((mode) => mode.toLowerCase()),
    options,
  }),
  fc.record({ kind: fc.constant("data" as const), block, data: fc.uint8Array() }),
  fc.record({ kind: fc.constant("ack" as const), block }),
  fc.record({ kind: fc.constant("error" as const), code: block, message: text }),
  fc.record({ kind: fc.constant("oack" as const), options }),
);

test("every packet comes back as it was", () => {
  fc.assert(
    fc.property(anyPacket, (packet) => {
      expect(decodePacket(encodePacket(packet))).toEqual(packet);
    }),
  );
});

test("any bytes are a packet or a DecodeError", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 600 }), (opcode, rest) => {
      try {
        decodePacket(Uint8Array.of(0, opcode, ...rest));
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
  );
});
