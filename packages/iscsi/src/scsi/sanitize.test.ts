import { expect, test } from "vitest";
import { MemoryDevice } from "../../test/memory-device.ts";
import { codeOf, hexOf, IDENTITY, join, newUnit, run } from "../../test/scsi-harness.ts";
import { SlowDevice } from "../../test/slow-device.ts";
import { doneWith, execute } from "./execute.ts";
import { LogicalUnit } from "./logical-unit.ts";
import { SenseOf } from "./sense.ts";

const OVERWRITE = 0x01;
const BLOCK_ERASE = 0x02;
const EXIT_FAILURE_MODE = 0x1f;
const IMMED = 0x80;
const AUSE = 0x20;

const sanitize = (flags: number, listLength = 0): number[] => [
  0x48,
  flags,
  0,
  0,
  0,
  0,
  0,
  listLength >> 8,
  listLength & 0xff,
];

/** Parameter list of OVERWRITE. */
function overwriteList(header: number, pattern: Uint8Array): Uint8Array {
  return Uint8Array.of(header, 0, pattern.length >> 8, pattern.length & 0xff, ...pattern);
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

test("BLOCK ERASE leaves zeros that take up no space", async () => {
  const { unit, nexus } = newUnit();
  const device = nexus.device as MemoryDevice;
  device.write(0, new Uint8Array(65_536).fill(7));
  expect(await run(unit, nexus, sanitize(BLOCK_ERASE))).toMatchObject({ status: 0 });
  expect(device.bytes.every((byte) => byte === 0)).toBe(true);
  expect(device.isAllocated(0).allocated).toBe(false);
  expect(device.flushes).toBeGreaterThan(0);
  expect(await run(unit, nexus, [0x00])).toMatchObject({ status: 0 });
});

test("OVERWRITE begins its pattern anew in every block, and inverts it from pass to pass", async () => {
  const { unit, nexus } = newUnit();
  const { bytes } = nexus.device as MemoryDevice;
  const pattern = Uint8Array.of(1, 2, 3);
  expect(await run(unit, nexus, sanitize(OVERWRITE, 7), overwriteList(0x01, pattern))).toMatchObject({ status: 0 });
  // 512 = 170 × 3 + 2
  expect([...bytes.subarray(509, 515)]).toEqual([3, 1, 2, 1, 2, 3]);
  await run(unit, nexus, sanitize(OVERWRITE, 7), overwriteList(0x82, pattern));
  expect([...bytes.subarray(bytes.length - 3)]).toEqual([0xfc, 0xfe, 0xfd]);
});

test("meanwhile the unit is not ready, REQUEST SENSE says how far it is, and INQUIRY and REPORT LUNS are answered", async () => {
  const unit = new LogicalUnit(IDENTITY);
  const device = new SlowDevice(16 * 1_048_576);
  const nexus = join(unit, "iqn.a,i,0x1", device);
  expect(await run(unit, nexus, sanitize(IMMED | OVERWRITE, 5), overwriteList(0x01, Uint8Array.of(9)))).toMatchObject({
    status: 0,
  });
  // Half of the disk: eight writes and their flush.
  for (let i = 0; i < 9; i++) {
    await settle();
    device.go();
  }
  await settle();
  expect(codeOf(await run(unit, nexus, [0x00]))).toBe("041b");
  expect(codeOf(await run(unit, nexus, [0x28, 0, 0, 0, 0, 0, 0, 0, 1]))).toBe("041b");
  expect(codeOf(await run(unit, nexus, sanitize(OVERWRITE, 5), overwriteList(0x01, Uint8Array.of(9))))).toBe("041b");
  expect(hexOf(await run(unit, nexus, [0x03, 0, 0, 0, 18]))).toBe(
    "70000200000000" + "0a00000000" + "041b00" + "808000",
  );
  expect(await run(unit, nexus, [0x12, 0, 0, 0, 36])).toMatchObject({ status: 0 });
  expect(await run(unit, nexus, [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16])).toMatchObject({ status: 0 });
  for (let i = 0; i < 9; i++) {
    device.go();
    await settle();
  }
  expect(await run(unit, nexus, [0x00])).toMatchObject({ status: 0 });
  expect(device.memory.bytes.every((byte) => byte === 9)).toBe(true);
});

test("it goes on through a reset and without its session, with the device of whoever comes next", async () => {
  const unit = new LogicalUnit(IDENTITY);
  const first = new SlowDevice(16 * 1_048_576);
  const nexus = join(unit, "iqn.a,i,0x1", first);
  await run(unit, nexus, sanitize(IMMED | OVERWRITE, 5), overwriteList(0x01, Uint8Array.of(9)));
  await unit.reset();
  await settle();
  let hasLeft = false;
  const leaving = unit.leave(nexus).then(() => (hasLeft = true));
  await settle();
  expect(hasLeft).toBe(false);
  for (let i = 0; i < 9; i++) {
    first.go();
    await settle();
  }
  await leaving;
  expect(first.waiting).toEqual([]);
  expect(unit.isForgettable).toBe(false);
  const second = new MemoryDevice(16 * 1_048_576);
  const next = join(unit, "iqn.b,i,0x1", second);
  await settle();
  expect(await run(unit, next, [0x00])).toMatchObject({ status: 0 });
  expect(second.bytes.subarray(0, 8_388_608).every((byte) => byte === 0)).toBe(true);
  expect(second.bytes.subarray(8_388_608).every((byte) => byte === 9)).toBe(true);
});

test("a write whose data comes after a SANITIZE began does not come through", async () => {
  const unit = new LogicalUnit(IDENTITY);
  const device = new SlowDevice(1_048_576);
  const nexus = join(unit, "iqn.a,i,0x1", device);
  const write = execute(unit, nexus, Uint8Array.of(0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0), 512);
  await run(unit, nexus, sanitize(IMMED | OVERWRITE, 5), overwriteList(0x01, Uint8Array.of(9)));
  expect(write.kind).toBe("dataOut");
  if (write.kind !== "dataOut") return;
  let failure: unknown;
  try {
    await write.consume(0, new Uint8Array(512));
  } catch (error) {
    failure = error;
  }
  expect(codeOf(doneWith(failure, SenseOf.writeError))).toBe("041b");
});

test("after a failure only SANITIZE helps, and EXIT FAILURE MODE only if it was allowed", async () => {
  const failing = new MemoryDevice(1_048_576);
  failing.discard = () => {
    throw new Error("EIO");
  };
  const unit = new LogicalUnit(IDENTITY);
  const nexus = join(unit, "iqn.a,i,0x1", failing);
  expect(codeOf(await run(unit, nexus, sanitize(BLOCK_ERASE)))).toBe("3103");
  expect(codeOf(await run(unit, nexus, [0x28, 0, 0, 0, 0, 0, 0, 0, 1]))).toBe("3103");
  expect(codeOf(await run(unit, nexus, sanitize(EXIT_FAILURE_MODE)))).toBe("2400");
  expect(codeOf(await run(unit, nexus, sanitize(AUSE | BLOCK_ERASE)))).toBe("3103");
  expect(await run(unit, nexus, sanitize(EXIT_FAILURE_MODE))).toMatchObject({ status: 0 });
  expect(await run(unit, nexus, [0x00])).toMatchObject({ status: 0 });
  expect(await run(unit, nexus, sanitize(OVERWRITE, 5), overwriteList(0x01, Uint8Array.of(9)))).toMatchObject({
    status: 0,
  });
});

const BLOCK = new Uint8Array(512);

test.each([
  ["CRYPTOGRAPHIC ERASE", sanitize(0x03), new Uint8Array(0)],
  ["a service action that nobody has", sanitize(0x04), new Uint8Array(0)],
  ["BLOCK ERASE with parameters", sanitize(BLOCK_ERASE, 8), new Uint8Array(8)],
  ["EXIT FAILURE MODE with parameters", sanitize(EXIT_FAILURE_MODE, 8), new Uint8Array(8)],
  ["the reserved bit of byte 1", sanitize(0x40 | BLOCK_ERASE), new Uint8Array(0)],
  ["a reserved byte", [0x48, BLOCK_ERASE, 0, 0, 1], new Uint8Array(0)],
  ["OVERWRITE without a list", sanitize(OVERWRITE), new Uint8Array(0)],
  ["OVERWRITE without a pattern", sanitize(OVERWRITE, 4), Uint8Array.of(1, 0, 0, 0)],
  ["OVERWRITE with more than a block", sanitize(OVERWRITE, 517), new Uint8Array(517)],
  ["OVERWRITE with less data than it says", sanitize(OVERWRITE, 516), new Uint8Array(5)],
  ["no passes", sanitize(OVERWRITE, 516), overwriteList(0x00, BLOCK)],
  ["a test mode", sanitize(OVERWRITE, 516), overwriteList(0x21, BLOCK)],
  ["a pattern of no length", sanitize(OVERWRITE, 5), Uint8Array.of(1, 0, 0, 0, 7)],
  ["a pattern longer than the list", sanitize(OVERWRITE, 5), Uint8Array.of(1, 0, 0, 2, 7)],
])("SANITIZE is refused: %s", async (_, cdb, data) => {
  const { unit, nexus } = newUnit();
  const { bytes } = nexus.device as MemoryDevice;
  bytes.fill(5);
  expect(["2400", "2600"]).toContain(codeOf(await run(unit, nexus, cdb, data)));
  expect(bytes.every((byte) => byte === 5)).toBe(true);
});

test("a device that cannot tell what is allocated offers no BLOCK ERASE", async () => {
  const memory = new MemoryDevice(1_048_576);
  const device = {
    sizeBytes: memory.sizeBytes,
    read: (offset: number, into: Uint8Array) => memory.read(offset, into),
    write: (offset: number, bytes: Uint8Array) => memory.write(offset, bytes),
    flush: () => memory.flush(),
    discard: (offset: number, length: number) => memory.discard(offset, length),
  };
  const unit = new LogicalUnit(IDENTITY);
  const nexus = join(unit, "iqn.a,i,0x1", device);
  expect(codeOf(await run(unit, nexus, sanitize(BLOCK_ERASE)))).toBe("2400");
  const oneCommand = [0xa3, 0x0c, 0x03, 0x48, 0, BLOCK_ERASE, 0, 0, 0, 64];
  expect(hexOf(await run(unit, nexus, oneCommand))).toBe("00010000");
  // WABEREQ of page B1h
  expect(hexOf(await run(unit, nexus, [0x12, 1, 0xb1, 0, 64])).slice(8, 16)).toBe("00010000");
});

test("SANITIZE is a write: reservations and write protection keep it out", async () => {
  const { unit, nexus } = newUnit();
  const other = join(unit, "iqn.b,i,0x1");
  await run(unit, other, [0x16]);
  expect(await run(unit, nexus, sanitize(BLOCK_ERASE))).toMatchObject({ status: 0x18 });
  const readOnly = newUnit({ readOnly: true });
  expect(codeOf(await run(readOnly.unit, readOnly.nexus, sanitize(BLOCK_ERASE)))).toBe("2700");
});
