import { createServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { getRequestListener } from "@hono/node-server";
import { fingerprintOfCertificate, type Identity } from "@ingot/swarm";
import { listenError } from "../serve/listen-error.ts";

/** Who speaks: what the TLS connection proves, and where it comes from. */
interface AgentPeer {
  /** SHA-256 of the key that it showed; undefined when it showed none. */
  readonly fingerprint: string | undefined;
  readonly address: string;
}

/** Where and for what the door for agents is. */
export interface AgentListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly identity: Identity;
  readonly handle: (request: Request, peer: AgentPeer) => Response | Promise<Response>;
  /** Told of errors after binding; the listener goes on. */
  readonly onError: (error: unknown) => void;
}

/** A bound listener. */
export interface AgentListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Agents say something every 10 seconds; a handshake each time would cost more than the open connection. */
const KEEP_ALIVE_MS = 45_000;

/** A request line and its headers have to be here by then; what follows may take as long as a disk. */
const HEADERS_TIMEOUT_MS = 20_000;

/** One connection for each of 5,000 machines, and room. */
const MAX_CONNECTIONS = 16_384;

/**
 * HTTPS with TLS 1.3 alone. Both sides show keys that no authority has signed: the agent knows the server's from its enrolment, and the server
 * takes the agent's as its name. Throws `ServerError` when the port cannot be had.
 */
export async function listenForAgents(options: AgentListenerOptions): Promise<AgentListener> {
  const { identity, address, port, onError } = options;
  const listener = getRequestListener((request, env) => options.handle(request, peerOf(env)));
  const server = createServer(
    {
      key: identity.keyPem,
      cert: identity.certPem,
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: 0,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  server.maxConnections = MAX_CONNECTIONS;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const refused = (error: Error): void => reject(listenError("agents", "another --agents", address, port, error));
  server.once("error", refused);
  server.listen(port, address, () => {
    server.off("error", refused);
    server.on("error", onError);
    resolve();
  });
  await promise;
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : port,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** A certificate is looked at once for each connection. */
const fingerprints = new WeakMap<TLSSocket, string | undefined>();

function peerOf(env: unknown): AgentPeer {
  const { socket } = (env as { incoming: IncomingMessage }).incoming as { socket: TLSSocket } & IncomingMessage;
  if (!fingerprints.has(socket)) {
    const { raw } = socket.getPeerCertificate() as { raw?: Buffer };
    fingerprints.set(socket, raw === undefined ? undefined : fingerprintOfCertificate(raw));
  }
  return { fingerprint: fingerprints.get(socket), address: socket.remoteAddress?.replace(/^::ffff:/i, "") ?? "" };
}
