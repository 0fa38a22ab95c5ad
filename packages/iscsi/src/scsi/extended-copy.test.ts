import fc from "fast-check";
import { expect, test } from "vitest";
import type { MemoryDevice } from "../../test/memory-device.ts";
import { codeOf, hexOf, join, newUnit, run } from "../../test/scsi-harness.ts";
import { decodeCopyList } from "./extended-copy.ts";
import { CheckCondition } from "./sense.ts";

/** NAA of the units of these tests, as in their VPD page 83h. */
const NAA = "3ec50738aa755e2c";

const target = (naa = NAA): string => `e4000000${"01030008"}${naa}${"00".repeat(12)}${"00000200"}`;

function segment(from: number, to: number, count: number, destination = 0): string {
  const hex = (value: number, bytes: number): string => value.toString(16).padStart(bytes * 2, "0");
  return `02000018${"0000"}${hex(destination, 2)}0000${hex(count, 2)}${hex(from, 8)}${hex(to, 8)}`;
}

function list(
  targets: readonly string[],
  segments: readonly string[],
  header: { id?: number; usage?: number } = {},
): Uint8Array {
  const bodies = [targets.join(""), segments.join("")];
  const [targetBytes, segmentBytes] = bodies.map((body) => body.length / 2);
  const bytes = Uint8Array.fromHex(`${"00".repeat(16)}${bodies.join("")}`);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, header.id ?? 1);
  view.setUint8(1, (header.usage ?? 0) << 3);
  view.setUint16(2, targetBytes ?? 0);
  view.setUint32(8, segmentBytes ?? 0);
  return bytes;
}

function copyCdb(length: number): number[] {
  return [0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xff];
}

const status = (id: number): number[] => [0x84, 0, id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64];

test("blocks are copied within the disk, and the copy's status is given once", async () => {
  const { unit, nexus } = newUnit();
  const { bytes } = nexus.device as MemoryDevice;
  bytes.fill(5, 0, 1024);
  const parameters = list([target()], [segment(0, 100, 2), segment(100, 200, 1)], { id: 7 });
  expect(codeOf(await run(unit, nexus, status(7)))).toBe("2400");
  expect(await run(unit, nexus, copyCdb(parameters.length), parameters)).toMatchObject({ status: 0 });
  expect(bytes.subarray(100 * 512, 102 * 512).every((byte) => byte === 5)).toBe(true);
  expect(bytes.subarray(200 * 512, 201 * 512).every((byte) => byte === 5)).toBe(true);
  expect(hexOf(await run(unit, nexus, status(7)))).toBe("00000008" + "01" + "0002" + "00" + "00000600");
  expect(codeOf(await run(unit, nexus, status(7)))).toBe("2400");
});

test("what overlaps is copied as a whole, in both directions", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(4096), fc.nat(4096), fc.integer({ min: 1, max: 4096 }), async (from, to, count) => {
      const { unit, nexus } = newUnit();
      const big = join(unit, "iqn.big,i,0x1", new (nexus.device.constructor as typeof MemoryDevice)(8 * 1_048_576));
      const { bytes } = big.device as MemoryDevice;
      for (let i = 0; i < bytes.length; i += 512) new DataView(bytes.buffer).setUint32(i, i);
      const expected = bytes.slice(from * 512, (from + count) * 512);
      const parameters = list([target()], [segment(from, to, count)]);
      expect(await run(unit, big, copyCdb(parameters.length), parameters)).toMatchObject({ status: 0 });
      expect(Buffer.compare(bytes.subarray(to * 512, (to + count) * 512), expected)).toBe(0);
    }),
    { numRuns: 20 },
  );
});

test("RECEIVE COPY OPERATING PARAMETERS, byte for byte", async () => {
  const { unit, nexus } = newUnit();
  expect(hexOf(await run(unit, nexus, [0x84, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]))).toBe(
    "0000002a" + // 42 more bytes
      "01000000" + // list identifiers may be left out
      "0002" + // targets
      "0008" + // segments
      "00000120" + // bytes of descriptors: 2 × 32 + 8 × 28
      "01fffe00" + // bytes of a segment: 65535 × 512
      "00".repeat(14) +
      "0001" + // copies at a time
      "01" +
      "09" + // 512 bytes
      "00".repeat(5) +
      "02" + // descriptor types
      "02e4",
  );
});

test.each([
  ["a header that is cut", new Uint8Array(15), "1a00"],
  ["targets that are cut", list([target()], []).subarray(0, 47), "1a00"],
  ["segments that are cut", list([target()], [segment(0, 8, 1)]).subarray(0, 75), "1a00"],
  ["a target of another type", list([target().replace("e4", "e0")], []), "2607"],
  ["a segment of another type", list([target()], [segment(0, 8, 1).replace("02", "03")]), "2609"],
  ["a segment of another length", list([target()], [segment(0, 8, 1).replace("0018", "0014")]), "1a00"],
  ["three targets", list([target(), target(), target()], []), "2606"],
  [
    "nine segments",
    list(
      [target()],
      Array.from({ length: 9 }, () => segment(0, 8, 1)),
    ),
    "2608",
  ],
  ["a target that is not there", list([target()], [segment(0, 8, 1, 1)]), "0804"],
  ["another disk", list([target("3000000000000001")], [segment(0, 8, 1)]), "0804"],
  ["blocks past the end", list([target()], [segment(0, 2047, 2)]), "0000"],
  ["a source past the end", list([target()], [segment(2048, 0, 1)]), "0000"],
])("EXTENDED COPY is refused: %s", async (_, parameters, code) => {
  const { unit, nexus } = newUnit();
  expect(codeOf(await run(unit, nexus, copyCdb(parameters.length), parameters))).toBe(code);
});

test("a copy that fails says so in its status", async () => {
  const { unit, nexus } = newUnit();
  const parameters = list([target()], [segment(0, 8, 1), segment(0, 2047, 2)]);
  expect(await run(unit, nexus, copyCdb(parameters.length), parameters)).toMatchObject({ sense: { key: 0x0a } });
  expect(hexOf(await run(unit, nexus, status(1)))).toBe("00000008" + "02" + "0001" + "00" + "00000200");
});

test("random parameter lists are taken or refused, nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        decodeCopyList(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckCondition);
      }
    }),
  );
});

test("defect lists are there and empty", async () => {
  const { unit, nexus } = newUnit();
  expect(hexOf(await run(unit, nexus, [0x37, 0, 0x1d, 0, 0, 0, 0, 0, 32]))).toBe("001d0000");
  expect(hexOf(await run(unit, nexus, [0xb7, 0x0d, 0, 0, 0, 0, 0, 0, 0, 32]))).toBe("000d000000000000");
});
