import fc from "fast-check";
import { expect, test } from "vitest";

import { decodeDeployHeader, DeployState, encodeDeployHeader } from "./deploy-header.ts";

const literal: Uint8Array = Uint8Array.from(
  Buffer.concat([
    Buffer.from(
      [
        "494e474f54444550", // "INGOTDEP"
        "00000001", // version
        "00000002", // filling
        "00000003", // chunks
        "00000001", // empty extents
        "0000000000008000", // size of the image
        "0000000000009000", // where the area begins
        "ab".repeat(32), // manifest id
        "6ebda47d", // CRC-32C of all before
      ].join(""),
      "hex",
    ),
    Buffer.alloc(4020),
  ]),
);
const header = {
  state: DeployState.filling,
  chunkCount: 3,
  emptyCount: 1,
  sizeBytes: 32_768,
  offset: 36_864,
  manifestId: "ab".repeat(32),
};

test("the literal is the header, and the header is the literal", () => {
  expect(Buffer.from(encodeDeployHeader(header)).toString("hex", 0, 80)).toBe(
    Buffer.from(literal).toString("hex", 0, 80),
  );
  expect(encodeDeployHeader(header)).toEqual(literal);
  expect(decodeDeployHeader(literal)).toEqual(header);
});

test("in a file beside the target it has no offset", () => {
  const beside = { ...header, offset: undefined };
  expect(decodeDeployHeader(encodeDeployHeader(beside))).toEqual(beside);
});

test("whatever byte of it is changed: it is nobody's", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 75 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Uint8Array.from(literal);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      expect(decodeDeployHeader(bytes)).toBeUndefined();
    }),
  );
});

test("any bytes, and too few of them, are nobody's", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeDeployHeader(bytes)).toBeUndefined();
    }),
  );
  expect(decodeDeployHeader(literal.subarray(0, 75))).toBeUndefined();
});
