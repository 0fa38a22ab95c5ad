import { expect, test } from "vitest";
import { formatImageReference, imageReferenceTextSchema, isName, isTag, parseImageReference } from "./names.ts";

test.each(["a", "win11-lab", "debian12", "0", "a..b", "x".repeat(63)])("%s is a name", (text) => {
  expect(isName(text)).toBe(true);
});

test.each(["", ".", "..", "../etc", "a/b", "a\\b", "A", "-a", "_a", "a b", "a:1", "ä", "a\n", "x".repeat(64), "a\0"])(
  "%j is no name",
  (text) => {
    expect(isName(text)).toBe(false);
  },
);

test("a tag is never a number and never 'latest'", () => {
  expect(["stable", "v7", "canary-2"].every(isTag)).toBe(true);
  expect(["7", "latest", "", "7a", "A"].some(isTag)).toBe(false);
});

test.each([
  ["win11", { name: "win11" }],
  ["win11:latest", { name: "win11" }],
  ["win11:7", { name: "win11", version: 7 }],
  ["win11:stable", { name: "win11", tag: "stable" }],
])("%s is a reference", (text, reference) => {
  expect(parseImageReference(text)).toEqual(reference);
});

test.each([
  "",
  ":",
  "win11:",
  ":7",
  "win11:0",
  "win11:-1",
  "win11:07",
  "win11:7:8",
  "../x:7",
  "win11:1e3",
  "win11:9999999999",
])("%j is no reference", (text) => {
  expect(parseImageReference(text)).toBeUndefined();
  expect(imageReferenceTextSchema.safeParse(text).success).toBe(false);
});

test("a reference is written as it was read", () => {
  for (const text of ["win11", "win11:7", "win11:stable"]) {
    const reference = parseImageReference(text);
    expect(reference === undefined ? undefined : formatImageReference(reference)).toBe(text);
  }
});
