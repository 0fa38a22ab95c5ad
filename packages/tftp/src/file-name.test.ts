import fc from "fast-check";
import { expect, test } from "vitest";
import { TftpError } from "./errors.ts";
import { parseFileName } from "./file-name.ts";

const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

test.each([
  ["undionly.kpxe", "undionly.kpxe"],
  ["undionly.kpxe\xff", "undionly.kpxe"],
  ["undionly.kpxe\xff\xff\0", "undionly.kpxe"],
  ["/undionly.kpxe", "undionly.kpxe"],
  ["//a//b", "a/b"],
  ["./a/./b", "a/b"],
  ["\\Boot\\x64\\wdsnbp.com", "Boot/x64/wdsnbp.com"],
  ["..a/b..", "..a/b.."],
  ["na\xc3\xafve", "naïve"],
])("%j is %j", (asked, name) => {
  expect(parseFileName(bytesOf(asked))).toBe(name);
});

test.each([
  "",
  "\xff",
  "/",
  ".",
  "..",
  "../a",
  "a/../b",
  "a/..",
  "..\\a",
  "....//../a",
  "a\nb",
  "\x7f",
  "a\xfeb",
  "\xc0\xae",
])("%j is refused", (asked) => {
  const parse = (): string => parseFileName(bytesOf(asked));
  expect(parse).toThrow(TftpError);
  expect(parse).toThrow(expect.objectContaining({ code: "nameInvalid" }));
});

test("whatever is asked, a name has neither upward nor empty segments", () => {
  const piece = fc.constantFrom("..", ".", "/", "\\", "a", "\xff", "\0", "....", "%2e");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        const segments = parseFileName(bytesOf(pieces.join(""))).split("/");
        expect(segments.filter((segment) => ["", ".", ".."].includes(segment))).toEqual([]);
      } catch (error) {
        expect(error).toBeInstanceOf(TftpError);
      }
    }),
  );
});
