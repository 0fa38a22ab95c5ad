import fc from "fast-check";
import { expect, test } from "vitest";
import { expectBytes, Harness, pattern, write10, WRITES } from "../../test/harness.ts";
import type { TestConnection } from "../../test/harness.ts";
import { pdu } from "../../test/initiator.ts";
import type { ReceivedPdu } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import { SlowDevice } from "../../test/slow-device.ts";

/** Data-Out PDUs for one burst, `piece` bytes each. */
function burst(itt: number, ttt: number, data: Uint8Array, start: number, length: number, piece: number): Uint8Array[] {
  const pdus: Uint8Array[] = [];
  for (let at = 0; at < length; at += piece) {
    const part = data.slice(start + at, start + Math.min(at + piece, length));
    const flags = at + piece >= length ? 0x80 : 0;
    pdus.push(pdu("dataOut", { itt, word20: ttt, flags, dataSN: pdus.length, bufferOffset: start + at, data: part }));
  }
  return pdus;
}

/** Answers every R2T until the command has ended; returns its last PDU. */
async function feed(connection: TestConnection, data: Uint8Array, piece: number): Promise<ReceivedPdu> {
  for (;;) {
    const replies = await connection.receive();
    for (const reply of replies) {
      if (reply.opcode !== 0x31) return reply;
      const [, offset, length] = reply.words;
      connection.send(...burst(reply.itt, reply.ttt, data, offset, length, piece));
    }
    if (replies.length === 0) throw new Error("the target says nothing");
  }
}

const good = { opcode: 0x21, flags: 0x80, words: [0, 0, 0] };

test("immediate data is enough for a short write", async () => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  const data = pattern(4096);
  connection.command(write10(8, 8), { flags: WRITES, expected: 4096, data });
  expect(await connection.receive()).toMatchObject([good]);
  expectBytes(device.bytes.slice(4096, 8192), data);
});

test("iPXE's write: one R2T, then PDUs of 512 bytes", async () => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login(["InitialR2T=Yes", "ImmediateData=No", "MaxOutstandingR2T=1"]);
  const data = pattern(131_072);
  const itt = connection.command(write10(0, 256), { flags: WRITES, expected: data.length });
  const [r2t] = await connection.receive();
  expect(r2t).toMatchObject({ opcode: 0x31, flags: 0x80, itt, statSN: 1, words: [0, 0, 131_072] });
  connection.send(...burst(itt, r2t?.ttt ?? 0, data, 0, data.length, 512));
  expect(await connection.receive()).toMatchObject([{ ...good, statSN: 1, words: [1, 0, 0] }]);
  expectBytes(device.bytes.slice(0, data.length), data);
});

test("Linux's write: immediate and unsolicited data to FirstBurstLength, then several R2Ts at a time", async () => {
  const device = new MemoryDevice(4_194_304);
  const keys = [
    "InitialR2T=No",
    "ImmediateData=Yes",
    "FirstBurstLength=65536",
    "MaxBurstLength=131072",
    "MaxOutstandingR2T=4",
  ];
  const connection = await new Harness({ device }).login(keys);
  const data = pattern(1_048_576);
  const itt = connection.command(write10(0, 2048), {
    flags: WRITES & ~0x80,
    expected: data.length,
    data: data.slice(0, 8192),
  });
  const unsolicited = data.slice(8192, 65_536);
  for (let at = 0; at < unsolicited.length; at += 8192) {
    const flags = at + 8192 >= unsolicited.length ? 0x80 : 0;
    const part = unsolicited.slice(at, at + 8192);
    connection.send(
      pdu("dataOut", { itt, word20: 0xffff_ffff, flags, dataSN: at / 8192, bufferOffset: 8192 + at, data: part }),
    );
  }
  const r2ts = await connection.receive();
  expect(r2ts.map(({ opcode, words }) => [opcode, ...words])).toEqual(
    [0, 1, 2, 3].map((i) => [0x31, i, 65_536 + i * 131_072, 131_072]),
  );
  for (const { ttt, words } of r2ts.toReversed()) connection.send(...burst(itt, ttt, data, words[1], words[2], 50_000));
  const last = await feed(connection, data, 65_536);
  expect(last).toMatchObject({ opcode: 0x21, flags: 0x80 });
  expectBytes(device.bytes.slice(0, data.length), data);
});

