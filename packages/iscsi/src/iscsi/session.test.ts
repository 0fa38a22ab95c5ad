import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, pattern, read10, READS, write10, WRITES } from "../../test/harness.ts";
import { manage, OTHER_ISID, pdu, text } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import { SlowDevice } from "../../test/slow-device.ts";
import { LATENCY_SAMPLE_EVERY, emptyHistogram } from "./latency.ts";

const good = { opcode: 0x21, flags: 0x80, words: [0, 0, 0] };

test("StatSN counts answers, ExpCmdSN commands, and the window stays open", async () => {
  const connection = await new Harness().login();
  connection.command([0x00]);
  connection.command([0x00]);
  connection.command([0x00]);
  const replies = await connection.receive();
  expect(replies.map(({ statSN, expCmdSN, maxCmdSN }) => [statSN, expCmdSN, maxCmdSN])).toEqual([
    [1, 2, 65],
    [2, 3, 66],
    [3, 4, 67],
  ]);
});

test("a slow command narrows the window; its end opens it again", async () => {
  const device = new SlowDevice(4096);
  const connection = await new Harness({ device }).login();
  connection.command([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  connection.command([0x00]);
  expect(await connection.receive()).toMatchObject([{ expCmdSN: 3, maxCmdSN: 65 }]);
  device.go();
  expect(await connection.receive()).toMatchObject([{ expCmdSN: 3, maxCmdSN: 66 }]);
});

test.each([
  ["above the window", 66],
  ["below it", 0],
])("a command number %s is ignored without a word", async (_, cmdSN) => {
  const connection = await new Harness().login();
  connection.send(pdu("scsiCommand", { itt: 5, cmdSN, flags: 0x80 }));
  expect(await connection.receive()).toEqual([]);
  connection.command([0x00]);
  expect(await connection.receive()).toMatchObject([{ ...good, statSN: 1, expCmdSN: 2 }]);
});

test("command numbers wrap around", async () => {
  const connection = await new Harness().login([], { cmdSN: 0xffff_ffff });
  connection.cmdSN = 0xffff_ffff;
  connection.command([0x00]);
  connection.cmdSN = 0;
  connection.command([0x00]);
  const replies = await connection.receive();
  expect(replies.map(({ expCmdSN, maxCmdSN }) => [expCmdSN, maxCmdSN])).toEqual([
    [0, 63],
    [1, 64],
  ]);
});

test("a ping comes back with its data; one without a tag does not", async () => {
  const connection = await new Harness().login();
  connection.send(pdu("nopOut", { immediate: true, itt: 7, word20: 0xffff_ffff, cmdSN: 1, data: text("ping") }));
  connection.send(pdu("nopOut", { immediate: true, itt: 0xffff_ffff, word20: 0xffff_ffff, cmdSN: 1 }));
  expect(await connection.receive()).toMatchObject([
    { opcode: 0x20, itt: 7, ttt: 0xffff_ffff, statSN: 1, data: text("ping") },
  ]);
});

test("logout is answered, then the connection ends and the disk is given back", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  connection.send(pdu("logout", { immediate: true, flags: 0x80, itt: 8, cmdSN: 1 }));
  const [reply] = await connection.receive();
  expect(reply).toMatchObject({ opcode: 0x26, itt: 8 });
  expect(reply?.header[2]).toBe(0);
  expect(connection.transport.ended).toBe(true);
  expect(harness.closed).toEqual([INITIATOR_NAME]);
  expect(harness.events.at(-1)).toMatchObject({ kind: "logout", reason: "logout" });
});

test("a disk is given back only when it is not used any more", async () => {
  const device = new SlowDevice(1_048_576);
  const harness = new Harness({ device });
  const connection = await harness.login();
  connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  void connection.connection.close("disconnected");
  await connection.receive();
  expect(harness.closed).toEqual([]);
  device.go();
  await connection.receive();
  expect(harness.closed).toEqual([INITIATOR_NAME]);
});

test("ABORT TASK of a write that waits for data: complete, and the write never answers", async () => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login(["InitialR2T=Yes"]);
  const itt = connection.command(write10(0, 8), { flags: WRITES, expected: 4096 });
  const [r2t] = await connection.receive();
  connection.send(manage(1, { referenced: itt, refCmdSN: 1 }));
  connection.send(pdu("dataOut", { itt, word20: r2t?.ttt ?? 0, data: pattern(4096) }));
  const replies = await connection.receive();
  expect(replies).toMatchObject([{ opcode: 0x22, itt: 900, maxCmdSN: 65 }]);
  expect(replies[0]?.header[2]).toBe(0);
  expect(device.bytes.every((byte) => byte === 0)).toBe(true);
});

