import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import type { TftpServerEvent } from "./events.ts";
import type { TftpFile } from "./files.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import type { TftpPacket } from "./packet.ts";
import { openTftpServer } from "./server.ts";
import type { TftpServer, TftpServerOptions } from "./server.ts";

const content = Uint8Array.from({ length: 1000 }, (_unused, index) => index & 0xff);
const sockets: Socket[] = [];
const servers: TftpServer[] = [];
let events: TftpServerEvent[] = [];
let openFiles = 0;

function open(name: string): Promise<TftpFile | undefined> {
  if (name === "broken") {
    return Promise.reject(new Error("EACCES"));
  }
  if (name !== "file") {
    return Promise.resolve(undefined);
  }
  openFiles += 1;
  return Promise.resolve({
    sizeBytes: content.length,
    read: (offset, into) => into.set(content.subarray(offset, offset + into.length)),
    close: () => {
      openFiles -= 1;
    },
  });
}

async function openServer(options: Partial<TftpServerOptions> = {}): Promise<TftpServer> {
  const onEvent = (event: TftpServerEvent): void => {
    events.push(event);
  };
  const server = await openTftpServer({ files: { open }, address: "127.0.0.1", port: 0, onEvent, ...options });
  servers.push(server);
  return server;
}

/** A client socket; `ask` sends to the server's port and gives the next answer and where it came from. */
class Client {
  readonly socket: Socket = createSocket("udp4");
  readonly #server: TftpServer;
  readonly #received: [Uint8Array, RemoteInfo][] = [];

  constructor(server: TftpServer) {
    this.#server = server;
    sockets.push(this.socket);
    this.socket.on("message", (bytes, remote) => this.#received.push([bytes, remote]));
  }

  send(bytes: Uint8Array, port: number = this.#server.port): void {
    this.socket.send(bytes, port, "127.0.0.1");
  }

  request(name: string, changes: { mode?: string; kind?: "rrq" | "wrq"; options?: Record<string, string> } = {}): void {
    const { mode = "octet", kind = "rrq", options = {} } = changes;
    this.send(
      encodePacket({
        kind,
        filename: new TextEncoder().encode(name),
        mode,
        options: Object.entries(options).map(([option, value]) => ({ name: option, value })),
      }),
    );
  }

  async next(): Promise<{ packet: TftpPacket; port: number }> {
    while (this.#received.length === 0) {
      await once(this.socket, "message");
    }
    const [bytes, remote] = this.#received.shift() ?? expect.unreachable();
    return { packet: decodePacket(bytes), port: remote.port };
  }

  /** Reads what is left of a transfer whose first packet is `first`. */
  async readAll(first: { packet: TftpPacket; port: number }): Promise<number> {
    let bytes = 0;
    for (let answer = first; ; answer = await this.next()) {
      if (answer.packet.kind !== "data") {
        throw new Error(`got ${answer.packet.kind}`);
      }
      bytes += answer.packet.data.length;
      this.send(encodePacket({ kind: "ack", block: answer.packet.block }), answer.port);
      if (answer.packet.data.length < 512) {
        return bytes;
      }
    }
  }
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  for (const socket of sockets.splice(0)) {
    socket.close();
  }
  events = [];
  expect(openFiles).toBe(0);
});

test("a file is read from a port of its own, and the owner is told", async () => {
  const server = await openServer();
  const client = new Client(server);
  client.request("file");
  const first = await client.next();
  expect(first.port).not.toBe(server.port);
  expect(await client.readAll(first)).toBe(1000);
  await expect.poll(() => events.map(({ kind }) => kind)).toEqual(["requested", "completed"]);
  expect(events[0]).toMatchObject({ filename: "file", sizeBytes: 1000, blksize: 512, windowsize: 1 });
  expect(events[1]).toMatchObject({ client: { address: "127.0.0.1" }, bytes: 1000, retransmittedBlocks: 0 });
  expect(server.activeTransfers).toBe(0);
});

test("options are acknowledged only when they were asked for", async () => {
  const client = new Client(await openServer());
  client.request("file", { options: { tsize: "0" } });
  const { packet, port } = await client.next();
  expect(packet).toEqual({ kind: "oack", options: [{ name: "tsize", value: "1000" }] });
  client.send(encodePacket({ kind: "error", code: 8, message: "User aborted" }), port);
  await expect.poll(() => events.at(-1)?.kind).toBe("probed");
});

