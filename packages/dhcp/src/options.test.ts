import { DecodeError } from "@ingot/wire";
import { expect, test } from "vitest";
import { decodeOptionArea, encodeOptionParts } from "./options.ts";

function decode(bytes: readonly number[]): ReadonlyMap<number, Uint8Array> {
  const into = new Map<number, Uint8Array>();
  decodeOptionArea(Uint8Array.from(bytes), "options", into);
  return into;
}

test("RFC 2132 §3.1, §3.2: pad bytes stand between options and everything after end is ignored", () => {
  expect(decode([0, 0, 53, 1, 1, 0, 255, 12, 200])).toEqual(new Map([[53, Uint8Array.of(1)]]));
});

test("an option may be empty", () => {
  expect(decode([116, 0, 255])).toEqual(new Map([[116, new Uint8Array()]]));
});

test("RFC 3396 §7: parts of an option are joined in order, wherever they stand", () => {
  expect(decode([67, 2, 97, 98, 53, 1, 1, 67, 1, 99, 255]).get(67)).toEqual(Uint8Array.of(97, 98, 99));
});

test("RFC 3396 §5: a value over 255 bytes is split under the same code, and comes back whole", () => {
  const value = Uint8Array.from({ length: 600 }, (_, i) => i % 251);
  const parts = encodeOptionParts(new Map([[67, value]]));
  expect(parts.map((part) => [part[0], part[1]])).toEqual([
    [67, 255],
    [67, 255],
    [67, 90],
  ]);
  expect(decode([...parts.flatMap((part) => [...part]), 255]).get(67)).toEqual(value);
});

test("RFC 3046 §2.1: relay agent information is sent last, and the message type first", () => {
  const options = new Map([82, 1, 53, 3].map((code) => [code, Uint8Array.of(7)]));
  expect(encodeOptionParts(options).map((part) => part[0])).toEqual([53, 1, 3, 82]);
});

test("a caller cannot set options that belong to the encoding", () => {
  for (const code of [0, 52, 255, 256]) {
    expect(() => encodeOptionParts(new Map([[code, Uint8Array.of(1)]]))).toThrow(RangeError);
  }
});

test.each([
  ["a code without a length", [53], "truncated"],
  ["a value that runs past the area", [53, 4, 1, 255], "truncated"],
  ["no end option", [53, 1, 1], "invalid"],
  ["an empty area", [], "invalid"],
  [
    "an option joined to more than the limit",
    [...Array.from({ length: 9 }, () => [67, 255, ...new Uint8Array(255)]).flat(), 255],
    "invalid",
  ],
] as const)("malformed: %s", (_name, bytes, code) => {
  expect(() => decode(bytes)).toThrow(expect.objectContaining({ code }));
  expect(() => decode(bytes)).toThrow(DecodeError);
});
