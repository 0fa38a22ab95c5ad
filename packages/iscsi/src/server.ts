import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { IscsiError } from "./errors.ts";
import { BufferPool } from "./iscsi/buffer-pool.ts";
import { BusyPoll } from "./iscsi/busy-poll.ts";
import { Connection } from "./iscsi/connection.ts";
import type { Transport } from "./iscsi/output.ts";
import type { SessionInfo } from "./iscsi/session-info.ts";
import { Target } from "./iscsi/target.ts";
import type { IscsiEvent, LoginCounters } from "./iscsi/target.ts";
import { KEEP_ALIVE_DELAY_MS, LOGIN_TIMEOUT_MS, MAX_CONNECTIONS, MAX_CONNECTIONS_IN_LOGIN } from "./limits.ts";
import type { TargetDirectory } from "./directory.ts";

/** How to start a target server. */
export interface TargetServerOptions {
  readonly directory: TargetDirectory;
  /** Address to listen on; default all IPv4 addresses. */
  readonly address?: string;
  /** TCP port, default 3260 (RFC 7143 §14); 0 takes a free one. */
  readonly port?: number;
  /** Told of logins, refusals, ends and errors; must not throw. */
  onEvent?(event: IscsiEvent): void;
}

/** What came in since the start. */
export interface TargetCounters extends LoginCounters {
  /** TCP connections taken. */
  readonly connections: number;
  /** TCP connections dropped at once, because as many as may be are open or in login. */
  readonly droppedConnections: number;
}

/** A running iSCSI target on one TCP port. */
export class TargetServer {
  readonly #server: Server;
  readonly #target: Target;
  /** Every connection whose disk may still be in use. */
  readonly #connections = new Set<Connection>();
  #taken = 0;
  #dropped = 0;

  private constructor(server: Server, target: Target) {
    this.#server = server;
    this.#target = target;
  }

  /** Starts listening. Rejects with `IscsiError` `listenFailed`, whose cause is the system's error. */
  static async listen(options: TargetServerOptions): Promise<TargetServer> {
    const target = new Target({
      directory: options.directory,
      pool: new BufferPool(),
      busyPoll: new BusyPoll({ now: () => performance.now(), soon: (callback) => setImmediate(callback) }),
      random: (length) => randomBytes(length),
      now: () => Date.now(),
      report: (event) => options.onEvent?.(event),
    });
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS });
    const { address = "0.0.0.0", port = 3260 } = options;
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void =>
        reject(
          new IscsiError("listenFailed", `iSCSI cannot listen on ${address}:${port}: ${cause.message}`, { cause }),
        );
      server.once("error", failed);
      server.listen({ host: address, port }, () => {
        server.off("error", failed);
        resolve();
      });
    });
    // Such as too many open files at an accept: that connection is lost, the next may succeed.
    server.on("error", (error) => target.report({ kind: "listenerError", error }));
    const running = new TargetServer(server, target);
    server.on("connection", (socket) => running.#accept(socket));
    return running;
  }

  /** Where it listens. */
  get address(): { readonly address: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo;
    return { address, port };
  }

  /** The sessions there are; their counters are live. */
  sessions(): SessionInfo[] {
    return this.#target.sessions();
  }

  /** What came in since the start, refused and malformed included. */
  get counters(): TargetCounters {
    return { ...this.#target.counters, connections: this.#taken, droppedConnections: this.#dropped };
  }

  /**
   * Stops listening and ends all sessions. Resolves when every `closed` callback is done, those of connections that were ending by
   * themselves and of logins that were opening their disk included. Idempotent.
   */
  async close(): Promise<void> {
    const stopped = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.all([...this.#connections].map((connection) => connection.close("shutdown")));
    await stopped;
  }

  #accept(socket: Socket): void {
    const inLogin = [...this.#connections].filter((connection) => !connection.isLoggedIn).length;
    if (this.#connections.size >= MAX_CONNECTIONS || inLogin >= MAX_CONNECTIONS_IN_LOGIN) {
      this.#dropped++;
      socket.destroy();
      return;
    }
    this.#taken++;
    const addresses = {
      peerAddress: socket.remoteAddress ?? "unknown",
      portal: formatPortal(socket.localAddress ?? "0.0.0.0", socket.localPort ?? 0),
    };
    const connection = new Connection(this.#target, new SocketTransport(socket), addresses);
    this.#connections.add(connection);
    const loginTimer = setTimeout(() => {
      if (!connection.isLoggedIn) void connection.close("timeout");
    }, LOGIN_TIMEOUT_MS);
    socket.on("data", (chunk: Buffer) => connection.receive(chunk));
    // The reason of a broken connection does not matter here: "close" follows, and the session ends as disconnected.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(loginTimer);
      // Until then `close` has to find it.
      void connection.close("disconnected").finally(() => this.#connections.delete(connection));
    });
  }
}

/** IPv6 addresses stand in brackets; IPv4 that arrives on a dual-stack socket is written as IPv4. */
function formatPortal(address: string, port: number): string {
  const plain = address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** After `end`, a peer that does not read keeps its socket no longer than this. */
const LINGER_MS = 2000;

class SocketTransport implements Transport {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  send(parts: readonly Uint8Array[], sent: () => void): void {
    const socket = this.#socket;
    if (parts.length === 1) {
      socket.write(parts[0] as Uint8Array, sent);
      return;
    }
    socket.cork();
    const last = parts.length - 1;
    parts.forEach((part, i) => (i === last ? socket.write(part, sent) : socket.write(part)));
    socket.uncork();
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  end(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }
}
