import { expect, test } from "vitest";
import type { MemoryDevice } from "../../test/memory-device.ts";
import { codeOf, hexOf, IDENTITY, join, newNexus, newUnit, reserveOut, run } from "../../test/scsi-harness.ts";
import { LogicalUnit } from "./logical-unit.ts";
import type { Nexus } from "./logical-unit.ts";
import { encodeSense, SenseOf } from "./sense.ts";

test("standard INQUIRY, byte for byte", async () => {
  const { unit, nexus } = newUnit();
  const done = await run(unit, nexus, [0x12, 0, 0, 0, 255, 0]);
  expect(hexOf(done)).toBe(
    "00" + // connected, direct access block device
      "00" + // not removable
      "06" + // SPC-4
      "12" + // HISUP, response data format 2
      "5b" + // 91 more bytes
      "18" + // implicit asymmetric access, third-party copy
      "00" +
      "02" + // command queueing
      "494e474f54202020" + // "INGOT   "
      "4469736b202020202020202020202020" + // "Disk            "
      "30303031" + // "0001"
      "00".repeat(22) +
      "00a0" + // SAM-5
      "0460" + // SPC-4
      "04c0" + // SBC-3
      "0960" + // iSCSI
      "00".repeat(30),
  );
});

test("an allocation length cuts INQUIRY", async () => {
  const { unit, nexus } = newUnit();
  expect((await run(unit, nexus, [0x12, 0, 0, 0, 5, 0])).data).toHaveLength(5);
  expect((await run(unit, nexus, [0x12, 0, 0, 0, 0, 0])).data).toHaveLength(0);
});

test.each([
  ["supported pages, ascending", 0x00, "00000006" + "008083b0b1b2"],
  ["serial number", 0x80, "00800010" + "66656335303733386161373535653263"],
  [
    "block limits",
    0xb0,
    "00b0003c" +
      "01200008" +
      "00004000" +
      "00000200" +
      "00000000" +
      "ffffffff" +
      "00000100" +
      "00000008" +
      "80000000" +
      "0000000000004000" +
      "00".repeat(20),
  ],
  ["block device characteristics", 0xb1, "00b1003c" + "000100" + "40" + "00".repeat(56)],
  ["logical block provisioning", 0xb2, "00b20004" + "00e40200"],
])("vital product data: %s", async (_, page, expected) => {
  const { unit, nexus } = newUnit();
  expect(hexOf(await run(unit, nexus, [0x12, 1, page, 4, 0, 0]))).toBe(expected);
});

test("every page in the list can be read; others cannot", async () => {
  const { unit, nexus } = newUnit();
  const pages = (await run(unit, nexus, [0x12, 1, 0, 4, 0, 0])).data?.slice(4) ?? [];
  for (const page of pages) expect(await run(unit, nexus, [0x12, 1, page, 4, 0, 0])).toMatchObject({ status: 0 });
  expect(codeOf(await run(unit, nexus, [0x12, 1, 0xc0, 4, 0, 0]))).toBe("2400");
  expect(codeOf(await run(unit, nexus, [0x12, 0, 0x80, 4, 0, 0]))).toBe("2400");
});

test("device identification: T10 vendor, NAA 3, port, port group, port name", async () => {
  const { unit, nexus } = newUnit();
  const bytes = (await run(unit, nexus, [0x12, 1, 0x83, 4, 0, 0])).data ?? new Uint8Array(0);
  const designators: string[] = [];
  for (let at = 4; at < bytes.length; at += 4 + (bytes[at + 3] ?? 0))
    designators.push(bytes.slice(at, at + 4 + (bytes[at + 3] ?? 0)).toHex());
  expect(designators.slice(0, 4)).toEqual([
    "02010018" + "494e474f54202020" + "66656335303733386161373535653263",
    "01030008" + "3ec50738aa755e2c",
    "51940004" + "00000001",
    "51950004" + "00000001",
  ]);
  expect(designators[4]?.startsWith("53980024")).toBe(true);
  expect(bytes[3]).toBe(bytes.length - 4);
});

test("serial number and NAA hang on the disk alone", async () => {
  const one = newUnit();
  const same = newUnit();
  const renamed = { unit: same.unit, nexus: { ...same.nexus, targetName: "iqn.2026-11.org.ingot:disk:boot7" } };
  const other = newUnit({ id: "disk-2" });
  const serial = async ({ unit, nexus }: typeof one): Promise<string> =>
    hexOf(await run(unit, nexus, [0x12, 1, 0x80, 4, 0, 0]));
  expect(await serial(renamed)).toBe(await serial(one));
  expect(await serial(other)).not.toBe(await serial(one));
});

