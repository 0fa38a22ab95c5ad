import fc from "fast-check";
import { expect, test } from "vitest";
import { checkedIscsiName, scriptFrom, shown } from "./script-text.ts";

test.each([
  ["Room 1, seat 07 (east)", "Room 1, seat 07 (east)"],
  ["debian-lab:3", "debian-lab:3"],
  ["a\nchain http://evil/ ||", "a chain http://evil/ ??"],
  ["a\r\nshell", "a shell"],
  ["${net0/password}", "??net0/password?"],
  ["a && shell", "a ?? shell"],
  ["a || shell", "a ?? shell"],
  ["a ; shell", "a ? shell"],
  ["# not a comment", "? not a comment"],
  ["ends with a backslash\\", "ends with a backslash?"],
  ["-n --help", "n help"],
  ["grün 漢字 😀", "gr?n ?? ?"],
  ["\u2028line\u0000", "line?"],
  ["   ", "?"],
  ["", "?"],
  ["---", "?"],
  ["- -a - b", "a b"],
  ["x".repeat(100), `${"x".repeat(57)}...`],
])("shown: %j becomes %j", (text, expected) => {
  expect(shown(text)).toBe(expected);
});

test("whatever text is shown, iPXE sees one line of plain words", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string({ unit: fc.constantFrom("$", "{", "}", "|", "&", ";", "#", "\\", "-", " ", "\n", "a") }),
      ),
      (text) => {
        expect(shown(text)).toMatch(/^[A-Za-z0-9._:/@+,=()?][A-Za-z0-9 ._:/@+,=()?-]{0,59}$/);
        expect(
          shown(text)
            .split(" ")
            .every((word) => !word.startsWith("-")),
        ).toBe(true);
      },
    ),
  );
});

test.each(["iqn.2026-11.org.ingot:room1-07", "iqn.2026-11.org.ingot:m1:boot3", "eui.02004567a425678d"])(
  "the iSCSI name %s is accepted",
  (name) => {
    expect(checkedIscsiName(name)).toBe(name);
  },
);

test.each([
  "",
  "room1-07",
  "iqn.",
  "iqn.2026-11.org.ingot:${net0/mac}",
  "iqn.2026-11.org.ingot:a b",
  "iqn.2026-11.org.ingot:a\nshell",
  "iqn.2026-11.org.ingot:a||shell",
  `iqn.${"x".repeat(220)}`,
])("the iSCSI name %j is refused", (name) => {
  expect(() => checkedIscsiName(name)).toThrow(expect.objectContaining({ name: "NetbootError", code: "unsafe-value" }));
});

test.each(["a\nb", "a\rb", "a\\", "a\0"])("a script line %j is refused, wherever it came from", (line) => {
  expect(() => scriptFrom([line])).toThrow(expect.objectContaining({ code: "unsafe-value" }));
});
