import { FakeClock, LinkPlan, SimulatedLink } from "@ingot/testkit/link";
import type { LinkConditions } from "@ingot/testkit/link";
import fc from "fast-check";
import { expect, inject, test } from "vitest";
import { ReadingClient } from "../test/reading-client.ts";
import { Delivery } from "./delivery.ts";
import type { TransferReport } from "./delivery.ts";
import type { TftpFile } from "./files.ts";

interface Scenario {
  readonly sizeBytes: number;
  readonly blksize: number;
  readonly windowsize: number;
  readonly oack: boolean;
  readonly link: LinkConditions;
}

function contentOf(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_unused, index) => (index * 31 + (index >>> 8)) & 0xff);
}

function fileOf(content: Uint8Array): TftpFile {
  return {
    sizeBytes: content.length,
    read: (offset, into) => {
      expect(offset + into.length).toBeLessThanOrEqual(content.length);
      into.set(content.subarray(offset, offset + into.length));
    },
    close: () => undefined,
  };
}

interface Result {
  readonly report: TransferReport | undefined;
  readonly client: ReadingClient;
  readonly dataPackets: number;
}

/** One whole transfer over a simulated link, in simulated time. */
async function transferOver(scenario: Scenario, file: TftpFile): Promise<Result> {
  const { blksize, windowsize, oack } = scenario;
  const clock = new FakeClock();
  const link = new SimulatedLink(clock, new LinkPlan(scenario.link));
  let report: TransferReport | undefined;
  let dataPackets = 0;
  const client = new ReadingClient({
    blksize,
    windowsize,
    oack,
    send: (packet) => link.send(packet, (bytes) => delivery.receivePacket(bytes)),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
  });
  const delivery = new Delivery({
    plan: {
      sizeBytes: file.sizeBytes,
      parameters: { blksize, windowsize, timeoutMs: undefined },
      oack,
      tsizeAsked: false,
    },
    acknowledged: oack ? [{ name: "blksize", value: String(blksize) }] : [],
    file,
    link: {
      send(packet) {
        dataPackets += packet[1] === 3 ? 1 : 0;
        link.send(packet, (bytes) => client.receive(bytes));
      },
      drained: () => undefined,
    },
    clock,
    onEnd: (end) => {
      report = end;
    },
  });
  delivery.start();
  // Reads of the file answer in microtasks; time goes on when none is left.
  do {
    await delivery.settled();
  } while (report === undefined && clock.step());
  return { report, client, dataPackets };
}

async function expectWhole(scenario: Scenario): Promise<Result> {
  const content = contentOf(scenario.sizeBytes);
  const result = await transferOver(scenario, fileOf(content));
  const where = JSON.stringify(scenario);
  expect(result.client.complete, where).toBe(true);
  expect(Buffer.compare(result.client.content(), content), where).toBe(0);
  return result;
}

const goodLink = { seed: 1 };

test.each([0, 1, 511, 512, 513, 1024, 65_535, 65_536, 65_537, 131_072, 200_000])(
  "%d bytes arrive whole, each block sent once",
  async (sizeBytes) => {
    for (const windowsize of [1, 7]) {
      const scenario = { sizeBytes, blksize: 512, windowsize, oack: windowsize > 1, link: goodLink };
      const { report, dataPackets } = await expectWhole(scenario);
      expect(report).toMatchObject({ outcome: { kind: "completed" }, bytes: sizeBytes, retransmittedBlocks: 0 });
      expect(dataPackets).toBe(Math.floor(sizeBytes / 512) + 1);
    }
  },
);

test("more than 65535 blocks: numbers wrap, bytes stay in order", async () => {
  const scenario = { sizeBytes: 66_000 * 8 + 3, blksize: 8, windowsize: 16, oack: true, link: goodLink };
  await expectWhole(scenario);
});

test.each([
  [1, 196],
  [8, 2 * 196],
])(
  "in windows of %d, a link that doubles every packet provokes at most %d blocks, not ever more",
  async (windowsize, most) => {
    const link = { seed: 1, duplicateRate: 1 };
    const { dataPackets } = await expectWhole({ sizeBytes: 100_000, blksize: 512, windowsize, oack: true, link });
    expect(dataPackets).toBeLessThanOrEqual(most);
  },
);

test("a part is not read over packets that still wait to be sent", async () => {
  const waiting = Promise.withResolvers<void>();
  let reads = 0;
  const delivery = new Delivery({
    plan: { sizeBytes: 1, parameters: { blksize: 512, windowsize: 1, timeoutMs: 1 }, oack: false, tsizeAsked: false },
    acknowledged: [],
    file: {
      sizeBytes: 1,
      read: () => {
        reads += 1;
      },
      close: () => undefined,
    },
    link: { send: () => undefined, drained: () => waiting.promise },
    clock: new FakeClock(),
    onEnd: () => undefined,
  });
  delivery.start();
  await Promise.resolve();
  expect(reads).toBe(0);
  waiting.resolve();
  await delivery.settled();
  expect(reads).toBe(1);
});

test("over links that drop, double and reorder, what arrives is the file", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        sizeBytes: fc.integer({ min: 0, max: 60_000 }),
        blksize: fc.constantFrom(8, 512, 1468),
        windowsize: fc.constantFrom(1, 2, 8, 64),
        oack: fc.constant(true),
        link: fc.record({
          seed: fc.integer({ min: 0 }),
          dropRate: fc.constantFrom(0, 0.01, 0.1),
          duplicateRate: fc.constantFrom(0, 0.1),
          reorderRate: fc.constantFrom(0, 0.1),
        }),
      }),
      async (scenario) => {
        const content = contentOf(scenario.sizeBytes);
        const { client, report } = await transferOver(scenario, fileOf(content));
        // A client may be given up after enough bad luck in a row; what it has got by then must still be right.
        const got = client.content();
        expect(Buffer.compare(got, content.subarray(0, got.length))).toBe(0);
        if (report?.outcome.kind === "completed") {
          expect(got.length).toBe(content.length);
        }
      },
    ),
    { numRuns: inject("isThorough") ? 60 : 20 },
  );
});

test("one packet in ten lost both ways is overcome", async () => {
  for (const windowsize of [1, 4]) {
    const link = { seed: 20_261_122, dropRate: 0.1 };
    await expectWhole({ sizeBytes: 50_000, blksize: 512, windowsize, oack: true, link });
  }
});

test("a client that is never heard of is given up", async () => {
  const scenario = { sizeBytes: 1000, blksize: 512, windowsize: 1, oack: false, link: { seed: 1, dropRate: 1 } };
  const { report } = await transferOver(scenario, fileOf(contentOf(1000)));
  expect(report).toMatchObject({ outcome: { kind: "failed", reason: "timedOut" }, bytes: 0, durationMs: 39_000 });
});

test("a file that fails in the middle fails the transfer", async () => {
  const content = contentOf(200_000);
  const file: TftpFile = {
    ...fileOf(content),
    read: (offset, into) => {
      if (offset > 0) {
        return Promise.reject(new Error("EIO"));
      }
      into.set(content.subarray(0, into.length));
      return Promise.resolve();
    },
  };
  const scenario = { sizeBytes: 200_000, blksize: 512, windowsize: 1, oack: false, link: goodLink };
  const { report, client } = await transferOver(scenario, file);
  expect(report).toMatchObject({ outcome: { kind: "failed", reason: "readFailed", message: "EIO" } });
  expect(client.complete).toBe(false);
});
