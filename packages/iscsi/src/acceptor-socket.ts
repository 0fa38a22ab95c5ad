import { closeSync } from "node:fs";
import type { Socket } from "node:net";
import { duplicateDescriptor } from "@ingot/linux";
import { MAX_FIRST_LOGIN_BYTES, readFirstLogin } from "./first-login.ts";
import { claim, type HandedConnection, unclaimed } from "./handed-connection.ts";
import { LOGIN_TIMEOUT_MS, MAX_CONNECTIONS_IN_LOGIN } from "./limits.ts";
import { addressesOf, type Portal, PortalListener } from "./portal-socket.ts";

/** How to accept for other threads. */
export interface TargetAcceptorOptions {
  readonly portals: readonly Portal[];
  /**
   * Told of every connection whose first login request is there; posts it to the thread whose {@link TargetHost} is to `take` it.
   * `targetName` is absent in discovery sessions and where what came is no login; any thread will do then. From here on the
   * descriptor is the caller's: the one that takes it closes it, and `takeBack` does where nobody will. Must not throw.
   */
  place(connection: HandedConnection, targetName: string | undefined): void;
  /** A connection was lost at the door, such as for want of descriptors; must not throw. */
  onError(error: unknown): void;
}

/** What an acceptor has seen. */
export interface AcceptorCounters {
  /** Connections dropped: too many that have not said yet where they want to go, or no descriptor for it. */
  readonly droppedConnections: number;
}

/**
 * Listens, reads the first login request of each connection, and hands the connection over to the thread that serves the target
 * in question. The initiator notices nothing: the descriptor is duplicated, and only our first one is closed.
 */
export class TargetAcceptor {
  readonly #listener: PortalListener;
  readonly #waiting: Set<Socket>;
  readonly #counts: { dropped: number };

  private constructor(listener: PortalListener, waiting: Set<Socket>, counts: { dropped: number }) {
    this.#listener = listener;
    this.#waiting = waiting;
    this.#counts = counts;
  }

  /** Starts listening. Rejects with `IscsiError` `listenFailed`, whose cause is the system's error. */
  static async listen(options: TargetAcceptorOptions): Promise<TargetAcceptor> {
    const waiting = new Set<Socket>();
    const counts = { dropped: 0 };
    const listener = await PortalListener.open(options.portals, {
      error: (error) => options.onError(error),
      connection(socket) {
        if (waiting.size < MAX_CONNECTIONS_IN_LOGIN) readAndPlace(socket, waiting, counts, options);
        else drop(socket, counts);
      },
    });
    return new TargetAcceptor(listener, waiting, counts);
  }

  /** Where it listens, in the order of the portals. */
  get portals(): readonly Portal[] {
    return this.#listener.portals;
  }

  /** What it has seen since the start. */
  get counters(): AcceptorCounters {
    return { droppedConnections: this.#counts.dropped };
  }

  /** Stops listening and drops connections that have not said yet where they want to go. Idempotent. */
  async close(): Promise<void> {
    for (const socket of this.#waiting) socket.destroy();
    await this.#listener.close();
  }
}

/** Closes a connection that no thread will take any more; answers false when one has taken it. */
export function takeBack(connection: HandedConnection): boolean {
  if (!claim(connection)) return false;
  closeSync(connection.fd);
  return true;
}

function readAndPlace(
  socket: Socket,
  waiting: Set<Socket>,
  counts: { dropped: number },
  options: TargetAcceptorOptions,
): void {
  waiting.add(socket);
  const timer = setTimeout(() => socket.destroy(), LOGIN_TIMEOUT_MS);
  let received: Uint8Array = new Uint8Array(0);
  // "close" follows.
  socket.on("error", () => undefined);
  socket.on("close", () => {
    clearTimeout(timer);
    waiting.delete(socket);
  });
  // Within one turn from the read to `destroy`: nothing can be read in between that the next thread would miss.
  socket.on("data", (chunk: Buffer) => {
    if (socket.destroyed) return;
    received = received.length === 0 ? new Uint8Array(chunk) : joined(received, chunk);
    const first = readFirstLogin(received);
    if (first.kind === "incomplete" && received.length < MAX_FIRST_LOGIN_BYTES) return;
    try {
      options.place(handOver(socket, received), first.kind === "complete" ? first.targetName : undefined);
    } catch (error) {
      counts.dropped++;
      options.onError(error);
    }
    socket.destroy();
  });
}

/** Duplicates the descriptor; the socket's own may then be closed without ending the connection. */
function handOver(socket: Socket, received: Uint8Array): HandedConnection {
  return {
    fd: duplicateDescriptor(descriptorOf(socket)),
    received,
    claimed: unclaimed(),
    ...addressesOf(socket),
  };
}

/** Node has no public way to ask for it; on Linux, its TCP handles have had this property since there were handles. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null };
  if (typeof handle?.fd !== "number" || handle.fd < 0)
    throw new TypeError("iSCSI: the accepted socket has no descriptor");
  return handle.fd;
}

function drop(socket: Socket, counts: { dropped: number }): void {
  counts.dropped++;
  socket.destroy();
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
