import { concatBytes } from "@ingot/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expectBytes, Harness, pattern, read10, READS } from "../../test/harness.ts";
import { pdu, withDigests } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import { SlowDevice } from "../../test/slow-device.ts";

function filledDevice(): MemoryDevice {
  const device = new MemoryDevice(4_194_304);
  device.bytes.set(pattern(device.sizeBytes));
  return device;
}

test("a short read is one Data-In with GOOD in it", async () => {
  const device = filledDevice();
  const connection = await new Harness({ device }).login(["MaxRecvDataSegmentLength=8192"]);
  const itt = connection.command(read10(3, 8), { flags: READS, expected: 4096 });
  const [reply, ...rest] = await connection.receive();
  expect(rest).toEqual([]);
  // F and S; DataSN 0, offset 0, residual 0; StatSN follows the login's 0.
  expect(reply).toMatchObject({
    opcode: 0x25,
    flags: 0x81,
    itt,
    ttt: 0xffff_ffff,
    statSN: 1,
    expCmdSN: 2,
    words: [0, 0, 0],
  });
  expect(reply?.header[3]).toBe(0);
  expectBytes(reply?.data, device.bytes.slice(3 * 512, 3 * 512 + 4096));
});

test("iPXE's read: 8 KiB pieces, F at the end of the transfer only, S with it", async () => {
  const connection = await new Harness({ device: filledDevice() }).login([
    "MaxRecvDataSegmentLength=8192",
    "MaxBurstLength=262144",
  ]);
  connection.command(read10(0, 64), { flags: READS, expected: 32_768 });
  const replies = await connection.receive();
  expect(replies.map(({ flags, words }) => [flags, words[0], words[1]])).toEqual([
    [0x00, 0, 0],
    [0x00, 1, 8192],
    [0x00, 2, 16_384],
    [0x81, 3, 24_576],
  ]);
});

test("F ends every sequence of MaxBurstLength", async () => {
  const connection = await new Harness({ device: filledDevice() }).login([
    "MaxRecvDataSegmentLength=8192",
    "MaxBurstLength=16384",
  ]);
  connection.command(read10(0, 64), { flags: READS, expected: 32_768 });
  expect((await connection.receive()).map(({ flags }) => flags)).toEqual([0x00, 0x80, 0x00, 0x81]);
});

test("whatever the sizes, the data is right and in order", async () => {
  const device = filledDevice();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(4000),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 512, max: 300_000 }),
      fc.integer({ min: 512, max: 300_000 }),
      fc.boolean(),
      fc.boolean(),
      async (lba, blocks, segment, burst, header, data) => {
        const digest = (on: boolean): string => (on ? "CRC32C" : "None");
        const keys = [
          `MaxRecvDataSegmentLength=${segment}`,
          `MaxBurstLength=${burst}`,
          `HeaderDigest=${digest(header)}`,
          `DataDigest=${digest(data)}`,
        ];
        const connection = await new Harness({ device }).login(keys);
        connection.digests = { header, data };
        const cdb = read10(lba, blocks);
        const command = pdu("scsiCommand", { itt: 1, cmdSN: 1, cdb, word20: blocks * 512, flags: READS });
        connection.send(withDigests(command, connection.digests));
        const replies = await connection.receive();
        expectBytes(
          concatBytes(replies.map((reply) => reply.data)),
          device.bytes.slice(lba * 512, (lba + blocks) * 512),
        );
        expect(replies.map((reply) => reply.words[0])).toEqual(replies.map((_, i) => i));
        expect(replies.filter((reply) => (reply.flags & 1) !== 0)).toHaveLength(1);
        expect(Math.max(...replies.map((reply) => reply.data.length))).toBeLessThanOrEqual(segment);
      },
    ),
    { numRuns: 30 },
  );
});

test.each([
  // blocks, expected by the initiator, data, flags of the last PDU, residual
  [2, 512, 512, 0x85, 512],
  [1, 1024, 512, 0x83, 512],
  [1, 200, 200, 0x85, 312],
])("READ of %i blocks where %i bytes are expected", async (blocks, expected, length, flags, residual) => {
  const connection = await new Harness({ device: filledDevice() }).login();
  connection.command(read10(0, blocks), { flags: READS, expected });
  const [reply] = await connection.receive();
  expect(reply).toMatchObject({ opcode: 0x25, flags, words: [0, 0, residual] });
  expectBytes(reply?.data, pattern(length));
});

test("READ where nothing is expected: GOOD with an overflow", async () => {
  const connection = await new Harness().login();
  connection.command(read10(0, 1), { expected: 0 });
  expect(await connection.receive()).toMatchObject([{ opcode: 0x21, flags: 0x84, words: [0, 0, 512] }]);
});

