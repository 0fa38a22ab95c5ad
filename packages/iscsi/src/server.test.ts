import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { INITIATOR_NAME, pattern, read10, READS, TARGET_NAME } from "../test/harness.ts";
import { LoginFlags, loginRequest, pdu, splitPdus } from "../test/initiator.ts";
import type { ReceivedPdu } from "../test/initiator.ts";
import { MemoryDevice } from "../test/memory-device.ts";
import type { TargetDirectory } from "./directory.ts";
import { TargetServer } from "./server.ts";

const device = new MemoryDevice(4_194_304);
device.bytes.set(pattern(device.sizeBytes));

const directory: TargetDirectory = {
  credentials: async () => undefined,
  resolve: async ({ targetName }) =>
    targetName === TARGET_NAME ? { kind: "disk", device, id: "x" } : { kind: "refused", reason: "notFound" },
  list: async () => [],
};

const NAMES = [`TargetName=${TARGET_NAME}`, "MaxRecvDataSegmentLength=262144"];

async function logIn(server: TargetServer, name: string): Promise<Socket> {
  const socket = connect(server.address.port, "127.0.0.1");
  socket.write(loginRequest(LoginFlags.operationalToFullFeature, [`InitiatorName=${name}`, ...NAMES]));
  await once(socket, "readable");
  const [reply] = splitPdus(new Uint8Array(socket.read() as Buffer));
  expect(reply).toMatchObject({ opcode: 0x23, words: [0, 0, 0] });
  return socket;
}

/** Reads until `count` PDUs are there, all of them whole. */
async function receive(socket: Socket, bytes: number): Promise<ReceivedPdu[]> {
  const chunks: Buffer[] = [];
  let have = 0;
  while (have < bytes) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, "readable");
    else {
      chunks.push(chunk);
      have += chunk.length;
    }
  }
  return splitPdus(new Uint8Array(Buffer.concat(chunks)));
}

test("a port in use is one clear error", async () => {
  const server = await TargetServer.listen({ directory, address: "127.0.0.1", port: 0 });
  const { port } = server.address;
  await expect(TargetServer.listen({ directory, address: "127.0.0.1", port })).rejects.toMatchObject({
    code: "listenFailed",
    message: expect.stringContaining(`127.0.0.1:${port}`) as string,
  });
  await server.close();
});

test("one of many that stops reading harms nobody else", async () => {
  const server = await TargetServer.listen({ directory, address: "127.0.0.1", port: 0 });
  const lazy = await logIn(server, "iqn.2010-04.org.ipxe:lazy");
  // 128 MiB asked for and never read.
  for (let i = 0; i < 32; i++) {
    lazy.write(pdu("scsiCommand", { itt: i, cmdSN: 1 + i, flags: READS, word20: 4_194_304, cdb: read10(0, 8192) }));
  }
  for (let i = 0; i < 10; i++) {
    const eager = await logIn(server, `${INITIATOR_NAME}${i}`);
    eager.write(pdu("scsiCommand", { itt: 1, cmdSN: 1, flags: READS, word20: 4096, cdb: read10(i, 8) }));
    const [reply] = await receive(eager, 48 + 4096);
    expect(reply).toMatchObject({ opcode: 0x25, flags: 0x81 });
    eager.destroy();
  }
  lazy.destroy();
  await server.close();
});

test("closing the server ends every session and gives every disk back", async () => {
  const closed: string[] = [];
  const server = await TargetServer.listen({
    address: "127.0.0.1",
    port: 0,
    directory: {
      ...directory,
      resolve: async ({ initiatorName }) => ({
        kind: "disk",
        device,
        id: "x",
        closed: () => void closed.push(initiatorName),
      }),
    },
  });
  const sockets = await Promise.all(["a", "b", "c"].map((name) => logIn(server, `iqn.2010-04.org.ipxe:${name}`)));
  const ended = Promise.all(sockets.map((socket) => once(socket.resume(), "close")));
  await server.close();
  await ended;
  expect(closed.toSorted()).toEqual(["a", "b", "c"].map((name) => `iqn.2010-04.org.ipxe:${name}`));
  expect(server.sessions()).toEqual([]);
});

test("closing the server waits for a session that is ending because its initiator left", async () => {
  const steps: string[] = [];
  const ending = Promise.withResolvers<void>();
  const mayEnd = Promise.withResolvers<void>();
  const server = await TargetServer.listen({
    address: "127.0.0.1",
    port: 0,
    directory: {
      ...directory,
      resolve: async () => ({
        kind: "disk",
        device,
        id: "x",
        closed: async () => {
          ending.resolve();
          await mayEnd.promise;
          steps.push("disk given back");
        },
      }),
    },
  });
  const socket = await logIn(server, INITIATOR_NAME);
  socket.destroy();
  await ending.promise;
  const closed = server.close().then(() => void steps.push("server closed"));
  await new Promise((resolve) => setImmediate(resolve));
  mayEnd.resolve();
  await closed;
  expect(steps).toEqual(["disk given back", "server closed"]);
  expect(server.counters).toMatchObject({ connections: 1, droppedConnections: 0, logins: 1 });
});
