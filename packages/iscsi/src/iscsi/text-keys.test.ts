import fc from "fast-check";
import { expect, test } from "vitest";
import { text } from "../../test/initiator.ts";
import { formatTextKeys, parseBinaryValue, parseTextKeys, TextCollector } from "./text-keys.ts";

test("pairs end with a NUL; padding NULs are nothing", () => {
  expect(parseTextKeys(text("A=1", "", "B=x=y", "C="))).toEqual([
    ["A", "1"],
    ["B", "x=y"],
    ["C", ""],
  ]);
});

test.each([
  ["no equals sign", text("Alone"), "malformedText"],
  ["empty name", text("=1"), "malformedText"],
  ["name too long", text(`${"A".repeat(64)}=1`), "malformedText"],
  ["blank in a name", text("A b=1"), "malformedText"],
  ["the same key twice", text("A=1", "A=2"), "malformedText"],
  ["too many keys", text(...Array.from({ length: 65 }, (_, i) => `K${i}=1`)), "limitExceeded"],
])("malformed: %s", (_, bytes, code) => {
  expect(() => parseTextKeys(bytes)).toThrow(expect.objectContaining({ code }));
});

test.each([
  ["0x00ff", "00ff"],
  ["0XABC", "0abc"],
  ["0bAAEC", "000102"],
  ["0b/w==", "ff"],
])("binary value %s", (value, hex) => {
  expect(parseBinaryValue(value).toHex()).toBe(hex);
});

test.each(["", "12", "0x", "0xzz", "0b", "0b=", "0bA", `0x${"00".repeat(1025)}`])("no binary value: %s", (value) => {
  expect(() => parseBinaryValue(value)).toThrow(expect.objectContaining({ code: "malformedText" }));
});

test("what is formatted is parsed again", () => {
  const key = fc.stringMatching(/^[A-Z][A-Za-z0-9]{0,20}$/);
  const value = fc.string({ unit: "grapheme", maxLength: 40 }).filter((one) => !one.includes("\0"));
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 20 }), (keys) => {
      expect(parseTextKeys(formatTextKeys(keys))).toEqual(keys);
    }),
  );
});

test("collected text does not change with the buffer that it came in", () => {
  const collector = new TextCollector();
  const part = Buffer.from("A=1");
  collector.add(part);
  part.fill(0);
  expect(new TextDecoder().decode(collector.take())).toBe("A=1");
});
