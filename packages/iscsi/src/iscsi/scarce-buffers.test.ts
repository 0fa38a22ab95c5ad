import { expect, test } from "vitest";
import { expectBytes, Harness, pattern, read10, READS, write10, WRITES } from "../../test/harness.ts";
import { pdu } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import { SlowDevice } from "../../test/slow-device.ts";
import { MAX_QUEUED_OUTPUT_BYTES, MAX_READING_BYTES, SCARCE_BUFFERS, SCARCE_COMMAND_WINDOW } from "../limits.ts";
import { BufferPool } from "./buffer-pool.ts";

/** A pool that says that it is scarce when the test wants it. */
class TestPool extends BufferPool {
  scarce = true;

  override get isScarce(): boolean {
    return this.scarce;
  }
}

test("a pool is scarce from so many buffers on, and no more when they come back", () => {
  const pool = new BufferPool();
  const taken = Array.from({ length: SCARCE_BUFFERS }, () => pool.take());
  expect(pool.isScarce).toBe(true);
  taken[0]?.release();
  expect(pool.isScarce).toBe(false);
});

test("while buffers are scarce the window closes behind what was let in, never falls, and always lets somebody in", async () => {
  const pool = new TestPool();
  const connection = await new Harness({ pool }).login();
  let last = 64;
  for (let i = 0; i < 70; i++) {
    connection.command([0x00]);
    const [reply] = await connection.receive(3);
    expect(reply?.maxCmdSN).toBeGreaterThanOrEqual(last);
    last = reply?.maxCmdSN ?? 0;
  }
  expect(last - connection.cmdSN).toBe(SCARCE_COMMAND_WINDOW - 1);
  pool.scarce = false;
  connection.command([0x00]);
  expect((await connection.receive())[0]?.maxCmdSN).toBe(connection.cmdSN + 63);
});

test("scarce: R2Ts go out one at a time, and every write still ends", async () => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device, pool: new TestPool() }).login([
    "InitialR2T=Yes",
    "MaxBurstLength=4096",
  ]);
  const data = pattern(16_384);
  for (let i = 0; i < 2; i++) connection.command(write10(i * 32, 32), { flags: WRITES, expected: data.length });
  let answered = 0;
  for (let round = 0; round < 20 && answered < 2; round++) {
    const replies = await connection.receive(4);
    expect(replies.filter(({ opcode }) => opcode === 0x31).length).toBeLessThanOrEqual(1);
    for (const { opcode, itt, ttt, words } of replies) {
      if (opcode === 0x21) answered++;
      else
        connection.send(
          pdu("dataOut", { itt, word20: ttt, bufferOffset: words[1], data: data.slice(words[1], words[1] + words[2]) }),
        );
    }
  }
  expect(answered).toBe(2);
  expectBytes(device.bytes.slice(0, 32_768), Uint8Array.from([...data, ...data]));
});

test("scarce: unsolicited data of a second command is refused with TASK SET FULL, the first is taken", async () => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device, pool: new TestPool() }).login();
  const data = pattern(1024);
  const first = connection.command(write10(0, 2), { flags: WRITES & ~0x80, expected: 1024 });
  const second = connection.command(write10(2, 2), { flags: WRITES & ~0x80, expected: 1024 });
  for (const itt of [second, first]) connection.send(pdu("dataOut", { itt, word20: 0xffff_ffff, data }));
  const replies = await connection.receive();
  expect(replies.map(({ itt, header }) => [itt, header[3]])).toEqual([
    [second, 0x28],
    [first, 0],
  ]);
  expectBytes(device.bytes.slice(0, 1024), data);
});

test("output that was full when buffers were scarce goes on when they are not", async () => {
  const pool = new TestPool();
  const device = new MemoryDevice(4_194_304);
  const connection = await new Harness({ device, pool }).login(["MaxRecvDataSegmentLength=262144"]);
  connection.transport.stuck = true;
  connection.command(read10(0, 4096), { flags: READS, expected: 2_097_152 });
  await connection.receive();
  pool.scarce = false;
  connection.transport.release();
  const parts = await connection.receive(60);
  expect(connection.connection.isLoggedIn).toBe(true);
  expect(parts.at(-1)?.flags).toBe(0x81);
});

test("scarce: a socket is read again when the write that stopped it is done", async () => {
  const device = new SlowDevice(1_048_576);
  const pool = new TestPool();
  const connection = await new Harness({ device, pool }).login();
  connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  expect(connection.transport.paused).toBe(true);
  connection.command(write10(1, 1), { flags: WRITES, expected: 512, data: pattern(512, 2) });
  expect(device.waiting).toHaveLength(1);
  device.go();
  await connection.receive();
  device.go();
  await connection.receive();
  expect(connection.transport.paused).toBe(false);
  expectBytes(device.memory.bytes.slice(512, 1024), pattern(512, 2));
});

test("reads at a slow device are started up to a limit, the rest as those end, also when they fail", async () => {
  const device = new SlowDevice(4_194_304);
  const connection = await new Harness({ device }).login(["MaxRecvDataSegmentLength=262144"]);
  for (let i = 0; i < 40; i++) connection.command(read10(0, 512), { flags: READS, expected: 262_144 });
  await connection.receive();
  expect(device.waiting).toHaveLength(MAX_READING_BYTES / 262_144);
  device.go(new Error("gone"));
  expect(await connection.receive()).toHaveLength(MAX_READING_BYTES / 262_144);
  expect(device.waiting).toHaveLength(40 - MAX_READING_BYTES / 262_144);
  device.go();
  expect((await connection.receive()).map(({ flags }) => flags)).toEqual(Array.from({ length: 8 }, () => 0x81));
  expect(MAX_QUEUED_OUTPUT_BYTES).toBeLessThan(MAX_READING_BYTES);
});
