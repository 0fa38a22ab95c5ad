import { expect, test } from "vitest";
import { Harness, pattern, read10, READS, write10, WRITES } from "../../test/harness.ts";
import type { TestConnection } from "../../test/harness.ts";
import { manage, pdu } from "../../test/initiator.ts";
import type { ReceivedPdu } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import { SlowDevice } from "../../test/slow-device.ts";
import { MAX_IMMEDIATE_COMMANDS, MAX_OPEN_REQUESTS } from "../limits.ts";

const READY = [0x00];

/** TEST UNIT READY with a number of the test's choosing. */
function ready(cmdSN: number, itt = cmdSN): Uint8Array {
  return pdu("scsiCommand", { itt, cmdSN, flags: 0x80, cdb: READY });
}

const tags = (replies: readonly ReceivedPdu[]): number[] => replies.map(({ itt }) => itt);

async function writeAt(connection: TestConnection, cmdSN: number, lba: number, seed: number): Promise<void> {
  const data = pattern(512, seed);
  connection.send(pdu("scsiCommand", { itt: cmdSN, cmdSN, flags: WRITES, word20: 512, cdb: write10(lba, 1), data }));
  await connection.receive();
}

test("commands that come early wait for the missing one, then all are carried out in order", async () => {
  const connection = await new Harness().login();
  connection.send(ready(3), ready(2), ready(5));
  expect(await connection.receive()).toEqual([]);
  connection.send(ready(1));
  expect((await connection.receive()).map(({ itt, statSN, expCmdSN }) => [itt, statSN, expCmdSN])).toEqual([
    [1, 1, 2],
    [2, 2, 3],
    [3, 3, 4],
  ]);
  connection.send(ready(4));
  expect(tags(await connection.receive())).toEqual([4, 5]);
});

test("the last write in the order of numbers is the one that stays, whatever the order of arrival", async () => {
  const device = new MemoryDevice(4096);
  const connection = await new Harness({ device }).login();
  await writeAt(connection, 2, 0, 22);
  await writeAt(connection, 1, 0, 11);
  expect(device.bytes.slice(0, 512)).toEqual(pattern(512, 22));
});

test("a duplicate of an early command, and one of a command that ran, are ignored", async () => {
  const connection = await new Harness().login();
  connection.send(ready(2), ready(2, 77), ready(1), ready(1, 78));
  expect(tags(await connection.receive())).toEqual([1, 2]);
});

test("an early command keeps its unsolicited data", async () => {
  const device = new MemoryDevice(4096);
  const connection = await new Harness({ device }).login(["InitialR2T=No", "ImmediateData=Yes"]);
  const data = pattern(1024);
  const command = { itt: 2, cmdSN: 2, flags: WRITES & ~0x80, word20: 1024, cdb: write10(0, 2) };
  connection.send(pdu("scsiCommand", { ...command, data: data.slice(0, 512) }));
  connection.send(pdu("dataOut", { itt: 2, word20: 0xffff_ffff, bufferOffset: 512, data: data.slice(512) }));
  connection.send(ready(1));
  expect(await connection.receive()).toMatchObject([{ itt: 1 }, { itt: 2, flags: 0x80 }]);
  expect(device.bytes.slice(0, 1024)).toEqual(data);
});

test("immediate commands do not wait for a gap, and use up no number", async () => {
  const connection = await new Harness().login();
  connection.send(ready(2));
  connection.send(pdu("scsiCommand", { itt: 50, cmdSN: 1, flags: 0x80, cdb: READY, immediate: true }));
  expect(await connection.receive()).toMatchObject([{ itt: 50, expCmdSN: 1 }]);
  connection.send(ready(1));
  expect(tags(await connection.receive())).toEqual([1, 2]);
});

test("more waiting data than allowed ends the connection, and says why", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  for (let cmdSN = 2; cmdSN < 10; cmdSN++) {
    const data = pattern(262_144);
    connection.send(
      pdu("scsiCommand", { itt: cmdSN, cmdSN, flags: WRITES, word20: data.length, cdb: write10(0, 512), data }),
    );
  }
  await connection.receive();
  expect(connection.transport.ended).toBe(true);
  expect(harness.events).toContainEqual(
    expect.objectContaining({ kind: "error", error: expect.objectContaining({ code: "limitExceeded" }) as unknown }),
  );
});

