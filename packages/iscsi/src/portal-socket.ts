import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { IscsiError } from "./errors.ts";
import type { ConnectionAddresses } from "./iscsi/connection.ts";
import { KEEP_ALIVE_DELAY_MS } from "./limits.ts";

/** An address and a TCP port that initiators connect to. */
export interface Portal {
  readonly address: string;
  /** 3260 is the usual one (RFC 7143 §14); 0 takes a free one. */
  readonly port: number;
}

/** Who takes what comes in. */
export interface PortalHandlers {
  connection(socket: Socket): void;
  /** Such as too many open files at an accept: that connection is lost, the next may succeed. */
  error(error: Error): void;
}

/** Listening sockets, one for each portal. */
export class PortalListener {
  readonly #servers: readonly Server[];

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
  }

  /** Listens on all portals or on none. Rejects with `IscsiError` `listenFailed`, whose cause is the system's error. */
  static async open(portals: readonly Portal[], handlers: PortalHandlers): Promise<PortalListener> {
    const servers: Server[] = [];
    const listener = new PortalListener(servers);
    try {
      for (const portal of portals) servers.push(await listen(portal, handlers));
    } catch (error) {
      await listener.close();
      throw error;
    }
    return listener;
  }

  /** Where it listens, in the order of the portals. */
  get portals(): readonly Portal[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo;
      return { address, port };
    });
  }

  /** Stops listening; resolves when every connection that came in here is gone. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }
}

async function listen({ address, port }: Portal, handlers: PortalHandlers): Promise<Server> {
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS });
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new IscsiError("listenFailed", `iSCSI cannot listen on ${address}:${port}: ${cause.message}`, { cause }));
    server.once("error", failed);
    server.listen({ host: address, port }, () => {
      server.off("error", failed);
      resolve();
    });
  });
  server.on("error", (error) => handlers.error(error));
  server.on("connection", (socket) => handlers.connection(socket));
  return server;
}

/** Both ends of a connection; a peer that is gone already is "unknown". */
export function addressesOf(socket: Socket): ConnectionAddresses {
  const { remoteAddress = "unknown", localAddress = "0.0.0.0", localPort = 0 } = socket;
  return { peerAddress: remoteAddress, portal: formatPortal(localAddress, localPort) };
}

/** IPv6 addresses stand in brackets; IPv4 that arrives on a dual-stack socket is written as IPv4. */
export function formatPortal(address: string, port: number): string {
  const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}
