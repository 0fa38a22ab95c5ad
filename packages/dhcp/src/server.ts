import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { openUdpSocket } from "@ingot/linux";
import { DecodeError } from "@ingot/wire";
import type { Ipv4 } from "@ingot/wire";
import type { DecideBoot } from "./boot-answer.ts";
import type { IdentifyBy } from "./client-identity.ts";
import type { Decision, DhcpEvent, Reply } from "./decision.ts";
import { Port } from "./delivery.ts";
import { DhcpError } from "./errors.ts";
import { decideFull } from "./full-server.ts";
import type { Lease, LeaseStore } from "./lease.ts";
import { LeaseTable } from "./lease-table.ts";
import { MAX_PACKETS_IN_PROGRESS } from "./limits.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";
import { decideBootServer, decideProxy } from "./proxy-server.ts";
import { validateSubnets } from "./subnet.ts";
import type { SubnetConfig } from "./subnet.ts";

/** Settings that both modes share. */
interface ServerOptionsBase {
  /** The interface to listen and answer on: `eth0`. */
  readonly device: string;
  /** The server's address on that interface: option 54. */
  readonly serverAddress: Ipv4;
  readonly decideBoot: DecideBoot;
  /** Called once per message that could be decoded, after its answer went out. */
  readonly onEvent?: (event: DhcpEvent) => void;
  /** Called for a failure that is nobody's packet: the store cannot save, the interface went down. Default: silent. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
}

/** A server that gives addresses. */
export interface FullServerOptions extends ServerOptionsBase {
  readonly mode: "full";
  /** One for the interface itself and one per subnet behind a relay. */
  readonly subnets: readonly SubnetConfig[];
  readonly leaseStore: LeaseStore;
  /** Default `hardware`; see `clientKeyOf`. */
  readonly identifyBy?: IdentifyBy;
}

/** A server that only adds boot information beside another DHCP server. */
export interface ProxyServerOptions extends ServerOptionsBase {
  readonly mode: "proxy";
}

/** How to start a server, in one of its two modes. */
export type DhcpServerOptions = FullServerOptions | ProxyServerOptions;

/** What came in and what went out since the start. */
export interface DhcpCounters {
  readonly received: number;
  readonly malformed: number;
  /** Dropped because too many messages were waiting for the lease store. */
  readonly dropped: number;
  readonly ignored: number;
  readonly sent: number;
  /** Answers that could not be stored or sent. */
  readonly failed: number;
}

/** A running server. */
export interface DhcpServer {
  readonly counters: DhcpCounters;
  /** The leases on record, expired ones included; empty in proxy mode. */
  leases(): readonly Lease[];
  /** Closes the sockets after the answers in progress; may be called twice. The lease store stays the caller's. */
  close(): Promise<void>;
}

type Decide = (request: DhcpPacket) => Decision;

/**
 * Starts a server on ports 67 and 4011 of one interface. Rejects with `DhcpError` when the subnets cannot work
 * (before any port is bound) and with `SystemCallError` when a port cannot be bound (`EADDRINUSE`, `EACCES`).
 */
export async function startDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const now = options.now ?? Date.now;
  let table: LeaseTable | undefined;
  let decideOnServerPort: Decide = (request) => decideProxy(request, options);
  if (options.mode === "full") {
    validateSubnets(options.subnets, options.serverAddress);
    const leaseTable = new LeaseTable(options.subnets, await options.leaseStore.load());
    if (leaseTable.subnetOf(options.serverAddress) === undefined) {
      throw new DhcpError(
        "no-subnet",
        `DHCP server: none of the subnets holds the server's own address ${options.serverAddress}`,
      );
    }
    table = leaseTable;
    const deps = { ...options, table: leaseTable, identifyBy: options.identifyBy ?? "hardware" } as const;
    decideOnServerPort = (request) => decideFull(request, deps, now());
  }
  const counters = { received: 0, malformed: 0, dropped: 0, ignored: 0, sent: 0, failed: 0 };
  const inProgress = new Set<Promise<void>>();
  const sockets: Socket[] = [];
  const store = options.mode === "full" ? options.leaseStore : undefined;

  const close = async (): Promise<void> => {
    await Promise.all(inProgress);
    await Promise.all(sockets.splice(0).map(closeSocket));
  };
  try {
    for (const [port, decide] of [
      [Port.server, decideOnServerPort],
      [Port.bootServer, (request: DhcpPacket) => decideBootServer(request, options)],
    ] as const) {
      const socket = await openSocket(options.device, port);
      sockets.push(socket);
      socket.on("error", (error) => options.onError?.(error));
      socket.on("message", (bytes, sender) => {
        counters.received++;
        if (inProgress.size >= MAX_PACKETS_IN_PROGRESS) {
          counters.dropped++;
          return;
        }
        const answered = answer(socket, bytes, sender, decide);
        inProgress.add(answered);
        void answered.finally(() => inProgress.delete(answered));
      });
    }
  } catch (error) {
    await close();
    throw error;
  }

  async function answer(socket: Socket, bytes: Uint8Array, sender: RemoteInfo, decide: Decide): Promise<void> {
    try {
      const decision = decide(decodePacket(plainBytes(bytes)));
      if (decision.store?.kind === "save") await store?.save(decision.store.lease);
      if (decision.store?.kind === "delete") await store?.delete(decision.store.client);
      if (decision.reply !== undefined) {
        await sendReply(socket, decision.reply, sender);
        counters.sent++;
      }
      if (decision.event.kind === "ignored") counters.ignored++;
      options.onEvent?.(decision.event);
    } catch (error) {
      if (error instanceof DecodeError) {
        counters.malformed++;
      } else {
        counters.failed++;
        options.onError?.(error);
      }
    }
  }

  return { counters, leases: () => table?.leases() ?? [], close };
}

/** Without SO_REUSEADDR, because on UDP that would let two servers share the port and each miss half of the messages. */
async function openSocket(device: string, port: number): Promise<Socket> {
  const fd = openUdpSocket({ address: "0.0.0.0", port, device, broadcast: true });
  const socket = createSocket("udp4");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  // dgram emits "listening" within `bind` for a descriptor, so the listener comes first.
  socket.once("listening", resolve);
  socket.bind({ fd });
  await promise;
  socket.off("error", reject);
  return socket;
}

/** The same memory as a plain `Uint8Array`: a Buffer's `slice` is a view, and whoever "copied" that way would change the packet. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function closeSocket(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.close(resolve);
  return promise;
}

function sendReply(socket: Socket, reply: Reply, sender: RemoteInfo): Promise<void> {
  const bytes = encodePacket(reply.packet, reply);
  const [address, port] =
    reply.delivery === "sender" ? [sender.address, sender.port] : [reply.delivery.address, reply.delivery.port];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.send(bytes, port, address, (error) => (error ? reject(error) : resolve()));
  return promise;
}