test("READ CAPACITY: 10 and 16", async () => {
  const { unit, nexus } = newUnit();
  expect(hexOf(await run(unit, nexus, [0x25]))).toBe("000007ff00000200");
  expect(hexOf(await run(unit, nexus, [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32]))).toBe(
    "00000000000007ff" + "00000200" + "0003c000" + "00".repeat(16),
  );
});

test("a disk above 2 TiB sends its initiator to READ CAPACITY(16) and READ(16)", async () => {
  const unit = new LogicalUnit(IDENTITY);
  const offsets: number[] = [];
  const device = {
    sizeBytes: 4 * 2 ** 40,
    read: (offset: number) => void offsets.push(offset),
    write: () => undefined,
    flush: async () => undefined,
    discard: () => undefined,
  };
  const nexus = newNexus("a", device);
  expect(hexOf(await run(unit, nexus, [0x25]))).toBe("ffffffff00000200");
  await run(unit, nexus, [0x88, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]);
  expect(offsets).toEqual([0x1_ffff_ffff * 512]);
  expect(codeOf(await run(unit, nexus, [0x88, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]))).toBe("2100");
  expect(codeOf(await run(unit, nexus, [0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]))).toBe(
    "2100",
  );
});

test("MODE SENSE says WCE, DPOFUA and write protection as they are", async () => {
  const cached = newUnit();
  expect(hexOf(await run(cached.unit, cached.nexus, [0x1a, 8, 0x08, 0, 255]))).toBe(
    "17001000" + "0812" + "04" + "00".repeat(17),
  );
  const through = newUnit({ writeCache: false, readOnly: true });
  expect(hexOf(await run(through.unit, through.nexus, [0x1a, 8, 0x08, 0, 255]))).toBe(
    "17009000" + "0812" + "00".repeat(18),
  );
  expect(hexOf(await run(cached.unit, cached.nexus, [0x5a, 8, 0x0a, 0, 0, 0, 0, 0, 255]))).toBe(
    "0012001000000000" + "0a0a00100000" + "0000" + "ffff" + "0000",
  );
  // With a block descriptor, all pages: what QEMU asks for but for DBD.
  expect(hexOf(await run(cached.unit, cached.nexus, [0x1a, 0, 0x3f, 0, 255])).slice(0, 24)).toBe(
    "2b001008" + "0000080000000200",
  );
  expect(codeOf(await run(cached.unit, cached.nexus, [0x1a, 8, 0xc8, 0, 255]))).toBe("3900");
  expect(codeOf(await run(cached.unit, cached.nexus, [0x1a, 8, 0x1c, 0, 255]))).toBe("2400");
});