test("ABORT TASK takes back an early command; the order goes on without it", async () => {
  const connection = await new Harness().login();
  connection.send(ready(2), ready(3), manage(1, { referenced: 2, refCmdSN: 2, cmdSN: 4 }));
  const [managed] = await connection.receive();
  expect(managed).toMatchObject({ opcode: 0x22 });
  expect(managed?.header[2]).toBe(0);
  connection.send(ready(1));
  expect(tags(await connection.receive())).toEqual([1, 3]);
});

test("ABORT TASK of a number that was lost: complete, and the number counts as come", async () => {
  const connection = await new Harness().login();
  connection.send(ready(2), manage(1, { referenced: 1, refCmdSN: 1, cmdSN: 3 }));
  const replies = await connection.receive();
  expect(tags(replies).toSorted((a, b) => a - b)).toEqual([2, 900]);
  connection.send(ready(1));
  expect(await connection.receive()).toEqual([]);
  connection.send(ready(3));
  expect(tags(await connection.receive())).toEqual([3]);
});

test.each([
  ["a number not given out yet", { referenced: 7, refCmdSN: 1, cmdSN: 1 }],
  ["a number outside of the window", { referenced: 7, refCmdSN: 4000, cmdSN: 1 }],
  ["a number that was answered", { referenced: 7, refCmdSN: 0xffff_ffff, cmdSN: 1 }],
])("ABORT TASK of %s: the task does not exist", async (_, fields) => {
  const connection = await new Harness().login();
  connection.send(manage(1, fields));
  expect((await connection.receive())[0]?.header[2]).toBe(1);
});

test("ABORT TASK SET takes back early commands numbered before it", async () => {
  const connection = await new Harness().login();
  connection.send(ready(2), ready(4), manage(2, { cmdSN: 3 }));
  await connection.receive();
  connection.send(ready(1), ready(3));
  expect(tags(await connection.receive())).toEqual([1, 3, 4]);
});

test("the window closes when as many commands are open as may be, and opens again", async () => {
  const device = new SlowDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  for (let i = 0; i < 64; i++) connection.command(read10(i, 1), { flags: READS, expected: 512 });
  connection.send(pdu("nopOut", { immediate: true, itt: 7, word20: 0xffff_ffff, cmdSN: connection.cmdSN }));
  // ExpCmdSN 65, MaxCmdSN 64: closed.
  expect(await connection.receive()).toMatchObject([{ opcode: 0x20, expCmdSN: 65, maxCmdSN: 64 }]);
  connection.command(READY);
  expect(await connection.receive()).toEqual([]);
  device.go();
  const replies = await connection.receive();
  expect(replies).toHaveLength(64);
  expect(replies.at(-1)).toMatchObject({ expCmdSN: 65, maxCmdSN: 128 });
  connection.cmdSN--;
  connection.command(READY);
  expect(await connection.receive()).toMatchObject([{ opcode: 0x21, expCmdSN: 66, maxCmdSN: 129 }]);
});

test("more immediate commands than may be open are rejected with the reason, and it passes", async () => {
  const device = new SlowDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  for (let i = 0; i <= MAX_IMMEDIATE_COMMANDS; i++) {
    connection.send(
      pdu("scsiCommand", { immediate: true, itt: i, cmdSN: 1, flags: READS, word20: 512, cdb: read10(0, 1) }),
    );
  }
  const [reject] = await connection.receive();
  expect(reject?.opcode).toBe(0x3f);
  expect(reject?.header[2]).toBe(0x06);
  device.go();
  expect(await connection.receive()).toHaveLength(MAX_IMMEDIATE_COMMANDS);
  connection.send(pdu("scsiCommand", { immediate: true, itt: 9, cmdSN: 1, flags: 0x80, cdb: READY }));
  expect(await connection.receive()).toMatchObject([{ opcode: 0x21, itt: 9 }]);
});

test("task management works however many commands are open, and is itself bounded", async () => {
  const device = new SlowDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  for (let i = 0; i < MAX_IMMEDIATE_COMMANDS; i++) {
    connection.send(
      pdu("scsiCommand", { immediate: true, itt: i, cmdSN: 1, flags: READS, word20: 512, cdb: read10(0, 1) }),
    );
  }
  for (let i = 0; i <= MAX_OPEN_REQUESTS; i++) connection.send(manage(2, { itt: 900 + i }));
  const [reject] = await connection.receive();
  expect(reject?.opcode).toBe(0x3f);
  device.go();
  const replies = await connection.receive();
  expect(replies.map(({ opcode }) => opcode)).toEqual(Array.from({ length: MAX_OPEN_REQUESTS }, () => 0x22));
});
