import { DecodeError } from "@ingot/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PieceSet } from "../piece-set.ts";
import { ByeReason, encodeFrame, FrameDecoder, type Hello, type Message } from "./frames.ts";

const PIECES = 20;

function setOf(pieces: readonly number[], pieceCount = PIECES): PieceSet {
  const set = new PieceSet(pieceCount);
  for (const piece of pieces) set.add(piece);
  return set;
}

const HELLO: Hello = {
  type: "hello",
  instance: 0xdead_beef,
  bulkPort: 8474,
  isOrigin: true,
  isRemote: false,
  ticket: new Uint8Array([1, 2, 3]),
  hosts: ["10.0.0.7", "fd00::1"],
  held: setOf([0, 9, 19]),
};

const HELLO_HEX = [
  "01 000026", // hello, 38 bytes
  "01 04", // version 1; origin
  "deadbeef", // instance
  "211a", // bulk port 8474
  "00000014", // 20 pieces
  "0003 010203", // ticket
  "02", // two addresses
  "08 31302e302e302e37", // 10.0.0.7
  "07 666430303a3a31", // fd00::1
  "010208", // pieces 0, 9 and 19
];

function bytesOf(...hex: readonly string[]): Uint8Array {
  return Uint8Array.fromHex(hex.join("").replaceAll(" ", ""));
}

function decode(bytes: Uint8Array, pieceCount = PIECES): Message[] {
  return new FrameDecoder(pieceCount).push(bytes);
}

describe("frames", () => {
  test("a hello is these bytes", () => {
    expect(encodeFrame(HELLO).toHex()).toBe(bytesOf(...HELLO_HEX).toHex());
    expect(decode(bytesOf(...HELLO_HEX))).toEqual([HELLO]);
  });

  test.each<[Message, string]>([
    [{ type: "have", pieces: [1, 19] }, "02 000008 00000001 00000013"],
    [{ type: "grant", suggestion: 7 }, "03 000004 00000007"],
    [{ type: "grant", suggestion: undefined }, "03 000004 ffffffff"],
    [{ type: "request", piece: 2 }, "04 000004 00000002"],
    [{ type: "decline", untilWelcome: false }, "05 000001 00"],
    [{ type: "decline", untilWelcome: true }, "05 000001 01"],
    [{ type: "welcome" }, "06 000000"],
    [{ type: "cancel", piece: 3 }, "07 000004 00000003"],
    [{ type: "bye", reason: ByeReason.duplicate }, "08 000001 01"],
    [{ type: "ping" }, "09 000000"],
    [{ type: "pong" }, "0a 000000"],
  ])("%o is %s", (message, hex) => {
    expect(encodeFrame(message).toHex()).toBe(bytesOf(hex).toHex());
    expect(decode(bytesOf(hex))).toEqual([message]);
  });

  test("all pieces and none need no bitmap", () => {
    for (const held of [PieceSet.full(1_000_000), new PieceSet(1_000_000)]) {
      const bytes = encodeFrame({ ...HELLO, held });
      expect(bytes.length).toBeLessThan(60);
      expect(decode(bytes, 1_000_000)).toEqual([{ ...HELLO, held }]);
    }
  });

  test("frames come out the same however the bytes are cut", () => {
    const anyPieces = fc.array(fc.nat(PIECES - 1), { minLength: 1, maxLength: 30 });
    const anyMessage: fc.Arbitrary<Message> = fc.oneof(
      anyPieces.map((pieces): Message => ({ type: "have", pieces })),
      anyPieces.map((pieces): Message => ({ ...HELLO, held: setOf(pieces) })),
      fc.option(fc.nat(PIECES - 1), { nil: undefined }).map((suggestion): Message => ({ type: "grant", suggestion })),
      fc
        .tuple(fc.constantFrom("request", "cancel"), fc.nat(PIECES - 1))
        .map(([type, piece]): Message => ({ type, piece })),
      fc.boolean().map((untilWelcome): Message => ({ type: "decline", untilWelcome })),
      fc.constantFrom("welcome", "ping", "pong").map((type): Message => ({ type })),
    );
    fc.assert(
      fc.property(
        fc.array(anyMessage, { maxLength: 12 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (list, cuts) => {
          const bytes = Buffer.concat(list.map(encodeFrame));
          const decoder = new FrameDecoder(PIECES);
          const messages: Message[] = [];
          for (let at = 0; at < bytes.length;) {
            const length = cuts.next().value ?? 1;
            messages.push(...decoder.push(bytes.subarray(at, at + length)));
            at += length;
          }
          expect(messages).toEqual(list);
        },
      ),
    );
  });

  test("what was decoded does not change with the buffer that it came in", () => {
    const bytes = encodeFrame(HELLO);
    const [message] = decode(bytes);
    bytes.fill(0xff);
    expect(message).toEqual(HELLO);
  });

  test.each([
    ["type 0", "00 000000"],
    ["type 11", "0b 000000"],
    ["a ping with content", "09 000001"],
    ["a have of nothing", "02 000000"],
    ["a have of 1025 pieces, before they are there", "02 001004"],
    ["a have of one piece and a half", "02 000006 00000001 0000"],
    ["a piece that the image does not have", "02 000004 00000014"],
    ["a suggestion that the image does not have", "03 000004 00000014"],
    ["a request for a piece that the image does not have", "04 000004 00000014"],
    ["a request for nothing", "04 000000"],
    ["a decline until something else", "05 000001 02"],
    ["a bye for no reason", "08 000001 05"],
    ["a hello of 16 MiB, before it is there", "01 ffffff"],
    ["a hello of another version", HELLO_HEX.join("").replace("01 04", "02 04")],
    ["a hello with an unknown flag", HELLO_HEX.join("").replace("01 04", "01 14")],
    ["a hello of all and of none", HELLO_HEX.join("").replace("01 04", "01 03")],
    ["a hello without a bulk port", HELLO_HEX.join("").replace("211a", "0000")],
    ["a hello of another image", HELLO_HEX.join("").replace("00000014", "00000015")],
    ["a ticket that is too long", HELLO_HEX.join("").replace("0003", "0201")],
    ["a ticket that is cut", HELLO_HEX.join("").replace("0003", "0080")],
    ["nine addresses", HELLO_HEX.join("").replace("010203" + "02", "010203" + "09")],
    ["an address that is a name", HELLO_HEX.join("").replace("31302e302e302e37", "6c6f63616c2e6e65")],
    ["a bitmap with a piece behind the last one", HELLO_HEX.join("").replace("010208", "010218")],
    ["a bitmap that is cut", HELLO_HEX.join("").replace("000026", "000025").replace("010208", "0102")],
    ["something behind the bitmap", HELLO_HEX.join("").replace("000026", "000027") + "00"],
  ])("refused: %s", (_what, hex) => {
    expect(() => decode(bytesOf(hex))).toThrow(DecodeError);
  });

  test("any bytes are frames, the beginning of one, or refused", () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(fc.nat(bytesOf(...HELLO_HEX).length - 1), fc.nat(255)).map(([at, value]) => {
        const bytes = bytesOf(...HELLO_HEX);
        bytes[at] = value;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        try {
          const messages = decode(bytes);
          // What is let through is written in one way only, but for the sets that have a shorter one.
          for (const message of messages) expect(encodeFrame(message).length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
    );
  });
});
