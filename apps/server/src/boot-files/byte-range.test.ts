import { expect, test } from "vitest";
import { parseByteRange } from "./byte-range.ts";

test.each([
  ["bytes=0-0", { first: 0, last: 0 }],
  ["bytes=0-499", { first: 0, last: 499 }],
  ["bytes=500-999", { first: 500, last: 999 }],
  ["bytes=500-", { first: 500, last: 999 }],
  ["bytes=-500", { first: 500, last: 999 }],
  ["bytes=999-5000", { first: 999, last: 999 }],
  ["bytes=-5000", { first: 0, last: 999 }],
  ["Bytes=1-2", { first: 1, last: 2 }],
])("%s of 1000 bytes (RFC 9110 §14.1.2)", (header, range) => {
  expect(parseByteRange(header, 1000)).toEqual(range);
});

test.each(["bytes=1000-", "bytes=1000-2000", "bytes=-0"])("%s of 1000 bytes is unsatisfiable", (header) => {
  expect(parseByteRange(header, 1000)).toBe("unsatisfiable");
});

test.each(["bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "blocks=0-1", "bytes=a-b", "bytes 0-1", ""])(
  "%s is ignored",
  (header) => {
    expect(parseByteRange(header, 1000)).toBeUndefined();
  },
);

test("an empty file has no satisfiable range", () => {
  expect(parseByteRange("bytes=0-", 0)).toBe("unsatisfiable");
  expect(parseByteRange("bytes=-1", 0)).toBe("unsatisfiable");
});