test.each([
  ["a missing file", "nope", {}, 1, "notFound"],
  ["a file that cannot be opened", "broken", {}, 0, "openFailed"],
  ["a path upwards", "../file", {}, 2, "nameInvalid"],
  ["writing", "file", { kind: "wrq" as const }, 2, "writeRefused"],
  ["netascii", "file", { mode: "netascii" }, 0, "modeRefused"],
  ["an option given twice", "file", { options: { tsize: "0", TSIZE: "0" } }, 8, "optionsRefused"],
])("%s is refused", async (_title, name, changes, code, reason) => {
  const client = new Client(await openServer());
  client.request(name, changes);
  expect((await client.next()).packet).toMatchObject({ kind: "error", code });
  expect(events).toMatchObject([{ kind: "refused", reason }]);
});

test("garbage is counted, not answered, and stops nothing", async () => {
  const server = await openServer();
  const client = new Client(server);
  const garbage = [[], [0], [0, 9], [0, 4, 0, 1], [0, 5, 0, 0], [0, 1, 65], Array.from({ length: 2000 }, () => 1)];
  for (const bytes of garbage) {
    client.send(Uint8Array.from(bytes));
  }
  client.request("file");
  const first = await client.next();
  client.send(Uint8Array.of(0, 4, 0, 1, 99), first.port);
  client.send(Uint8Array.of(), first.port);
  expect(await client.readAll(first)).toBe(1000);
  await expect.poll(() => server.counts()).toMatchObject({ garbage: garbage.length + 2, completed: 1, refused: 0 });
});

test("a repeated request is answered again from the same port, not with a second transfer", async () => {
  const server = await openServer();
  const client = new Client(server);
  client.request("file", { options: { tsize: "0" } });
  const first = await client.next();
  client.request("file", { options: { tsize: "0" } });
  expect((await client.next()).port).toBe(first.port);
  expect(server.activeTransfers).toBe(1);
});

test("another request from the same port replaces the transfer", async () => {
  const server = await openServer();
  const client = new Client(server);
  client.request("file", { options: { tsize: "0" } });
  const first = await client.next();
  client.request("file");
  const second = await client.next();
  expect(second.port).not.toBe(first.port);
  expect(await client.readAll(second)).toBe(1000);
  await expect.poll(() => server.counts()).toMatchObject({ requested: 2, completed: 1, failed: 1 });
  expect(events).toContainEqual(expect.objectContaining({ kind: "failed", reason: "replaced" }));
});

test("a packet from another port does not disturb a transfer", async () => {
  const server = await openServer();
  const client = new Client(server);
  client.request("file");
  const first = await client.next();
  const stranger = new Client(server);
  stranger.send(encodePacket({ kind: "error", code: 0, message: "die" }), first.port);
  expect(await client.readAll(first)).toBe(1000);
});

test("a client whose port is closed is noticed at the first retransmission", async () => {
  const client = new Client(await openServer());
  client.request("file");
  await client.next();
  sockets.splice(sockets.indexOf(client.socket), 1);
  client.socket.close();
  const last = expect.poll(() => events.at(-1), { timeout: 10_000 });
  await last.toMatchObject({ kind: "failed", reason: "peerGone" });
});

test("beyond the limits nothing is answered, and when there is room again the client gets its file", async () => {
  const server = await openServer({ limits: { maxTransfersPerClient: 2 } });
  const clients = [new Client(server), new Client(server), new Client(server)] as const;
  clients[0].request("file");
  const first = await clients[0].next();
  clients[1].request("file");
  await clients[1].next();
  clients[2].request("file");
  await expect.poll(() => events.at(-1)).toMatchObject({ kind: "refused", reason: "busy" });
  await clients[0].readAll(first);
  await expect.poll(() => server.activeTransfers).toBe(1);
  clients[2].request("file");
  expect((await clients[2].next()).packet.kind).toBe("data");
});

test("closing ends transfers with an error to their clients, and may be done twice", async () => {
  const server = await openServer();
  const client = new Client(server);
  client.request("file");
  await client.next();
  await Promise.all([server.close(), server.close()]);
  expect((await client.next()).packet).toMatchObject({ kind: "error", code: 0 });
  expect(events.at(-1)).toMatchObject({ kind: "failed", reason: "serverClosed" });
});

test("a port in use, an address that is not ours and a limit out of range are told apart", async () => {
  const { port } = await openServer();
  await expect(openServer({ port })).rejects.toMatchObject({
    code: "listenFailed",
    cause: { code: "EADDRINUSE" },
  });
  await expect(openServer({ address: "192.0.2.1" })).rejects.toMatchObject({
    code: "listenFailed",
    cause: { code: "EADDRNOTAVAIL" },
  });
  await expect(openServer({ limits: { maxBlksize: 7 } })).rejects.toMatchObject({ code: "limitInvalid" });
});
