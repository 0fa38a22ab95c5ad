import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { MAX_QUEUED_OUTPUT_BYTES } from "../src/limits.ts";
import { TargetAcceptor, TargetHost, TargetServer } from "@ingot/iscsi";
import type { TargetDirectory, TargetHostOptions } from "@ingot/iscsi";
import { pattern, read10, READS, write10, WRITES } from "./harness.ts";
import { LoginFlags, loginRequest, pdu, splitPdus } from "./initiator.ts";
import type { ReceivedPdu } from "./initiator.ts";
import { MemoryDevice } from "./memory-device.ts";

const COUNT = 50;

/** Reads until so many bytes are there, all of them whole PDUs. */
async function receive(socket: Socket, bytes: number): Promise<ReceivedPdu[]> {
  const chunks: Buffer[] = [];
  for (let have = 0; have < bytes;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, "readable");
    else {
      chunks.push(chunk);
      have += chunk.length;
    }
  }
  return splitPdus(new Uint8Array(Buffer.concat(chunks)));
}

/** A target that listens. */
interface Served {
  readonly port: number;
  sessions: TargetHost["sessions"];
  close(): Promise<void>;
}

const PORTAL = { address: "127.0.0.1", port: 0 };

/** Both ways in which a connection comes to a host; they read their sockets differently. */
const SERVERS: Readonly<Record<string, (options: TargetHostOptions) => Promise<Served>>> = {
  async "listening by itself"(options) {
    const server = await TargetServer.listen({ ...options, ...PORTAL });
    return { port: server.address.port, sessions: () => server.sessions(), close: () => server.close() };
  },
  async "handed its connections"(options) {
    const host = new TargetHost(options);
    const acceptor = await TargetAcceptor.listen({
      portals: [PORTAL],
      place: (connection) => host.take(connection),
      onError: (error) => expect.unreachable(String(error)),
    });
    return {
      port: acceptor.portals[0]?.port ?? 0,
      sessions: () => host.sessions(),
      async close() {
        await acceptor.close();
        await host.close();
      },
    };
  },
};

function directoryOf(devices: readonly MemoryDevice[]): TargetDirectory {
  return {
    credentials: async () => undefined,
    resolve: async ({ targetName }) => {
      const id = targetName.slice(targetName.lastIndexOf(":") + 1);
      return { kind: "disk", device: devices[Number(id)] as MemoryDevice, id };
    },
    list: async () => [],
  };
}

async function logIn(server: Served, i: number): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1");
  const names = [`InitiatorName=iqn.2010-04.org.ipxe:${i}`, `TargetName=iqn.2026-11.org.ingot:${i}`];
  const keys = ["MaxRecvDataSegmentLength=262144", "InitialR2T=No", "ImmediateData=Yes"];
  socket.write(loginRequest(LoginFlags.operationalToFullFeature, [...names, ...keys]));
  await once(socket, "readable");
  expect(splitPdus(new Uint8Array(socket.read() as Buffer))).toMatchObject([{ opcode: 0x23, words: [0, 0, 0] }]);
  return socket;
}

test.each(Object.entries(SERVERS))(
  "%s: one of fifty that stops reading, and one that stops sending, harm nobody and hold little",
  async (_how, start) => {
    const devices = Array.from({ length: COUNT }, () => new MemoryDevice(4_194_304));
    const server = await start({ directory: directoryOf(devices) });
    const sockets = await Promise.all(devices.map((_, i) => logIn(server, i)));
    const [lazy, stopped, ...eager] = sockets as [Socket, Socket, ...Socket[]];
    // 192 MiB asked for and never read; and writes that promise data which never comes.
    for (let i = 0; i < 48; i++) {
      lazy.write(pdu("scsiCommand", { itt: i, cmdSN: 1 + i, flags: READS, word20: 4_194_304, cdb: read10(0, 8192) }));
      stopped.write(
        pdu("scsiCommand", {
          itt: i,
          cmdSN: 1 + i,
          flags: WRITES & ~0x80,
          word20: 65_536,
          cdb: write10(0, 128),
          data: pattern(512),
        }),
      );
    }
    const data = pattern(8192);
    for (let cmdSN = 1; cmdSN <= 9; cmdSN += 2) {
      await Promise.all(
        eager.map(async (socket) => {
          socket.write(
            pdu("scsiCommand", { itt: 1, cmdSN, flags: WRITES, word20: 8192, cdb: write10(cmdSN, 16), data }),
          );
          socket.write(
            pdu("scsiCommand", { itt: 2, cmdSN: cmdSN + 1, flags: READS, word20: 8192, cdb: read10(cmdSN, 16) }),
          );
          const [written, read] = await receive(socket, 48 + 48 + 8192);
          expect(written).toMatchObject({ opcode: 0x21, flags: 0x80 });
          expect(Buffer.compare(read?.data ?? new Uint8Array(0), data)).toBe(0);
        }),
      );
    }
    const sessions = server.sessions();
    expect(sessions).toHaveLength(COUNT);
    const held = sessions.map(({ counters }) => counters.queuedOutputBytes);
    // The limit, and the one PDU that went over it.
    expect(Math.max(...held)).toBeLessThanOrEqual(MAX_QUEUED_OUTPUT_BYTES + 300_000);
    expect(held.filter((bytes) => bytes > 0).length).toBeLessThanOrEqual(1);
    for (const socket of sockets) socket.destroy();
    await server.close();
    expect(server.sessions()).toEqual([]);
  },
);

test.each(Object.entries(SERVERS))("%s: who never reads answers is not read from any more", async (_how, start) => {
  const server = await start({ directory: directoryOf([new MemoryDevice(4_194_304)]) });
  const socket = await logIn(server, 0);
  const ping = pdu("nopOut", {
    itt: 1,
    flags: 0x80,
    cmdSN: 1,
    immediate: true,
    word20: 0xffff_ffff,
    data: pattern(65_536),
  });
  for (let i = 0; i < 2048; i++) socket.write(ping);
  // 128 MiB; the kernel's buffers on both sides take a few.
  let before = -1;
  for (let quiet = 0; quiet < 5; quiet = socket.writableLength === before ? quiet + 1 : 0) {
    before = socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(socket.writableLength).toBeGreaterThan(64 * 1_048_576);
  const [session] = server.sessions();
  expect(session?.counters.queuedOutputBytes).toBeGreaterThan(0);
  expect(session?.counters.queuedOutputBytes).toBeLessThanOrEqual(MAX_QUEUED_OUTPUT_BYTES + 300_000);
  // It reads again: everything is answered.
  const answers = await receive(socket, 2048 * (48 + 65_536));
  expect(answers).toHaveLength(2048);
  expect(answers.every(({ opcode, data }) => opcode === 0x20 && data.length === 65_536)).toBe(true);
  socket.destroy();
  await server.close();
});
