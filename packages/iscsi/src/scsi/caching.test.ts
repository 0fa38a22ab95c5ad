import { describe, expect, test } from "vitest";
import { RecordingDevice } from "../../test/recording-device.ts";
import { hexOf, IDENTITY, join, run } from "../../test/scsi-harness.ts";
import { LogicalUnit } from "./logical-unit.ts";

/** FUA of byte 1. */
const FUA = 0x08;

const ten = (opcode: number, flags = 0): number[] => [opcode, flags, 0, 0, 0, 2, 0, 0, 1];
const twelve = (opcode: number, flags = 0): number[] => [opcode, flags, 0, 0, 0, 2, 0, 0, 0, 1];
const sixteen = (opcode: number, flags = 0): number[] => [opcode, flags, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1];

const BLOCK = new Uint8Array(512).fill(7);
const NOTHING = new Uint8Array(0);
/** Compares with zeros, writes 7s. */
const COMPARED = new Uint8Array(1024).fill(7, 512);
const UNMAP_LIST = Uint8Array.fromHex("0016" + "0010" + "00000000" + "0000000000000002" + "00000001" + "00000000");

/** Name, CDB, data, what the device is asked with a write cache, and without. */
const COMMANDS: readonly (readonly [string, number[], Uint8Array, string, string])[] = [
  ["WRITE(6)", [0x0a, 0, 0, 2, 1], BLOCK, "write", "write flush"],
  ["WRITE(10)", ten(0x2a), BLOCK, "write", "write flush"],
  ["WRITE(10) with FUA", ten(0x2a, FUA), BLOCK, "write flush", "write flush"],
  ["WRITE(12)", twelve(0xaa), BLOCK, "write", "write flush"],
  ["WRITE(12) with FUA", twelve(0xaa, FUA), BLOCK, "write flush", "write flush"],
  ["WRITE(16)", sixteen(0x8a), BLOCK, "write", "write flush"],
  ["WRITE(16) with FUA", sixteen(0x8a, FUA), BLOCK, "write flush", "write flush"],
  ["WRITE AND VERIFY(10)", ten(0x2e), BLOCK, "write read flush", "write read flush"],
  ["WRITE AND VERIFY(12)", twelve(0xae), BLOCK, "write read flush", "write read flush"],
  ["WRITE AND VERIFY(16)", sixteen(0x8e, 0x02), BLOCK, "write read flush", "write read flush"],
  ["COMPARE AND WRITE", sixteen(0x89), COMPARED, "read write", "read write flush"],
  ["COMPARE AND WRITE with FUA", sixteen(0x89, FUA), COMPARED, "read write flush", "read write flush"],
  ["ORWRITE", sixteen(0x8b), BLOCK, "read write", "read write flush"],
  ["ORWRITE with FUA", sixteen(0x8b, FUA), BLOCK, "read write flush", "read write flush"],
  ["WRITE SAME(10)", ten(0x41), BLOCK, "write", "write flush"],
  ["WRITE SAME(16)", sixteen(0x93), BLOCK, "write", "write flush"],
  ["WRITE SAME(16) that unmaps", sixteen(0x93, 0x08), new Uint8Array(512), "discard", "discard flush"],
  ["UNMAP", [0x42, 0, 0, 0, 0, 0, 0, 0, 24], UNMAP_LIST, "discard", "discard flush"],
  ["SYNCHRONIZE CACHE(10)", ten(0x35), NOTHING, "flush", "flush"],
  ["SYNCHRONIZE CACHE(16)", sixteen(0x91), NOTHING, "flush", "flush"],
  ["READ(10)", ten(0x28), NOTHING, "read", "read"],
  ["READ(10) with FUA", ten(0x28, FUA), NOTHING, "flush read", "read"],
  ["VERIFY(10)", ten(0x2f), NOTHING, "read", "read"],
  ["START STOP UNIT that stops", [0x1b, 0, 0, 0, 0], NOTHING, "flush", "flush"],
  ["START STOP UNIT that stops without flushing", [0x1b, 0, 0, 0, 4], NOTHING, "", ""],
];

async function callsOf(writeCache: boolean, cdb: number[], data: Uint8Array): Promise<string> {
  const unit = new LogicalUnit({ ...IDENTITY, writeCache });
  const device = new RecordingDevice(1_048_576);
  const nexus = join(unit, "iqn.a,i,0x1", device);
  expect(await run(unit, nexus, cdb, data)).toMatchObject({ status: 0 });
  return device.calls.join(" ");
}

describe("what reaches the device", () => {
  test.each(COMMANDS)("%s, with a write cache", async (_, cdb, data, expected) => {
    expect(await callsOf(true, cdb, data)).toBe(expected);
  });

  test.each(COMMANDS)("%s, written through", async (_, cdb, data, _cached, expected) => {
    expect(await callsOf(false, cdb, data)).toBe(expected);
  });
});

test.each([
  [true, "04"],
  [false, "00"],
])("WCE of the caching page is what the disk does: %s", async (writeCache, wce) => {
  const unit = new LogicalUnit({ ...IDENTITY, writeCache });
  const nexus = join(unit, "iqn.a,i,0x1");
  expect(hexOf(await run(unit, nexus, [0x1a, 0x08, 0x08, 0, 255])).slice(8, 14)).toBe(`0812${wce}`);
  // Default values say the same, and nothing is changeable.
  expect(hexOf(await run(unit, nexus, [0x1a, 0x08, 0x88, 0, 255])).slice(8, 14)).toBe(`0812${wce}`);
  expect(hexOf(await run(unit, nexus, [0x1a, 0x08, 0x48, 0, 255])).slice(8, 14)).toBe("081200");
});

test("a flush that fails fails the write that needs it, and no other", async () => {
  const unit = new LogicalUnit(IDENTITY);
  const device = new RecordingDevice(1_048_576);
  device.flush = () => Promise.reject(new Error("EIO"));
  const nexus = join(unit, "iqn.a,i,0x1", device);
  expect(await run(unit, nexus, ten(0x2a), BLOCK)).toMatchObject({ status: 0 });
  expect(await run(unit, nexus, ten(0x2a, FUA), BLOCK)).toMatchObject({ status: 2 });
  expect(await run(unit, nexus, ten(0x35))).toMatchObject({ status: 2 });
});
