import { expect, test } from "vitest";
import { hexOf, IDENTITY, join, reserveOut, run } from "../../test/scsi-harness.ts";
import type { ReservationStore } from "../directory.ts";
import { LogicalUnit } from "./logical-unit.ts";
import type { Nexus } from "./logical-unit.ts";
import { SenseOf } from "./sense.ts";

/**
 * What Windows failover clustering does with a shared disk: REGISTER AND IGNORE EXISTING KEY, RESERVE of type 5 (write exclusive, registrants only),
 * PREEMPT (AND ABORT) of a node that is gone, and READ KEYS to see who is there; and what its disk class driver asks before that.
 */
const ServiceAction = {
  register: 0,
  reserve: 1,
  release: 2,
  clear: 3,
  preempt: 4,
  preemptAndAbort: 5,
  ignore: 6,
} as const;
const WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 5;

const READ_KEYS = [0x5e, 0, 0, 0, 0, 0, 0, 4, 0];
const READ_RESERVATION = [0x5e, 1, 0, 0, 0, 0, 0, 4, 0];
const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1];
const WRITE: [number[], Uint8Array<ArrayBuffer>] = [[0x2a, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(512)];

function cluster(): { unit: LogicalUnit; one: Nexus; two: Nexus; outsider: Nexus } {
  const unit = new LogicalUnit(IDENTITY);
  const node = (name: string): Nexus => join(unit, `iqn.1991-05.com.microsoft:${name},i,0x400001370000`);
  return { unit, one: node("node1"), two: node("node2"), outsider: node("outsider") };
}

async function own(unit: LogicalUnit, node: Nexus, key: number): Promise<void> {
  expect(await run(unit, node, ...reserveOut(ServiceAction.ignore, 0, 0, key))).toMatchObject({ status: 0 });
  const reserve = reserveOut(ServiceAction.reserve, WRITE_EXCLUSIVE_REGISTRANTS_ONLY, key);
  expect(await run(unit, node, ...reserve)).toMatchObject({ status: 0 });
}

test("REGISTER AND IGNORE EXISTING KEY registers with or without an older key, as often as it is sent", async () => {
  const { unit, one } = cluster();
  for (const key of [1, 2, 2]) {
    expect(await run(unit, one, ...reserveOut(ServiceAction.ignore, 0, 9, key))).toMatchObject({ status: 0 });
  }
  expect(hexOf(await run(unit, one, READ_KEYS))).toBe("00000003" + "00000008" + "0000000000000002");
});

test("type 5: registered nodes read and write, others only read", async () => {
  const { unit, one, two, outsider } = cluster();
  await own(unit, one, 1);
  await run(unit, two, ...reserveOut(ServiceAction.ignore, 0, 0, 2));
  for (const node of [one, two]) expect(await run(unit, node, ...WRITE)).toMatchObject({ status: 0 });
  expect(await run(unit, outsider, READ)).toMatchObject({ status: 0 });
  expect(await run(unit, outsider, ...WRITE)).toMatchObject({ status: 0x18 });
  expect(hexOf(await run(unit, outsider, READ_RESERVATION)).slice(16)).toBe(
    "0000000000000001" + "00000000" + "00050000",
  );
  // The same reservation again is no conflict; another node's is.
  expect(await run(unit, one, ...reserveOut(ServiceAction.reserve, 5, 1))).toMatchObject({ status: 0 });
  expect(await run(unit, two, ...reserveOut(ServiceAction.reserve, 5, 2))).toMatchObject({ status: 0x18 });
});

test.each([
  ["PREEMPT", ServiceAction.preempt, SenseOf.registrationsPreempted, 0],
  ["PREEMPT AND ABORT", ServiceAction.preemptAndAbort, SenseOf.commandsClearedByAnotherInitiator, 1],
])("%s takes the disk from a node that is gone, which is told if it comes back", async (_, action, told, aborts) => {
  const { unit, one, two } = cluster();
  let aborted = 0;
  Object.assign(one, { abortCommands: async () => void aborted++ });
  await own(unit, one, 1);
  await run(unit, two, ...reserveOut(ServiceAction.ignore, 0, 0, 2));
  expect(await run(unit, two, ...reserveOut(action, WRITE_EXCLUSIVE_REGISTRANTS_ONLY, 2, 1))).toMatchObject({
    status: 0,
  });
  expect(aborted).toBe(aborts);
  expect(hexOf(await run(unit, two, READ_KEYS)).slice(8)).toBe("00000008" + "0000000000000002");
  expect(unit.persistentReservations.reservation).toEqual({ type: 5, holder: two.name });
  expect(await run(unit, one, ...WRITE)).toMatchObject({ sense: told });
  expect(await run(unit, one, ...WRITE)).toMatchObject({ status: 0x18 });
});

test("a node that is gone keeps its registration and its reservation, and they work when it is back", async () => {
  const { unit, one, two } = cluster();
  await own(unit, one, 1);
  await unit.leave(one);
  expect(await run(unit, two, ...WRITE)).toMatchObject({ status: 0x18 });
  const back = join(unit, "iqn.1991-05.com.microsoft:node1,i,0x400001370000");
  expect(await run(unit, back, ...WRITE)).toMatchObject({ status: 0 });
});

test("RELEASE and CLEAR tell the registered nodes", async () => {
  const { unit, one, two } = cluster();
  await own(unit, one, 1);
  await run(unit, two, ...reserveOut(ServiceAction.ignore, 0, 0, 2));
  await run(unit, one, ...reserveOut(ServiceAction.release, 5, 1));
  expect(two.unitAttentions.splice(0)).toEqual([SenseOf.reservationsReleased]);
  await run(unit, one, ...reserveOut(ServiceAction.clear, 0, 1));
  expect(two.unitAttentions).toEqual([SenseOf.reservationsPreempted]);
});

test("serial number and NAA are those of the disk: after a reconnect, after a restart, for every node", async () => {
  const store: ReservationStore = { load: async () => undefined, save: async () => undefined };
  const { unit, one, two } = cluster();
  const identity = async (on: LogicalUnit, node: Nexus): Promise<string[]> => [
    hexOf(await run(on, node, [0x12, 1, 0x80, 0, 255])),
    hexOf(await run(on, node, [0x12, 1, 0x83, 0, 255])).slice(0, 8 + 56 + 24),
  ];
  const before = await identity(unit, one);
  expect(await identity(unit, two)).toEqual(before);
  const restarted = await LogicalUnit.open(IDENTITY, store);
  expect(await identity(restarted, join(restarted, "iqn.1991-05.com.microsoft:node1,i,0x400001370001"))).toEqual(
    before,
  );
  expect(before[1]).toContain("01030008" + "3");
});

test("the disk class driver's questions: REPORT LUNS, READ CAPACITY(16), MODE SENSE of caching and of everything", async () => {
  const { unit, one } = cluster();
  expect(hexOf(await run(unit, one, [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16]))).toBe(
    "00000008" + "00000000" + "00".repeat(8),
  );
  expect(hexOf(await run(unit, one, [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32]))).toMatch(
    /^00000000000007ff000002000003c000/,
  );
  expect(hexOf(await run(unit, one, [0x1a, 0x08, 0x08, 0, 0xc0]))).toMatch(/^17001000081204/);
  expect(await run(unit, one, [0x1a, 0, 0x3f, 0, 0xc0])).toMatchObject({ status: 0 });
  expect(await run(unit, one, [0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 0xc0])).toMatchObject({ status: 0 });
});