test("whatever was agreed on, what is written is what was sent", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        blocks: fc.integer({ min: 1, max: 1500 }),
        initialR2T: fc.boolean(),
        immediate: fc.boolean(),
        first: fc.integer({ min: 512, max: 100_000 }),
        longest: fc.integer({ min: 512, max: 300_000 }),
        r2ts: fc.integer({ min: 1, max: 8 }),
        piece: fc.integer({ min: 400, max: 70_000 }),
        slow: fc.boolean(),
      }),
      async ({ blocks, initialR2T, immediate, first, longest, r2ts, piece, slow }) => {
        const memory = new MemoryDevice(1_048_576);
        const device = slow ? laterDevice(memory) : memory;
        const keys = [
          `InitialR2T=${initialR2T ? "Yes" : "No"}`,
          `ImmediateData=${immediate ? "Yes" : "No"}`,
          `FirstBurstLength=${first}`,
          `MaxBurstLength=${longest}`,
          `MaxOutstandingR2T=${r2ts}`,
        ];
        const connection = await new Harness({ device }).login(keys);
        const data = pattern(blocks * 512, blocks & 0xff);
        const firstBurst = Math.min(data.length, first - (first % 512), longest - (longest % 512));
        const immediateLength = immediate ? Math.min(firstBurst, 4096) : 0;
        const more = !initialR2T && immediateLength < firstBurst;
        const itt = connection.command(write10(1, blocks), {
          flags: more ? WRITES & ~0x80 : WRITES,
          expected: data.length,
          data: data.slice(0, immediateLength),
        });
        if (more)
          connection.send(...burst(itt, 0xffff_ffff, data, immediateLength, firstBurst - immediateLength, piece));
        const last = await feed(connection, data, piece);
        expect(last).toMatchObject({ opcode: 0x21, flags: 0x80 });
        expect(last.header[3]).toBe(0);
        expectBytes(memory.bytes.slice(512, 512 + data.length), data);
      },
    ),
    { numRuns: 40 },
  );
});

function laterDevice(memory: MemoryDevice) {
  return {
    sizeBytes: memory.sizeBytes,
    read: async (offset: number, into: Uint8Array) => memory.read(offset, into),
    write: async (offset: number, bytes: Uint8Array) => {
      await new Promise((resolve) => setImmediate(resolve));
      memory.write(offset, bytes);
    },
    flush: () => memory.flush(),
    discard: async (offset: number, length: number) => memory.discard(offset, length),
  };
}

test.each([
  ["repeated", [0, 0]],
  ["27", [27]],
  ["-1", [-1]],
  ["reversed", [1, 0]],
])("DataSN %s never ends GOOD, and the session lives", async (_, numbers) => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login(["InitialR2T=No", "ImmediateData=No"]);
  const data = pattern(numbers.length * 512);
  const itt = connection.command(write10(0, numbers.length), { flags: WRITES & ~0x80, expected: data.length });
  numbers.forEach((dataSN, i) => {
    const flags = i === numbers.length - 1 ? 0x80 : 0;
    connection.send(
      pdu("dataOut", {
        itt,
        word20: 0xffff_ffff,
        flags,
        dataSN: dataSN >>> 0,
        bufferOffset: i * 512,
        data: data.slice(i * 512, i * 512 + 512),
      }),
    );
  });
  const [reply] = await connection.receive();
  expect(reply?.opcode).toBe(0x21);
  expect(reply?.header[3]).toBe(2);
  expect(device.bytes.every((byte) => byte === 0)).toBe(true);
  connection.command([0x00]);
  expect(await connection.receive()).toMatchObject([good]);
});

test.each([
  ["data past the burst", 1024, 0],
  ["an offset that leaves a hole", 512, 512],
])("%s is refused", async (_, length, offset) => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login(["InitialR2T=Yes", "ImmediateData=No"]);
  const itt = connection.command(write10(0, 1), { flags: WRITES, expected: 512 });
  const [r2t] = await connection.receive();
  connection.send(pdu("dataOut", { itt, word20: r2t?.ttt ?? 0, bufferOffset: offset, data: pattern(length) }));
  const [reply] = await connection.receive();
  expect(reply?.header[3]).toBe(2);
  expect(device.bytes.every((byte) => byte === 0)).toBe(true);
});

test("a burst that ends too early is refused", async () => {
  const connection = await new Harness().login(["InitialR2T=Yes", "ImmediateData=No"]);
  const itt = connection.command(write10(0, 2), { flags: WRITES, expected: 1024 });
  const [r2t] = await connection.receive();
  connection.send(pdu("dataOut", { itt, word20: r2t?.ttt ?? 0, data: pattern(512) }));
  const [reply] = await connection.receive();
  // ABORTED COMMAND, 0Ch/0Dh: not enough unsolicited data.
  expect(reply?.data.subarray(2, 16).toHex()).toBe("70000b000000000a000000000c0d");
});

