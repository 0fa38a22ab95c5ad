import { expect, test } from "vitest";
import { expectBytes, Harness, pattern, read10, READS, write10, WRITES } from "../../test/harness.ts";
import type { TestConnection } from "../../test/harness.ts";
import { manage, OTHER_ISID, pdu } from "../../test/initiator.ts";
import { SlowDevice } from "../../test/slow-device.ts";
import { TaskAttribute, TaskSet } from "./task-set.ts";

const { simple, ordered, headOfQueue, aca } = TaskAttribute;

/** A READ of one block with a task attribute; returns its tag. */
function read(connection: TestConnection, attribute: number): number {
  return connection.command(read10(0, 1), { flags: READS | attribute, expected: 512 });
}

async function slowSession() {
  const device = new SlowDevice(1_048_576);
  const harness = new Harness({ device });
  const keys = ["InitialR2T=No", "ImmediateData=Yes", "FirstBurstLength=262144"];
  return { device, harness, connection: await harness.login(keys) };
}

/** Lets what the device has now finish; returns the tags that were answered. */
async function step(device: SlowDevice, connection: TestConnection): Promise<number[]> {
  device.go();
  return (await connection.receive()).map(({ itt }) => itt);
}

test("ORDERED begins when everything before it has ended, and what comes after waits for it", async () => {
  const { device, connection } = await slowSession();
  const before = [read(connection, simple), read(connection, 0)];
  const middle = read(connection, ordered);
  const after = [read(connection, simple), read(connection, simple)];
  expect(device.waiting).toHaveLength(2);
  expect(await step(device, connection)).toEqual(before);
  expect(device.waiting).toHaveLength(1);
  expect(await step(device, connection)).toEqual([middle]);
  expect(device.waiting).toHaveLength(2);
  expect(await step(device, connection)).toEqual(after);
});

test("ORDERED holds between the sessions of a disk too", async () => {
  const { device, harness, connection } = await slowSession();
  const other = await harness.login([], OTHER_ISID);
  read(connection, simple);
  const waiting = read(other, ordered);
  expect(device.waiting).toHaveLength(1);
  device.go();
  await connection.receive();
  expect(device.waiting).toHaveLength(1);
  expect(await step(device, other)).toEqual([waiting]);
});

test("HEAD OF QUEUE begins at once, before those that wait; SIMPLE after it waits", async () => {
  const { device, connection } = await slowSession();
  const first = read(connection, simple);
  const middle = read(connection, ordered);
  const head = read(connection, headOfQueue);
  const last = read(connection, simple);
  expect(device.waiting).toHaveLength(2);
  expect(await step(device, connection)).toEqual([first, head]);
  expect(await step(device, connection)).toEqual([middle]);
  expect(await step(device, connection)).toEqual([last]);
});

test.each([
  ["ACA", aca],
  ["an attribute that nobody has", 7],
])("%s is refused: ILLEGAL REQUEST, INVALID MESSAGE ERROR", async (_, attribute) => {
  const { connection } = await slowSession();
  connection.command([0x00], { flags: 0x80 | attribute });
  const [reply] = await connection.receive();
  expect(reply?.data.subarray(2, 16).toHex()).toBe("700005000000000a000000004900");
});

test("a waiting write keeps its immediate and unsolicited data", async () => {
  const { device, connection } = await slowSession();
  read(connection, simple);
  const data = pattern(2048);
  const itt = connection.command(write10(4, 4), {
    flags: (WRITES & ~0x80) | ordered,
    expected: 2048,
    data: data.slice(0, 512),
  });
  for (const [dataSN, flags] of [0, 0x80].entries()) {
    const part = dataSN === 0 ? data.slice(512, 1024) : data.slice(1024);
    connection.send(
      pdu("dataOut", { itt, word20: 0xffff_ffff, flags, dataSN, bufferOffset: 512 + dataSN * 512, data: part }),
    );
  }
  await step(device, connection);
  expect(await step(device, connection)).toEqual([itt]);
  expectBytes(device.memory.bytes.slice(2048, 4096), data);
});

test("ABORT TASK takes a waiting command out of the line", async () => {
  const { device, connection } = await slowSession();
  const first = read(connection, simple);
  const waiting = read(connection, ordered);
  const last = read(connection, simple);
  connection.send(manage(1, { referenced: waiting, refCmdSN: 2, cmdSN: 4 }));
  expect(await connection.receive()).toMatchObject([{ opcode: 0x22 }]);
  expect(device.waiting).toHaveLength(2);
  expect(await step(device, connection)).toEqual([first, last]);
});

test("a reset ends waiting commands without beginning them", async () => {
  const { device, harness, connection } = await slowSession();
  const other = await harness.login([], OTHER_ISID);
  read(connection, simple);
  read(connection, ordered);
  read(other, ordered);
  connection.send(manage(5, { cmdSN: 3 }));
  expect(await step(device, connection)).toEqual([900]);
  expect(device.waiting).toHaveLength(0);
  expect(await other.receive()).toEqual([]);
});

test("a session that ends lets the others' waiting commands begin", async () => {
  const { device, harness, connection } = await slowSession();
  const other = await harness.login([], OTHER_ISID);
  connection.command(write10(0, 1), { flags: WRITES, expected: 512 });
  const waiting = read(other, ordered);
  await connection.receive();
  expect(device.waiting).toHaveLength(0);
  void connection.connection.close("disconnected");
  await connection.receive();
  expect(device.waiting).toHaveLength(1);
  expect(await step(device, other)).toEqual([waiting]);
});

test("where too much would wait, the answer is TASK SET FULL", async () => {
  const { device, connection } = await slowSession();
  read(connection, simple);
  const data = pattern(262_144);
  for (let i = 0; i < 4; i++) {
    connection.command(write10(0, 512), { flags: WRITES | ordered, expected: data.length, data });
  }
  const [full] = await connection.receive();
  expect(full?.header[3]).toBe(0x28);
  for (let i = 0; i < 5; i++) await step(device, connection);
  expectBytes(device.memory.bytes.slice(0, 262_144), data);
});

test("what waits never begins inside of the answer of another command", () => {
  const later: (() => void)[] = [];
  const set = new TaskSet((callback) => later.push(callback));
  const begun: string[] = [];
  expect(set.enter(simple)).toBe(true);
  for (const name of ["a", "b"]) {
    expect(set.enter(ordered)).toBe(false);
    set.wait({ attribute: ordered, begin: () => void begun.push(name) });
  }
  set.leave(simple);
  expect(begun).toEqual([]);
  for (const callback of later.splice(0)) callback();
  expect(begun).toEqual(["a"]);
  set.leave(ordered);
  for (const callback of later.splice(0)) callback();
  expect(begun).toEqual(["a", "b"]);
});
