import { DecodeError } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOf, hexOf, IDENTITY, join, reserveOut, run } from "../../test/scsi-harness.ts";
import type { ReservationStore } from "../directory.ts";
import { LogicalUnit } from "./logical-unit.ts";
import { decodeReservations, encodeReservations } from "./stored-reservations.ts";

/** What would be the file. */
class MemoryStore implements ReservationStore {
  bytes: Uint8Array | undefined;
  saves = 0;
  failure: Error | undefined;

  async load(): Promise<Uint8Array | undefined> {
    return this.bytes;
  }

  async save(bytes: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.bytes = bytes.slice();
    this.saves++;
  }
}

const REGISTER = 0;
const RESERVE = 1;
const CLEAR = 3;
const REGISTER_AND_IGNORE = 6;
const READ_FULL_STATUS = [0x5e, 3, 0, 0, 0, 0, 0, 4, 0];
const READ_RESERVATION = [0x5e, 1, 0, 0, 0, 0, 0, 4, 0];
const CAPABILITIES = [0x5e, 2, 0, 0, 0, 0, 0, 4, 0];

function withAptpl([cdb, list]: ReturnType<typeof reserveOut>): ReturnType<typeof reserveOut> {
  list[20] = 0x01;
  return [cdb, list];
}

async function openUnit(store: ReservationStore) {
  const unit = await LogicalUnit.open(IDENTITY, store);
  return { unit, nexus: join(unit, "iqn.a,i,0x1"), other: join(unit, "iqn.b,i,0x1") };
}

test("two registrations and a reservation, byte for byte", () => {
  const state = {
    registrations: new Map([
      ["iqn.a,i,0x1,t,0x0001", 0x11n],
      ["iqn.b,i,0x1,t,0x0001", 0x22n],
    ]),
    reservation: { type: 5, holder: "iqn.a,i,0x1,t,0x0001" } as const,
  };
  const name = (letter: string): string => `0014${Buffer.from(`iqn.${letter},i,0x1,t,0x0001`).toString("hex")}`;
  const bytes = encodeReservations(state);
  expect(bytes.toHex().slice(0, -8)).toBe(
    "494e474f54524553" + // INGOTRES
      "0001" +
      "05" + // write exclusive, registrants only
      "02" +
      name("a") +
      "0000000000000011" +
      name("a") +
      "0000000000000022" +
      name("b"),
  );
  expect(decodeReservations(bytes)).toEqual(state);
});

test("whatever is encoded decodes to the same; cut or changed anywhere it is refused", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(
      names,
      fc.constantFrom(undefined, 1, 3, 5, 6, 7, 8),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (ports, type, at, flip) => {
        const registrations = new Map(ports.map((port, i) => [port, BigInt(i) + 1n]));
        const holder = ports[at % ports.length] ?? "";
        const state = { registrations, reservation: type === undefined ? undefined : ({ type, holder } as const) };
        const bytes = encodeReservations(state);
        expect(decodeReservations(bytes)).toEqual(state);
        expect(() => decodeReservations(bytes.subarray(0, at % bytes.length))).toThrow();
        const damaged = bytes.slice();
        damaged[at % bytes.length] = (damaged[at % bytes.length] ?? 0) ^ flip;
        expect(() => decodeReservations(damaged)).toThrow();
      },
    ),
  );
});

test.each([
  ["nothing", ""],
  ["another magic", "494e474f54484156" + "0001" + "0000" + "0000" + "00000000"],
  ["another version", "494e474f54524553" + "0002" + "0000" + "0000" + "00000000"],
  ["a wrong checksum", "494e474f54524553" + "0001" + "0000" + "0000" + "00000001"],
  ["zeros, as after a torn write", "00".repeat(512)],
])("%s is no file of reservations", (_, hex) => {
  expect(() => decodeReservations(Uint8Array.fromHex(hex))).toThrow(DecodeError);
});