test("slow reads overtake each other, their PDUs do not mix", async () => {
  const device = new SlowDevice(1_048_576);
  device.memory.bytes.set(pattern(1_048_576));
  const connection = await new Harness({ device }).login(["MaxRecvDataSegmentLength=4096"]);
  const first = connection.command(read10(0, 16), { flags: READS, expected: 8192 });
  const second = connection.command(read10(100, 8), { flags: READS, expected: 4096 });
  expect(await connection.receive()).toEqual([]);
  device.waiting.splice(1, 1)[0]?.finish();
  const [early] = await connection.receive();
  expect(early).toMatchObject({ itt: second, flags: 0x81, statSN: 1 });
  expectBytes(early?.data, device.memory.bytes.slice(51_200, 55_296));
  device.go();
  await connection.receive().then(([piece]) => expect(piece).toMatchObject({ itt: first, flags: 0x00 }));
  device.go();
  const [last] = await connection.receive();
  expect(last).toMatchObject({ itt: first, flags: 0x81, statSN: 2, words: [1, 4096, 0] });
  expectBytes(last?.data, device.memory.bytes.slice(4096, 8192));
});

test("a place kept for a late read is nobody else's, however much passes by", async () => {
  const memory = filledDevice();
  const late = Promise.withResolvers<void>();
  const device = {
    sizeBytes: memory.sizeBytes,
    read(offset: number, into: Uint8Array): void | Promise<void> {
      memory.read(offset, into);
      return offset === 0 ? late.promise : undefined;
    },
    write: memory.write.bind(memory),
    flush: memory.flush.bind(memory),
    discard: memory.discard.bind(memory),
  };
  const connection = await new Harness({ device }).login(["MaxRecvDataSegmentLength=65536"]);
  const itt = connection.command(read10(0, 8), { flags: READS, expected: 4096 });
  for (let i = 0; i < 40; i++) {
    connection.command(read10(128, 128), { flags: READS, expected: 65_536 });
    const [reply] = await connection.receive();
    expectBytes(reply?.data, memory.bytes.slice(65_536, 131_072));
  }
  late.resolve();
  const [reply] = await connection.receive();
  expect(reply?.itt).toBe(itt);
  expectBytes(reply?.data, memory.bytes.slice(0, 4096));
});

test.each(["at once", "later"])(
  "a device that fails %s: MEDIUM ERROR, no data, and the session lives",
  async (when) => {
    const fail = (): Promise<void> => {
      if (when === "at once") throw new Error("bad sector");
      return Promise.reject(new Error("bad sector"));
    };
    const device = { sizeBytes: 4096, read: fail, write: fail, flush: fail, discard: fail };
    const connection = await new Harness({ device }).login();
    connection.command(read10(0, 8), { flags: READS, expected: 4096 });
    const [reply] = await connection.receive();
    // CHECK CONDITION; SenseLength 18, key 3, code 11h/00h.
    expect(reply).toMatchObject({ opcode: 0x21, flags: 0x82, words: [0, 0, 4096] });
    expect(reply?.header[3]).toBe(2);
    expect(reply?.data.toHex()).toBe("0012" + "700003000000000a" + "00000000" + "1100" + "00000000");
    connection.command([0x00]);
    expect(await connection.receive()).toMatchObject([{ opcode: 0x21, flags: 0x80 }]);
  },
);

test("a failure in the middle: what was sent stands, the status says it was not all", async () => {
  const memory = filledDevice();
  const device = {
    sizeBytes: memory.sizeBytes,
    read(offset: number, into: Uint8Array): void {
      if (offset >= 8192) throw new Error("bad sector");
      memory.read(offset, into);
    },
    write: memory.write.bind(memory),
    flush: memory.flush.bind(memory),
    discard: memory.discard.bind(memory),
  };
  const connection = await new Harness({ device }).login(["MaxRecvDataSegmentLength=8192"]);
  connection.command(read10(0, 32), { flags: READS, expected: 16_384 });
  const [data, status] = await connection.receive();
  expect(data).toMatchObject({ opcode: 0x25, flags: 0x00 });
  expect(status).toMatchObject({ opcode: 0x21, words: [1, 0, 8192] });
});

test("an initiator that does not read holds a bounded amount, then gets everything", async () => {
  const device = filledDevice();
  const connection = await new Harness({ device }).login(["MaxRecvDataSegmentLength=65536"]);
  connection.transport.stuck = true;
  const itts = Array.from({ length: 8 }, () =>
    connection.command(read10(0, 4096), { flags: READS, expected: 2_097_152 }),
  );
  const held = await connection.receive();
  expect(held.reduce((sum, reply) => sum + reply.data.length, 0)).toBeLessThanOrEqual(1_048_576 + 65_536);
  expect(connection.transport.paused).toBe(true);
  connection.transport.release();
  let rest = await connection.receive();
  for (let more = rest; more.length > 0; rest = [...rest, ...more]) more = await connection.receive();
  const all = [...held, ...rest];
  for (const itt of itts) {
    const bytes = concatBytes(all.filter((reply) => reply.itt === itt).map((reply) => reply.data));
    expect(bytes.length).toBe(2_097_152);
    expect(Buffer.compare(bytes, device.bytes.subarray(0, 2_097_152))).toBe(0);
  }
  expect(connection.transport.paused).toBe(false);
});
