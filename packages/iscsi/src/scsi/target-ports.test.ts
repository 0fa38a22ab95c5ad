import { expect, test } from "vitest";
import { MemoryDevice } from "../../test/memory-device.ts";
import { codeOf, hexOf, IDENTITY, newNexus, reserveOut, run } from "../../test/scsi-harness.ts";
import { LogicalUnit, nexusName, partsOfNexusName } from "./logical-unit.ts";
import type { Nexus } from "./logical-unit.ts";

const ISID = "400000000001";
const INITIATOR = "iqn.1993-08.org.debian:01:abc";

/** One initiator with the same ISID through two portals. */
function twoPaths(): { unit: LogicalUnit; paths: [Nexus, Nexus] } {
  const unit = new LogicalUnit(IDENTITY);
  const device = new MemoryDevice(1_048_576);
  const path = (targetPort: number): Nexus => {
    const name = nexusName(INITIATOR, ISID, targetPort);
    const nexus = newNexus("", device, { name, targetPort, targetPortCount: 2 });
    unit.join(nexus);
    return nexus;
  };
  return { unit, paths: [path(1), path(2)] };
}

/** Designators of VPD page 83h by association and type, as hex. */
async function designatorsOf(unit: LogicalUnit, nexus: Nexus): Promise<Record<string, string>> {
  const bytes = (await run(unit, nexus, [0x12, 1, 0x83, 4, 0, 0])).data ?? new Uint8Array(0);
  const found: Record<string, string> = {};
  for (let at = 4; at < bytes.length; at += 4 + (bytes[at + 3] ?? 0)) {
    const association = ["unit", "port"][((bytes[at + 1] ?? 0) >> 4) & 3] ?? "";
    found[`${association} ${(bytes[at + 1] ?? 0) & 0x0f}`] = bytes.slice(at + 4, at + 4 + (bytes[at + 3] ?? 0)).toHex();
  }
  return found;
}

test("the unit is the same over both ports, the ports are two, in one group", async () => {
  const { unit, paths } = twoPaths();
  const [first, second] = [await designatorsOf(unit, paths[0]), await designatorsOf(unit, paths[1])];
  expect([first["unit 1"], first["unit 3"]]).toEqual([second["unit 1"], second["unit 3"]]);
  expect(first["unit 3"]).toMatch(/^3[0-9a-f]{15}$/);
  expect([first["port 4"], second["port 4"]]).toEqual(["00000001", "00000002"]);
  expect([first["port 5"], second["port 5"]]).toEqual(["00000001", "00000001"]);
  const textOf = (hex: string | undefined): string => Buffer.from(hex ?? "", "hex").toString();
  expect(textOf(first["port 8"])).toMatch(/^iqn\.2026-11\.org\.ingot:disk,t,0x0001\0+$/);
  expect(textOf(second["port 8"])).toMatch(/^iqn\.2026-11\.org\.ingot:disk,t,0x0002\0+$/);
  // TPGS of standard INQUIRY: implicit asymmetric access.
  for (const path of paths) expect((await run(unit, path, [0x12, 0, 0, 0, 36])).data?.[5]).toBe(0x18);
});

test("REPORT TARGET PORT GROUPS gives both ports over each, active/optimized", async () => {
  const { unit, paths } = twoPaths();
  for (const path of paths) {
    expect(hexOf(await run(unit, path, [0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 1, 0]))).toBe(
      "00000010" + "00010001" + "00000002" + "00000001" + "00000002",
    );
    expect(hexOf(await run(unit, path, [0xa3, 0x2a, 0, 0, 0, 0, 0, 0, 1, 0]))).toBe(
      "00000014" + "10000000" + "00010001" + "00000002" + "00000001" + "00000002",
    );
  }
});

test("each path registers for itself; READ FULL STATUS says through which port", async () => {
  const { unit, paths } = twoPaths();
  const [first, second] = paths;
  await run(unit, first, ...reserveOut(0, 0, 0, 7));
  await run(unit, first, ...reserveOut(1, 5, 7));
  const write: [number[], Uint8Array<ArrayBuffer>] = [[0x2a, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(512)];
  expect(await run(unit, second, ...write)).toMatchObject({ status: 0x18 });
  await run(unit, second, ...reserveOut(0, 0, 0, 7));
  expect(await run(unit, second, ...write)).toMatchObject({ status: 0 });
  const bytes = (await run(unit, first, [0x5e, 3, 0, 0, 0, 0, 0, 4, 0])).data ?? new Uint8Array(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = 24 + view.getUint32(8 + 20);
  expect([view.getUint16(8 + 18), view.getUint16(8 + length + 18)]).toEqual([1, 2]);
  // ALL_TG_PT would register for both at once, which is not offered.
  const [cdb, list] = reserveOut(6, 0, 0, 8);
  list[20] = 0x04;
  expect(codeOf(await run(unit, first, cdb, list))).toBe("2600");
});

test("RESERVE(6) of one path keeps the other out", async () => {
  const { unit, paths } = twoPaths();
  await run(unit, paths[0], [0x16]);
  expect(await run(unit, paths[1], [0x00])).toMatchObject({ status: 0x18 });
});

test("the name of a nexus is what RFC 7143 makes of it, and can be taken apart", () => {
  const name = nexusName(INITIATOR, ISID, 258);
  expect(name).toBe("iqn.1993-08.org.debian:01:abc,i,0x400000000001,t,0x0102");
  expect(partsOfNexusName(name)).toEqual({
    initiatorPort: "iqn.1993-08.org.debian:01:abc,i,0x400000000001",
    targetPort: 258,
  });
});
