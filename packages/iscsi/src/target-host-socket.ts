import { randomBytes } from "node:crypto";
import { Socket } from "node:net";
import { BufferPool } from "./iscsi/buffer-pool.ts";
import { BusyPoll } from "./iscsi/busy-poll.ts";
import { Connection } from "./iscsi/connection.ts";
import type { ConnectionAddresses } from "./iscsi/connection.ts";
import type { SessionInfo } from "./iscsi/session-info.ts";
import { Target } from "./iscsi/target.ts";
import type { IscsiEvent, LoginCounters } from "./iscsi/target.ts";
import {
  KEEP_ALIVE_DELAY_MS,
  LOGIN_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_IN_LOGIN,
  PING_CHECK_MS,
  READ_BYTES,
  SHUTDOWN_LOGOUT_SECONDS,
} from "./limits.ts";
import { formatPortal, type Portal } from "./portal-socket.ts";
import type { TargetDirectory } from "./directory.ts";
import { claim, type HandedConnection } from "./handed-connection.ts";
import { SocketTransport } from "./transport-socket.ts";

/** What came in since the start. */
export interface TargetCounters extends LoginCounters {
  /** TCP connections taken. */
  readonly connections: number;
  /** TCP connections dropped at once, because as many as may be are open or in login. */
  readonly droppedConnections: number;
}

/** Whom a host works for. */
export interface TargetHostOptions {
  readonly directory: TargetDirectory;
  /** All portals by which this server can be reached, in the order of their portal group tags; the one that was asked when absent. */
  reachableAt?(): readonly Portal[];
  /** Told of logins, refusals, ends and errors; must not throw. */
  onEvent?(event: IscsiEvent): void;
}

/** A target on the connections it is given: all that a server is, but for listening. A thread has one. */
export class TargetHost {
  readonly #target: Target;
  /** Every connection whose disk may still be in use. */
  readonly #connections = new Set<Connection>();
  /** Those of them that were not logged in when it was last asked. */
  readonly #inLogin = new Set<Connection>();
  /**
   * Where the bytes of every connection arrive, one read at a time: each is dealt with before the next. With a buffer for each read,
   * making and collecting them takes more time than most commands.
   */
  readonly #readBuffer = new Uint8Array(READ_BYTES);
  readonly #pingTimer: NodeJS.Timeout;
  #taken = 0;
  #dropped = 0;
  #closing: Promise<unknown> | undefined;

  constructor(options: TargetHostOptions) {
    this.#target = new Target({
      directory: options.directory,
      pool: new BufferPool(),
      busyPoll: new BusyPoll({ now: () => performance.now(), soon: (callback) => setImmediate(callback) }),
      random: (length) => randomBytes(length),
      now: () => Date.now(),
      elapsedMs: () => performance.now(),
      portals: () => (options.reachableAt?.() ?? []).map(({ address, port }) => formatPortal(address, port)),
      report: (event) => options.onEvent?.(event),
    });
    this.#pingTimer = setInterval(() => this.#target.checkSessions(), PING_CHECK_MS).unref();
  }

  /** The sessions there are; their counters are live. */
  sessions(): SessionInfo[] {
    return this.#target.sessions();
  }

  /** What came in since the start, refused and malformed included. */
  get counters(): TargetCounters {
    return { ...this.#target.counters, connections: this.#taken, droppedConnections: this.#dropped };
  }

  /** Passes an event of whoever listens to the same counters and the same listener. */
  report(event: IscsiEvent): void {
    this.#target.report(event);
  }

  /** Takes over a connection that another thread has accepted; nothing happens when that thread took it back before. */
  take(handed: HandedConnection): void {
    if (!claim(handed)) return;
    let connection: Connection | undefined;
    const socket = new Socket({
      fd: handed.fd,
      readable: true,
      writable: true,
      onread: {
        buffer: this.#readBuffer,
        callback: (length, bytes) => {
          connection?.receive(bytes.subarray(0, length));
          return true;
        },
      },
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    connection = this.#serve(socket, handed);
    connection?.receive(handed.received);
  }

  /** Serves a connection from its first byte on. */
  accept(socket: Socket, addresses: ConnectionAddresses): void {
    const connection = this.#serve(socket, addresses);
    socket.on("data", (chunk: Buffer) => connection?.receive(chunk));
  }

  /** Sets a connection up for whoever reads its socket; nothing when there is no room for it. */
  #serve(socket: Socket, addresses: ConnectionAddresses): Connection | undefined {
    for (const each of this.#inLogin) if (each.isLoggedIn) this.#inLogin.delete(each);
    if (
      this.#closing !== undefined ||
      this.#connections.size >= MAX_CONNECTIONS ||
      this.#inLogin.size >= MAX_CONNECTIONS_IN_LOGIN
    ) {
      this.#dropped++;
      socket.destroy();
      return undefined;
    }
    this.#taken++;
    const { peerAddress, portal } = addresses;
    const connection = new Connection(this.#target, new SocketTransport(socket), { peerAddress, portal });
    this.#connections.add(connection);
    this.#inLogin.add(connection);
    const loginTimer = setTimeout(() => {
      if (!connection.isLoggedIn) void connection.close("timeout");
    }, LOGIN_TIMEOUT_MS);
    // The reason of a broken connection does not matter here: "close" follows, and the session ends as disconnected.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(loginTimer);
      this.#inLogin.delete(connection);
      // Until then `close` has to find it.
      void connection.close("disconnected").finally(() => this.#connections.delete(connection));
    });
    return connection;
  }

  /**
   * Ends all sessions and takes no more. Resolves when every `closed` callback is done, those of connections that were ending by
   * themselves and of logins that were opening their disk included. Idempotent.
   */
  async close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    await this.#closing;
  }

  /** Who can be asked to log out is asked, and given a moment; then all connections end. */
  async #closeAll(): Promise<void> {
    clearInterval(this.#pingTimer);
    const asked = [...this.#connections].filter((connection) => connection.askToLogOut(SHUTDOWN_LOGOUT_SECONDS));
    if (asked.length > 0) {
      const { promise: isLate, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SHUTDOWN_LOGOUT_SECONDS * 1000);
      await Promise.race([isLate, Promise.all(asked.map(({ ended }) => ended))]);
      clearTimeout(timer);
    }
    await Promise.all([...this.#connections].map((connection) => connection.close("shutdown")));
  }
}