test("with APTPL=1 registrations and reservation are stored before the answer and are there after a restart", async () => {
  const store = new MemoryStore();
  const before = await openUnit(store);
  expect(hexOf(await run(before.unit, before.nexus, CAPABILITIES))).toBe("0008" + "0180" + "ea01" + "0000");
  expect(await run(before.unit, before.nexus, ...withAptpl(reserveOut(REGISTER_AND_IGNORE, 0, 0, 7)))).toMatchObject({
    status: 0,
  });
  expect(store.saves).toBe(1);
  expect(await run(before.unit, before.nexus, ...reserveOut(RESERVE, 5, 7))).toMatchObject({ status: 0 });
  expect(store.saves).toBe(2);
  expect(hexOf(await run(before.unit, before.nexus, CAPABILITIES))).toBe("0008" + "0181" + "ea01" + "0000");

  const after = await openUnit(store);
  expect(hexOf(await run(after.unit, after.nexus, READ_RESERVATION))).toBe(
    "00000000" + "00000010" + "0000000000000007" + "00000000" + "00" + "05" + "0000",
  );
  const write: [number[], Uint8Array<ArrayBuffer>] = [[0x2a, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(512)];
  expect(await run(after.unit, after.other, ...write)).toMatchObject({ status: 0x18 });
  expect(await run(after.unit, after.nexus, ...write)).toMatchObject({ status: 0 });
  const full = (await run(after.unit, after.nexus, READ_FULL_STATUS)).data ?? new Uint8Array(0);
  expect(new TextDecoder().decode(full.subarray(36, 47))).toBe("iqn.a,i,0x1");
});

test("the last REGISTER decides: with APTPL=0 nothing comes back", async () => {
  const store = new MemoryStore();
  const { unit, nexus, other } = await openUnit(store);
  await run(unit, nexus, ...withAptpl(reserveOut(REGISTER, 0, 0, 7)));
  await run(unit, nexus, ...reserveOut(RESERVE, 1, 7));
  await run(unit, other, ...reserveOut(REGISTER, 0, 0, 8));
  const after = await openUnit(store);
  expect(after.unit.persistentReservations.isEmpty).toBe(true);
  expect(unit.persistentReservations.isHolder(nexus.name)).toBe(true);
});

test("CLEAR is stored as well", async () => {
  const store = new MemoryStore();
  const { unit, nexus } = await openUnit(store);
  await run(unit, nexus, ...withAptpl(reserveOut(REGISTER, 0, 0, 7)));
  await run(unit, nexus, ...reserveOut(CLEAR, 0, 7));
  expect((await openUnit(store)).unit.persistentReservations.isEmpty).toBe(true);
});

test("a change that cannot be stored fails and is taken back", async () => {
  const store = new MemoryStore();
  const { unit, nexus } = await openUnit(store);
  await run(unit, nexus, ...withAptpl(reserveOut(REGISTER, 0, 0, 7)));
  store.failure = new Error("disk full");
  expect(codeOf(await run(unit, nexus, ...reserveOut(RESERVE, 1, 7)))).toBe("4400");
  expect(unit.persistentReservations.reservation).toBeUndefined();
  store.failure = undefined;
  expect(await run(unit, nexus, ...reserveOut(RESERVE, 3, 7))).toMatchObject({ status: 0 });
  expect((await openUnit(store)).unit.persistentReservations.reservation).toEqual({ type: 3, holder: nexus.name });
});

test("without a store APTPL is refused, and not looked at where it means nothing", async () => {
  const unit = new LogicalUnit(IDENTITY);
  const nexus = join(unit, "iqn.a,i,0x1");
  expect(codeOf(await run(unit, nexus, ...withAptpl(reserveOut(REGISTER, 0, 0, 7))))).toBe("2600");
  await run(unit, nexus, ...reserveOut(REGISTER, 0, 0, 7));
  expect(await run(unit, nexus, ...withAptpl(reserveOut(RESERVE, 1, 7)))).toMatchObject({ status: 0 });
});

test("damaged bytes open no unit", async () => {
  const store = new MemoryStore();
  store.bytes = new Uint8Array(64);
  await expect(openUnit(store)).rejects.toThrow(DecodeError);
});