test.each([
  ["immediate data that was not agreed on", ["ImmediateData=No", "InitialR2T=Yes"], WRITES, 512],
  ["more immediate data than FirstBurstLength", ["ImmediateData=Yes", "FirstBurstLength=512"], WRITES, 1024],
])("%s is refused", async (_, keys, flags, length) => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login(keys);
  connection.command(write10(0, length / 512), { flags, expected: length, data: pattern(length) });
  const [reply] = await connection.receive();
  expect(reply?.data.subarray(2, 16).toHex()).toBe("70000b000000000a000000000c0c");
  expect(device.bytes.every((byte) => byte === 0)).toBe(true);
});

test.each([
  // blocks, offered, status, flags, residual, blocks written
  [1, 0, 0, 0x84, 512, 0],
  [1, 1024, 0, 0x82, 512, 1],
  [2, 512, 0, 0x84, 512, 1],
  [1, 200, 2, 0x84, 312, 0],
])("WRITE of %i blocks where %i bytes are offered", async (blocks, expected, status, flags, residual, written) => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  const data = new Uint8Array(expected).fill(0xa6);
  connection.command(write10(0, blocks), { flags: WRITES, expected, data });
  const [reply] = await connection.receive();
  expect(reply).toMatchObject({ opcode: 0x21, flags, words: [0, 0, residual] });
  expect(reply?.header[3]).toBe(status);
  expect(device.bytes.filter((byte) => byte === 0xa6)).toHaveLength(written * 512);
});

test("FUA flushes before GOOD; without it nothing is flushed", async () => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  await connection.receive();
  expect(device.flushes).toBe(0);
  const fua = write10(0, 1);
  fua[1] = 0x08;
  connection.command(fua, { flags: WRITES, expected: 512, data: pattern(512) });
  expect(await connection.receive()).toMatchObject([good]);
  expect(device.flushes).toBe(1);
});

test("without a write cache every write flushes", async () => {
  const device = new MemoryDevice(1_048_576);
  const connection = await new Harness({ device, disk: { writeCache: false } }).login();
  connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  expect(await connection.receive()).toMatchObject([good]);
  expect(device.flushes).toBe(1);
});

test.each(["write", "flush"] as const)("a %s that fails ends in MEDIUM ERROR, 0Ch/00h", async (kind) => {
  const device = new SlowDevice(1_048_576);
  const connection = await new Harness({ device }).login();
  const cdb = write10(0, 1);
  cdb[1] = 0x08;
  connection.command(cdb, { flags: WRITES, expected: 512, data: pattern(512) });
  if (kind === "flush") {
    device.go();
    await connection.receive();
  }
  device.go(new Error("no space"));
  const [reply] = await connection.receive();
  expect(reply?.data.subarray(2, 16).toHex()).toBe("700003000000000a000000000c00");
});

test("GOOD waits for a slow device; data that arrived is not changed by what arrives next", async () => {
  const device = new SlowDevice(1_048_576);
  const connection = await new Harness({ device }).login(["InitialR2T=Yes", "ImmediateData=No"]);
  const data = pattern(8192);
  const itt = connection.command(write10(0, 16), { flags: WRITES, expected: 8192 });
  const [r2t] = await connection.receive();
  connection.send(...burst(itt, r2t?.ttt ?? 0, data, 0, 8192, 512));
  const other = connection.command(write10(16, 16), { flags: WRITES, expected: 8192 });
  const [next] = await connection.receive();
  expect(next).toMatchObject({ opcode: 0x31, itt: other });
  connection.send(...burst(other, next?.ttt ?? 0, pattern(8192, 99), 0, 8192, 512));
  device.go();
  expect(await connection.receive()).toMatchObject([{ itt }, { itt: other }]);
  expectBytes(device.memory.bytes.slice(0, 8192), data);
  expectBytes(device.memory.bytes.slice(8192, 16_384), pattern(8192, 99));
});

test("a read-only disk refuses writes and says so", async () => {
  const connection = await new Harness({ disk: { readOnly: true } }).login();
  connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  const [reply] = await connection.receive();
  // DATA PROTECT, 27h/00h.
  expect(reply?.data.subarray(2, 16).toHex()).toBe("700007000000000a000000002700");
});
