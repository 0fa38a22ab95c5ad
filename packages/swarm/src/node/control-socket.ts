import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, type SecureContext, type TLSSocket } from "node:tls";
import { SwarmError } from "../errors.ts";
import { fingerprintOfCertificate, type Identity } from "../identity/identity.ts";
import { TLS_OPTIONS } from "../transfer/tls-options.ts";
import { HANDSHAKE_MS, MAX_DOOR_CONNECTIONS, MAX_UPGRADE_HEADER_BYTES } from "./limits.ts";
import type { PeerAddress } from "./tracker-client.ts";

/** The protocol that a connection is upgraded to (RFC 9110 §7.8). */
const PROTOCOL = "ingot-swarm/1";

/** A connection after its upgrade. */
export interface ControlConnection {
  readonly socket: TLSSocket;
  /** What came behind the request or the answer. */
  readonly head: Uint8Array;
  /** Of the key that the other side has proved to have. */
  readonly fingerprint: string;
}

/** The control door: takes connections of peers for any number of swarms. */
export class ControlDoor {
  readonly #server: Server;
  readonly #swarms = new Map<string, (connection: ControlConnection) => void>();
  readonly #sockets = new Set<TLSSocket>();

  private constructor(identity: Identity) {
    this.#server = createServer({
      ...TLS_OPTIONS,
      key: identity.keyPem,
      cert: identity.certPem,
      requestCert: true,
      // The ticket decides, and it names the key.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
      headersTimeout: HANDSHAKE_MS,
      requestTimeout: HANDSHAKE_MS,
      connectionsCheckingInterval: HANDSHAKE_MS,
      maxHeaderSize: MAX_UPGRADE_HEADER_BYTES,
    });
    this.#server.maxConnections = MAX_DOOR_CONNECTIONS;
    this.#server.on("secureConnection", (socket: TLSSocket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("request", (_request, response) => {
      response.writeHead(426, { Connection: "close, Upgrade", Upgrade: PROTOCOL }).end();
    });
    this.#server.on("upgrade", (incoming, socket, head: Uint8Array) => {
      this.#upgrade(incoming.url ?? "", incoming.headers.upgrade ?? "", socket as TLSSocket, head);
    });
    // A handshake that fails is the stranger's affair.
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  /** Opens the door; port 0 takes any. */
  static async start(options: {
    readonly identity: Identity;
    readonly address: string;
    readonly port: number;
  }): Promise<ControlDoor> {
    const door = new ControlDoor(options.identity);
    await new Promise<void>((resolve, reject) => {
      door.#server.once("error", reject);
      door.#server.listen({ host: options.address, port: options.port }, () => resolve());
    });
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Hands connections for a swarm to `take`, until `detach`. */
  attach(manifestId: string, take: (connection: ControlConnection) => void): void {
    this.#swarms.set(manifestId, take);
  }

  detach(manifestId: string): void {
    this.#swarms.delete(manifestId);
  }

  /** Closes the door and every connection that came by it. Idempotent. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #upgrade(url: string, protocol: string, socket: TLSSocket, head: Uint8Array): void {
    socket.on("error", () => socket.destroy());
    const take = this.#swarms.get(url.slice(pathOf("").length));
    const fingerprint = fingerprintOfPeer(socket);
    if (protocol !== PROTOCOL) refuse(socket, "426 Upgrade Required");
    else if (take === undefined || !url.startsWith(pathOf(""))) refuse(socket, "404 Not Found");
    else if (fingerprint === undefined) refuse(socket, "403 Forbidden");
    else {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${PROTOCOL}\r\n\r\n`);
      take({ socket, head, fingerprint });
    }
  }
}

/** Whom to call, and how. */
export interface DialOptions {
  /** Made by `clientContext`. */
  readonly secureContext: SecureContext;
  readonly address: PeerAddress;
  /** What the key of the other side has to be. */
  readonly fingerprint: string;
  readonly manifestId: string;
  /** The own address to connect from, where there are several. */
  readonly localAddress?: string | undefined;
}

/** Connects to a peer's control door. Rejects with `SwarmError` `unreachable`, or `refused` with the HTTP status. */
export async function dialControl(options: DialOptions): Promise<ControlConnection> {
  const { secureContext, address, localAddress } = options;
  const { host, port } = address;
  const socket = connect({
    secureContext,
    host,
    port,
    ...(localAddress === undefined ? {} : { localAddress }),
    // The fingerprint decides.
    rejectUnauthorized: false,
  });
  const where = `${host} port ${port}`;
  const unreachable = (why: string, cause?: unknown): SwarmError =>
    new SwarmError("unreachable", `control door of ${where}: ${why}`, { cause });
  try {
    return await new Promise<ControlConnection>((resolve, reject) => {
      const deadline = setTimeout(() => reject(unreachable(`no answer within ${HANDSHAKE_MS} ms`)), HANDSHAKE_MS);
      socket.once("close", () => {
        clearTimeout(deadline);
        reject(unreachable("closed"));
      });
      socket.on("error", (error) => reject(unreachable(error.message, error)));
      socket.once("secureConnect", () => {
        const fingerprint = fingerprintOfPeer(socket);
        if (fingerprint !== options.fingerprint) {
          reject(unreachable(`its key is ${fingerprint}, expected ${options.fingerprint}`));
          return;
        }
        const upgrade = request({
          createConnection: () => socket,
          path: pathOf(options.manifestId),
          headers: { Host: `${host}:${port}`, Connection: "Upgrade", Upgrade: PROTOCOL },
          maxHeaderSize: MAX_UPGRADE_HEADER_BYTES,
        });
        upgrade.on("error", (error) => reject(unreachable(error.message, error)));
        upgrade.on("response", ({ statusCode: status }) => {
          reject(new SwarmError("refused", `control door of ${where}: HTTP status ${status}`, { status }));
        });
        upgrade.on("upgrade", (_response, _socket, head: Uint8Array) => {
          clearTimeout(deadline);
          resolve({ socket, head, fingerprint });
        });
        upgrade.end();
      });
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function pathOf(manifestId: string): string {
  return `/swarms/${manifestId}`;
}

function fingerprintOfPeer(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : fingerprintOfCertificate(certificate.raw);
}

function refuse(socket: TLSSocket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