test("MODE SELECT: SWP protects until it is taken back; WCE cannot be changed; the others hear of it", async () => {
  const { unit, nexus } = newUnit();
  const other = join(unit, "iqn.b,i,0x1");
  const control = (byte4: number): Uint8Array =>
    Uint8Array.fromHex(`00000000${"0a0a0010"}${byte4.toString(16).padStart(2, "0")}00${"0000"}ffff0000`);
  expect(await run(unit, nexus, [0x15, 0x10, 0, 0, 16], control(0x08))).toMatchObject({ status: 0 });
  expect(codeOf(await run(unit, nexus, [0x2a, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(512)))).toBe("2700");
  expect(other.unitAttentions).toEqual([SenseOf.modeParametersChanged]);
  expect(await run(unit, nexus, [0x15, 0x10, 0, 0, 16], control(0x00))).toMatchObject({ status: 0 });
  expect(await run(unit, nexus, [0x2a, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(512))).toMatchObject({ status: 0 });
  const writeThrough = Uint8Array.fromHex(`00000000${"0812"}${"00".repeat(18)}`);
  expect(codeOf(await run(unit, nexus, [0x15, 0x10, 0, 0, 24], writeThrough))).toBe("2600");
  expect(codeOf(await run(unit, nexus, [0x15, 0x10, 0, 0, 10], writeThrough.slice(0, 10)))).toBe("1a00");
});

test.each([
  ["READ past the end", [0x28, 0, 0, 0, 7, 0xff, 0, 0, 2], "2100"],
  ["READ at the end, nothing", [0x28, 0, 0, 0, 8, 0, 0, 0, 0], "2100"],
  ["READ with protection", [0x28, 0x20, 0, 0, 0, 0, 0, 0, 1], "2400"],
  ["READ of more than the maximum", [0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1], "2100"],
  ["an operation code that nobody has", [0xff], "2000"],
  ["a service action that we lack", [0x9e, 0x1f], "2400"],
  ["SYNCHRONIZE CACHE past the end", [0x35, 0, 0, 0, 8, 0, 0, 0, 0], "2100"],
  ["START STOP UNIT that ejects", [0x1b, 0, 0, 0, 2], "2400"],
  ["WRITE SAME of nothing", [0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0], "2400"],
  ["VERIFY with BYTCHK 2", [0x2f, 0x04, 0, 0, 0, 0, 0, 0, 1], "2400"],
])("%s", async (_, cdb, code) => {
  const { unit, nexus } = newUnit();
  expect(codeOf(await run(unit, nexus, cdb))).toBe(code);
});

test("UNMAP and WRITE SAME give space back, and the blocks read as zeros", async () => {
  const { unit, nexus } = newUnit();
  const device = nexus.device as MemoryDevice;
  device.write(0, new Uint8Array(65_536).fill(7));
  const unmap = Uint8Array.fromHex("0016" + "0010" + "00000000" + "0000000000000008" + "00000010" + "00000000");
  expect(await run(unit, nexus, [0x42, 0, 0, 0, 0, 0, 0, 0, 24], unmap)).toMatchObject({ status: 0 });
  expect(await run(unit, nexus, [0x93, 0x08, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 8], new Uint8Array(512))).toMatchObject({
    status: 0,
  });
  // From block 0: 8 mapped, 16 not, 40 mapped, 8 not, 56 mapped, the rest never written.
  const status = await run(unit, nexus, [0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  const view = new DataView(status.data?.slice().buffer ?? new ArrayBuffer(0));
  const runs = Array.from({ length: (view.byteLength - 8) / 16 }, (_, i) => [
    Number(view.getBigUint64(8 + i * 16)),
    view.getUint32(16 + i * 16),
    view.getUint8(20 + i * 16),
  ]);
  expect(runs).toEqual([
    [0, 8, 0],
    [8, 16, 1],
    [24, 40, 0],
    [64, 8, 1],
    [72, 56, 0],
    [128, 1920, 1],
  ]);
  expect(device.bytes.slice(4096, 12_288).every((byte) => byte === 0)).toBe(true);
});

test("WRITE SAME with something else than zeros writes it, UNMAP or not", async () => {
  const { unit, nexus } = newUnit();
  await run(unit, nexus, [0x41, 0x08, 0, 0, 0, 2, 0, 0, 3], new Uint8Array(512).fill(9));
  expect((nexus.device as MemoryDevice).bytes.filter((byte) => byte === 9)).toHaveLength(1536);
});

test("COMPARE AND WRITE writes only over what it expects, and says where it differs", async () => {
  const { unit, nexus } = newUnit();
  const device = nexus.device as MemoryDevice;
  const data = new Uint8Array(1024).fill(5, 512);
  const cdb = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1];
  expect(await run(unit, nexus, cdb, data)).toMatchObject({ status: 0 });
  expect(device.bytes.slice(1536, 2048)).toEqual(new Uint8Array(512).fill(5));
  const miscompare = await run(unit, nexus, cdb, new Uint8Array(1024).fill(5, 0, 100));
  expect(miscompare.sense).toMatchObject({ key: 0xe, code: 0x1d00, information: 100 });
});

test("COMPARE AND WRITE of no blocks takes no data", async () => {
  const { unit, nexus } = newUnit();
  const cdb = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];
  expect(await run(unit, nexus, cdb)).toMatchObject({ status: 0 });
  // 256 blocks leave a 0 in the one byte of the count.
  expect(codeOf(await run(unit, nexus, cdb, new Uint8Array(262_144)))).toBe("2400");
});

test("sense data in both formats", () => {
  expect(encodeSense({ key: 5, code: 0x2400, cdbByte: 2 }).toHex()).toBe("700005000000000a00000000240000" + "c00002");
  expect(encodeSense({ key: 3, code: 0x1100, information: 0x1234 }).toHex()).toBe(
    "f00003000012340a00000000110000000000",
  );
  expect(encodeSense({ key: 3, code: 0x1100, information: 0x1_0000_0000 }).toHex()).toBe(
    "700003000000000a00000000110000000000",
  );
  expect(encodeSense({ key: 3, code: 0x1100, information: 0x1_0000_0000 }, true).toHex()).toBe(
    "720311000000000c" + "000a8000" + "0000000100000000",
  );
  expect(encodeSense({ key: 5, code: 0x2400, cdbByte: 2 }, true).toHex()).toBe(
    "7205240000000008" + "02060000" + "c0000200",
  );
});

test("RESERVE keeps others out until released, reset or the holder's end", async () => {
  const { unit, nexus } = newUnit();
  const other = join(unit, "iqn.b,i,0x1");
  const conflict = { status: 0x18 };
  expect(await run(unit, nexus, [0x16])).toMatchObject({ status: 0 });
  expect(await run(unit, other, [0x00])).toMatchObject(conflict);
  expect(await run(unit, other, [0x16])).toMatchObject(conflict);
  expect(await run(unit, other, [0x12, 0, 0, 0, 36])).toMatchObject({ status: 0 });
  await run(unit, other, [0x17]);
  expect(await run(unit, other, [0x00])).toMatchObject(conflict);
  await unit.leave(nexus);
  expect(await run(unit, other, [0x00])).toMatchObject({ status: 0 });
  await run(unit, other, [0x16]);
  await unit.reset();
  expect(unit.reservedBy).toBeUndefined();
});

test("persistent reservations: who may do what under each type", async () => {
  const read = [0x28, 0, 0, 0, 0, 0, 0, 0, 1];
  const write: [number[], Uint8Array<ArrayBuffer>] = [[0x2a, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(512)];
  const outcomes: Record<number, string> = {};
  for (const type of [1, 3, 5, 6, 7, 8]) {
    const { unit, nexus } = newUnit();
    const registered = join(unit, "iqn.b,i,0x1");
    const stranger = join(unit, "iqn.c,i,0x1");
    await run(unit, nexus, ...reserveOut(0, 0, 0, 1));
    await run(unit, registered, ...reserveOut(0, 0, 0, 2));
    expect(await run(unit, nexus, ...reserveOut(1, type, 1))).toMatchObject({ status: 0 });
    const may = async (who: Nexus): Promise<string> =>
      `${(await run(unit, who, read)).status === 0 ? "r" : "-"}${(await run(unit, who, ...write)).status === 0 ? "w" : "-"}`;
    outcomes[type] = [await may(nexus), await may(registered), await may(stranger)].join(" ");
  }
  expect(outcomes).toEqual({
    1: "rw r- r-",
    3: "rw -- --",
    5: "rw rw r-",
    6: "rw rw --",
    7: "rw rw r-",
    8: "rw rw --",
  });
});

test("persistent reservations survive their session and a reset, and end by preemption", async () => {
  const { unit, nexus } = newUnit();
  const other = join(unit, "iqn.b,i,0x1");
  await run(unit, nexus, ...reserveOut(0, 0, 0, 1));
  await run(unit, nexus, ...reserveOut(1, 3, 1));
  await run(unit, other, ...reserveOut(0, 0, 0, 2));
  await unit.leave(nexus);
  await unit.reset();
  other.unitAttentions.length = 0;
  expect(await run(unit, other, [0x28, 0, 0, 0, 0, 0, 0, 0, 1])).toMatchObject({ status: 0x18 });
  expect(await run(unit, other, ...reserveOut(4, 3, 2, 1))).toMatchObject({ status: 0 });
  expect(await run(unit, other, [0x28, 0, 0, 0, 0, 0, 0, 0, 1])).toMatchObject({ status: 0 });
  expect(unit.isForgettable).toBe(false);
  expect(await run(unit, other, ...reserveOut(3, 0, 2))).toMatchObject({ status: 0 });
  expect(unit.persistentReservations.isEmpty).toBe(true);
});

test("REQUEST SENSE takes the unit attention; INQUIRY and REPORT LUNS leave it", async () => {
  const { unit, nexus } = newUnit();
  nexus.unitAttentions.push(SenseOf.powerOnOrReset);
  expect(await run(unit, nexus, [0x12, 0, 0, 0, 36])).toMatchObject({ status: 0 });
  expect(hexOf(await run(unit, nexus, [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16]))).toBe(
    "0000000800000000" + "0000000000000000",
  );
  expect(hexOf(await run(unit, nexus, [0x03, 0, 0, 0, 18]))).toBe("700006000000000a00000000290000000000");
  expect(hexOf(await run(unit, nexus, [0x03, 0, 0, 0, 18]))).toBe("700000000000000a00000000000000000000");
});