test("ABORT TASK of a write under way is answered only when the device is done with it", async () => {
  const device = new SlowDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  const itt = connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  connection.send(manage(1, { referenced: itt, refCmdSN: 1 }));
  expect(await connection.receive()).toEqual([]);
  device.go();
  expect(await connection.receive()).toMatchObject([{ opcode: 0x22 }]);
});

test("ABORT TASK of what has ended: the task does not exist", async () => {
  const connection = await new Harness().login();
  const itt = connection.command([0x00]);
  connection.send(manage(1, { referenced: itt, refCmdSN: 1 }));
  const [status, managed] = await connection.receive();
  expect(status).toMatchObject(good);
  expect(managed?.header[2]).toBe(1);
});

test.each([
  ["ABORT TASK SET", 2],
  ["CLEAR TASK SET", 4],
  ["LOGICAL UNIT RESET", 5],
  ["TARGET WARM RESET", 6],
])("%s ends every command of the session", async (_, taskFunction) => {
  const device = new SlowDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  connection.command(read10(0, 1), { flags: READS, expected: 512 });
  connection.command([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  connection.send(manage(taskFunction));
  device.go();
  const replies = await connection.receive();
  expect(replies).toMatchObject([{ opcode: 0x22 }]);
  expect(replies[0]?.header[2]).toBe(0);
});

test("LOGICAL UNIT RESET ends the others' commands and tells everybody once", async () => {
  const device = new SlowDevice(1_048_576);
  const harness = new Harness({ device });
  const one = await harness.login();
  const two = await harness.login([], OTHER_ISID);
  two.command(read10(0, 1), { flags: READS, expected: 512 });
  one.send(manage(5));
  device.go();
  await one.receive();
  for (const connection of [one, two]) {
    connection.command([0x00]);
    connection.command([0x00]);
    const [attention, ready] = await connection.receive();
    // UNIT ATTENTION, 29h/03h.
    expect(attention?.data.subarray(2, 16).toHex()).toBe("700006000000000a000000002903");
    expect(ready).toMatchObject(good);
  }
});

test("CLEAR TASK SET tells the others that their commands are gone", async () => {
  const harness = new Harness();
  const one = await harness.login();
  const two = await harness.login([], OTHER_ISID);
  one.send(manage(4));
  await one.receive();
  one.command([0x00]);
  expect(await one.receive()).toMatchObject([good]);
  two.command([0x00]);
  const [attention] = await two.receive();
  expect(attention?.data.subarray(2, 16).toHex()).toBe("700006000000000a000000002f00");
});

test("TARGET COLD RESET is answered, then all sessions end", async () => {
  const harness = new Harness();
  const one = await harness.login();
  const two = await harness.login([], OTHER_ISID);
  one.send(manage(7));
  expect(await one.receive()).toMatchObject([{ opcode: 0x22 }]);
  expect(one.transport.ended).toBe(true);
  expect(two.transport.ended).toBe(true);
});

test.each([
  ["a function that nobody has", manage(20), 5],
  ["TASK REASSIGN", manage(8), 4],
  ["a LUN that is not there", manage(5, { lun: 3 }), 2],
])("task management: %s", async (_, request, result) => {
  const connection = await new Harness().login();
  connection.send(request);
  expect((await connection.receive())[0]?.header[2]).toBe(result);
});

test.each([
  ["SNACK", pdu("snack", { itt: 3 }), 0x03],
  ["an opcode that nobody has", pdu("snack", { itt: 3 }).with(0, 0x1f), 0x05],
])("%s is rejected with its header, and the session lives", async (_, request, reason) => {
  const connection = await new Harness().login();
  if (request[0] === 0x1f) new DataView(request.buffer).setUint32(24, connection.cmdSN++);
  connection.send(request);
  const [reject] = await connection.receive();
  expect(reject).toMatchObject({ opcode: 0x3f, itt: 0xffff_ffff, data: request.slice(0, 48) });
  expect(reject?.header[2]).toBe(reason);
  connection.command([0x00]);
  expect(await connection.receive()).toMatchObject([good]);
});

test("a tag in use is rejected", async () => {
  const device = new SlowDevice(4096);
  const connection = await new Harness({ device }).login();
  connection.send(pdu("scsiCommand", { itt: 5, cmdSN: 1, flags: READS, word20: 512, cdb: read10(0, 1) }));
  connection.send(pdu("scsiCommand", { itt: 5, cmdSN: 2, flags: READS, word20: 512, cdb: read10(0, 1) }));
  const [reject] = await connection.receive();
  expect(reject?.opcode).toBe(0x3f);
  expect(reject?.header[2]).toBe(0x07);
});

test("commands for another LUN: INQUIRY says there is none, the rest fails", async () => {
  const connection = await new Harness().login();
  connection.command([0x12, 0, 0, 0, 36, 0], { lun: 1, flags: READS, expected: 36 });
  connection.command([0x00], { lun: 1 });
  const [inquiry, ready] = await connection.receive();
  expect(inquiry?.data[0]).toBe(0x7f);
  expect(ready?.data.subarray(2, 16).toHex()).toBe("700005000000000a000000002500");
});

test("at shutdown only an initiator that has pinged is told before", async () => {
  const harness = new Harness();
  const silent = await harness.login();
  const pinging = await harness.login([], OTHER_ISID);
  pinging.send(pdu("nopOut", { immediate: true, itt: 7, word20: 0xffff_ffff, cmdSN: 1 }));
  await pinging.receive();
  await Promise.all([silent, pinging].map(({ connection }) => connection.close("shutdown")));
  expect(await silent.receive()).toEqual([]);
  const [message] = await pinging.receive();
  expect(message).toMatchObject({ opcode: 0x32, itt: 0xffff_ffff });
  expect(message?.header[36]).toBe(3);
});

test("counters follow what a session does", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  connection.command(read10(0, 8), { flags: READS, expected: 4096 });
  connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  connection.command([0x00]);
  connection.command([0xff]);
  await connection.receive();
  expect(harness.target.sessions()[0]?.counters).toEqual({
    readBytes: 4096,
    writtenBytes: 512,
    readCommands: 1,
    writeCommands: 1,
    otherCommands: 2,
    failedCommands: 1,
    openCommands: 0,
    queuedOutputBytes: 0,
    readLatency: emptyHistogram(),
    writeLatency: emptyHistogram(),
    lastActivityMs: 1_700_000_000_000,
  });
});

test("one read and write of sixteen is timed from its arrival to its answer", async () => {
  const device = new SlowDevice(1_048_576);
  const harness = new Harness({ device });
  const connection = await harness.login();
  for (let i = 1; i < LATENCY_SAMPLE_EVERY; i++) connection.command(read10(0, 1), { flags: READS, expected: 512 });
  device.go();
  await connection.receive();
  connection.command(read10(0, 1), { flags: READS, expected: 512 });
  harness.elapsedMs = 3;
  device.go();
  await connection.receive();
  for (let i = 0; i < LATENCY_SAMPLE_EVERY; i++) {
    connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  }
  harness.elapsedMs = 4;
  device.go();
  await connection.receive();
  // 3 ms are from 2^11 µs on, 1 ms is below 2^10 µs.
  expect(harness.target.sessions()[0]?.counters).toMatchObject({
    readLatency: emptyHistogram().with(11, 1),
    writeLatency: emptyHistogram().with(9, 1),
  });
});

test("open commands and queued output are told when somebody looks", async () => {
  const device = new SlowDevice(1_048_576);
  const harness = new Harness({ device });
  const connection = await harness.login();
  connection.transport.stuck = true;
  connection.command([0x00]);
  connection.command(read10(0, 1), { flags: READS, expected: 512 });
  expect(harness.target.sessions()[0]?.counters).toMatchObject({ openCommands: 1, queuedOutputBytes: 48 });
  connection.transport.release();
  device.go();
  await connection.receive();
  expect(harness.target.sessions()[0]?.counters).toMatchObject({ openCommands: 0, queuedOutputBytes: 0 });
});

test("a command that only tells of a unit attention has not failed", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  connection.send(manage(5));
  await connection.receive();
  connection.command([0x00]);
  await connection.receive();
  expect(harness.target.sessions()[0]?.counters).toMatchObject({ otherCommands: 1, failedCommands: 0 });
});
