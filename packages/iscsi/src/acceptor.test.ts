import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { READS, read10 } from "../test/harness.ts";
import { LoginFlags, loginRequest, pdu, splitPdus, type ReceivedPdu } from "../test/initiator.ts";
import { takeBack, TargetAcceptor } from "./acceptor-socket.ts";
import type { HandedConnection } from "./handed-connection.ts";

/** Two threads, and an acceptor that sends names that end in an even digit to the first of them. */
let workers: readonly [Worker, Worker];
let acceptor: TargetAcceptor;
let placed: HandedConnection[];
let post: boolean;

beforeEach(async () => {
  const file = new URL("../test/host-worker.ts", import.meta.url);
  workers = [new Worker(file), new Worker(file)];
  await Promise.all(workers.map((worker) => once(worker, "online")));
  placed = [];
  post = true;
  acceptor = await TargetAcceptor.listen({
    portals: [
      { address: "127.0.0.1", port: 0 },
      { address: "127.0.0.1", port: 0 },
    ],
    place(connection, targetName) {
      placed.push(connection);
      if (post) workers[Number(targetName?.at(-1) ?? 0) % 2]?.postMessage(connection);
    },
    onError: (error) => expect.unreachable(String(error)),
  });
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.terminate()));
  await acceptor.close();
});

function open(portal = 0): Socket {
  return connect(acceptor.portals[portal]?.port ?? 0, "127.0.0.1").setNoDelay(true);
}

function request(target: string): Uint8Array {
  const names = ["InitiatorName=iqn.2010-04.org.ipxe:x", `TargetName=iqn.2026-11.org.ingot:${target}`];
  return loginRequest(LoginFlags.operationalToFullFeature, [...names, "MaxRecvDataSegmentLength=262144"]);
}

/** Reads until the PDUs take up `length` bytes; rejects when the connection ends before. */
async function receive(socket: Socket, length = 48): Promise<ReceivedPdu[]> {
  const chunks: Buffer[] = [];
  for (let have = 0; have < length;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null && socket.readableEnded) throw new Error("the connection has ended");
    if (chunk === null) await Promise.race([once(socket, "readable"), once(socket, "end")]);
    else have += chunks.push(chunk) && chunk.length;
  }
  return splitPdus(new Uint8Array(Buffer.concat(chunks)));
}

/** What stands in the first byte of the disk: the number of the thread. */
async function readThread(socket: Socket): Promise<number | undefined> {
  socket.write(pdu("scsiCommand", { itt: 7, cmdSN: 1, flags: READS, word20: 512, cdb: read10(0, 1) }));
  const [reply] = await receive(socket, 48 + 512);
  return reply?.data[0];
}

test("a connection goes on in the thread that its target's name leads to, by whichever portal it came", async () => {
  for (const [target, portal, worker] of [
    ["4f20", 0, 0],
    ["4f21", 0, 1],
    ["4f22", 1, 0],
  ] as const) {
    const socket = open(portal);
    const told = once(workers[worker], "message");
    socket.write(request(target));
    const [reply] = await receive(socket);
    expect(reply).toMatchObject({ opcode: 0x23, words: [0, 0, 0] });
    const [login] = (await told) as [{ thread: number; portal: string; peerAddress: string }];
    expect(login).toMatchObject({
      thread: workers[worker].threadId,
      peerAddress: "127.0.0.1",
      portal: `127.0.0.1:${acceptor.portals[portal]?.port}`,
    });
    expect(await readThread(socket)).toBe(workers[worker].threadId);
    socket.destroy();
  }
});

test("a login that comes byte by byte, and what follows it at once, is handed over whole", async () => {
  const slow = open();
  for (const byte of request("4f21")) {
    slow.write(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await receive(slow)).toMatchObject([{ opcode: 0x23, words: [0, 0, 0] }]);
  const eager = open();
  const command = pdu("scsiCommand", { itt: 7, cmdSN: 1, flags: READS, word20: 512, cdb: read10(0, 1) });
  eager.write(Buffer.concat([request("4f21"), command]));
  const replies = await receive(eager, 48 + 48 + 512);
  // The login's answer may carry text, and the read's header comes behind it.
  expect(replies.map(({ opcode }) => opcode).slice(0, 2)).toEqual([0x23, 0x25]);
  slow.destroy();
  eager.destroy();
});

test("a thread that ends takes its connections with it and no others", async () => {
  const [even, odd] = [open(), open()];
  even.write(request("4f20"));
  odd.write(request("4f21"));
  await Promise.all([receive(even), receive(odd)]);
  const ended = once(odd.resume(), "close");
  await workers[1].terminate();
  await ended;
  expect(await readThread(even)).toBe(workers[0].threadId);
  even.destroy();
});

test("what no thread takes is taken back, once, and the initiator sees the end", async () => {
  post = false;
  const socket = open();
  socket.write(request("4f20"));
  await expect.poll(() => placed.length).toBe(1);
  const connection = placed[0] as HandedConnection;
  const ended = once(socket.resume(), "close");
  expect([takeBack(connection), takeBack(connection)]).toEqual([true, false]);
  await ended;
});

test("a thousand connections leave no descriptor behind", async () => {
  const descriptors = (): number => readdirSync("/proc/self/fd").length;
  const session = async (i: number): Promise<void> => {
    const socket = open();
    socket.on("error", () => undefined);
    // Some never say where they want to go, some leave in the middle, some say nonsense.
    if (i % 5 === 0) socket.write(request("4f2").subarray(0, 60));
    else if (i % 5 === 1) socket.write(new Uint8Array(64).fill(0x55));
    else {
      socket.write(request(`4f2${i % 10}`));
      await receive(socket);
    }
    const closed = once(socket, "close");
    if (i % 2 === 0) socket.destroy();
    else socket.resume().end();
    await closed;
  };
  const round = (): Promise<unknown> => Promise.all(Array.from({ length: 50 }, (_, i) => session(i)));
  await round();
  await expect.poll(descriptors).toBeLessThan(100);
  const before = descriptors();
  for (let i = 0; i < 20; i++) await round();
  await expect.poll(descriptors).toBeLessThanOrEqual(before);
});
