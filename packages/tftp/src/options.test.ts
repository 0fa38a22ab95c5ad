import { expect, test } from "vitest";
import { DEFAULT_LIMITS, MAX_WINDOW_BYTES } from "./limits.ts";
import { negotiateOptions } from "./options.ts";
import type { Negotiation } from "./options.ts";

const SIZE = 74_213;

function negotiate(text: string, limits = DEFAULT_LIMITS): Negotiation {
  const words = text.split(" ").filter((word) => word !== "");
  const options = words.map((word) => {
    const [name = "", value = ""] = word.split("=");
    return { name, value };
  });
  return negotiateOptions(options, SIZE, limits);
}

function acknowledged(text: string, limits = DEFAULT_LIMITS): string {
  const result = negotiate(text, limits);
  expect(result.kind).toBe("agreed");
  return result.kind === "agreed" ? result.acknowledged.map(({ name, value }) => `${name}=${value}`).join(" ") : "";
}

test.each([
  ["", ""],
  ["tsize=0", "tsize=74213"],
  ["blksize=1468", "blksize=1468"],
  ["blksize=65464", "blksize=1468"],
  ["blksize=8", "blksize=8"],
  ["blksize=1432 tsize=0", "blksize=1432 tsize=74213"],
  ["tsize=0 blksize=1432", "tsize=74213 blksize=1432"],
  ["BlkSize=512", "BlkSize=512"],
  ["timeout=3", "timeout=3"],
  ["windowsize=4", "windowsize=4"],
  ["windowsize=65535", "windowsize=64"],
  ["multicast=", ""],
  ["blksize=1024 rollover=0", "blksize=1024"],
  // Values without meaning: as if the option had not been asked for.
  ["blksize=7", ""],
  ["blksize=65465", ""],
  ["blksize=big", ""],
  ["blksize=-1", ""],
  ["blksize=1e3", ""],
  ["timeout=0", ""],
  ["timeout=31", ""],
  ["windowsize=0", ""],
  ["tsize=", ""],
])("asked %j, acknowledged %j", (asked, granted) => {
  expect(acknowledged(asked)).toBe(granted);
});

test("what was not asked for keeps the values of RFC 1350", () => {
  expect(negotiate("")).toEqual({
    kind: "agreed",
    parameters: { blksize: 512, windowsize: 1, timeoutMs: undefined },
    acknowledged: [],
  });
});

test("what was agreed is what the transfer runs with", () => {
  expect(negotiate("blksize=65464 windowsize=8 timeout=2")).toMatchObject({
    parameters: { blksize: 1468, windowsize: 8, timeoutMs: 2000 },
  });
});

test("the operator may allow large blocks and large windows, up to the bytes of a window", () => {
  const limits = { ...DEFAULT_LIMITS, maxBlksize: 65_464, maxWindowsize: 65_535 };
  expect(acknowledged("blksize=65464 windowsize=65535", limits)).toBe("blksize=65464 windowsize=16");
  expect(16 * 65_464).toBeLessThanOrEqual(MAX_WINDOW_BYTES);
});

test("an option given twice is refused, whatever its case", () => {
  expect(negotiate("blksize=512 BLKSIZE=1024")).toEqual({
    kind: "refused",
    reason: "option blksize is given twice",
  });
});
