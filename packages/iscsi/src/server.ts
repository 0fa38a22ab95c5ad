import type { SessionInfo } from "./iscsi/session-info.ts";
import { addressesOf, type Portal, PortalListener } from "./portal-socket.ts";
import { type TargetCounters, TargetHost, type TargetHostOptions } from "./target-host-socket.ts";

/** How to start a target server. */
export interface TargetServerOptions extends TargetHostOptions {
  /** Address to listen on; default all IPv4 addresses. */
  readonly address?: string;
  /** TCP port, default 3260 (RFC 7143 §14); 0 takes a free one. */
  readonly port?: number;
  /** In place of `address` and `port`, where there are several ways to reach it. */
  readonly portals?: readonly Portal[];
}

/** A running iSCSI target on the thread that started it; see {@link TargetAcceptor} for several threads. */
export class TargetServer {
  readonly #listener: PortalListener;
  readonly #host: TargetHost;

  private constructor(listener: PortalListener, host: TargetHost) {
    this.#listener = listener;
    this.#host = host;
  }

  /** Starts listening. Rejects with `IscsiError` `listenFailed`, whose cause is the system's error. */
  static async listen(options: TargetServerOptions): Promise<TargetServer> {
    const { address = "0.0.0.0", port = 3260, portals = [{ address, port }] } = options;
    let listening: readonly Portal[] = [];
    const host = new TargetHost({ ...options, reachableAt: () => listening });
    const listener = await PortalListener.open(portals, {
      error: (error) => host.report({ kind: "listenerError", error }),
      connection: (socket) => host.accept(socket, addressesOf(socket)),
    });
    listening = listener.portals;
    return new TargetServer(listener, host);
  }

  /** Where it listens, or the first of the places. */
  get address(): Portal {
    return this.portals[0] ?? { address: "0.0.0.0", port: 0 };
  }

  /** All places where it listens, in the order they were given. */
  get portals(): readonly Portal[] {
    return this.#listener.portals;
  }

  /** The sessions there are; their counters are live. */
  sessions(): SessionInfo[] {
    return this.#host.sessions();
  }

  /** What came in since the start, refused and malformed included. */
  get counters(): TargetCounters {
    return this.#host.counters;
  }

  /**
   * Stops listening and ends all sessions. Resolves when every `closed` callback is done, those of connections that were ending by
   * themselves and of logins that were opening their disk included. Idempotent.
   */
  async close(): Promise<void> {
    const stopped = this.#listener.close();
    await this.#host.close();
    await stopped;
  }
}
