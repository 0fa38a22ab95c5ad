import { Agent, type AgentOptions } from "node:https";
import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { fingerprintOfCertificate, type Identity } from "@ingot/swarm";
import { AgentError } from "../errors.ts";

/** An agent's connections stay open between heartbeats. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Connections to one server, which is known by its key alone: TLS 1.3, both sides show a certificate, authorities do
 * not count. A connection is handed on only after its key is the pinned one, so that not a byte of a request reaches anybody else.
 */
export class PinnedAgent extends Agent {
  readonly #pin: string;
  readonly #identity: Identity;
  #localAddress: string | undefined;

  constructor(pin: string, identity: Identity) {
    super({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: 4 });
    this.#pin = pin;
    this.#identity = identity;
  }

  /** This machine's address as the server sees it, once there was a connection. */
  get localAddress(): string | undefined {
    return this.#localAddress;
  }

  override createConnection(
    options: AgentOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const socket = connect({
      host: options.host ?? "localhost",
      port: Number(options.port),
      key: this.#identity.keyPem,
      cert: this.#identity.certPem,
      minVersion: "TLSv1.3",
      ecdhCurve: "X25519",
      // Who it is shows the pin below; no authority has a say.
      rejectUnauthorized: false,
    });
    const done = (error: Error | null): void => {
      socket.off("error", done);
      socket.off("secureConnect", verify);
      if (error !== null) socket.destroy();
      callback?.(error, socket);
    };
    const verify = (): void => {
      this.#localAddress = socket.localAddress;
      done(pinError(socket, this.#pin));
    };
    socket.once("error", done);
    socket.once("secureConnect", verify);
    return undefined;
  }
}

function pinError(socket: TLSSocket, pin: string): AgentError | null {
  const { raw } = socket.getPeerCertificate() as { raw?: Uint8Array };
  const got = raw === undefined ? "no key" : fingerprintOfCertificate(raw);
  if (got === pin) return null;
  return new AgentError("wrong-server", `${socket.remoteAddress} shows ${got}, pinned is ${pin}`);
}
