import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { listenError } from "./listen-error.ts";
import type { ServiceCounters } from "./service-board.ts";

/** A function that answers requests; `peer` is the other side's address. */
export type HttpHandler = (request: Request, peer: { readonly address: string }) => Response | Promise<Response>;

/** Where and for what one HTTP listener is. */
export interface HttpListenerOptions {
  /** For messages: `console and API`. */
  readonly service: string;
  /** The option that changes the address. */
  readonly option: string;
  readonly address: string;
  readonly port: number;
  readonly handle: HttpHandler;
  /** Whether a request may take as long as it takes, as the upload of an image does. */
  readonly longRequests: boolean;
  /** Told of errors after binding; the listener goes on. */
  readonly onError: (error: unknown) => void;
}

/** A connection without a request is kept this long: firmware asks for one file after the other. */
const KEEP_ALIVE_MS = 30_000;

/** A request must have arrived whole by then, where `longRequests` does not say otherwise. */
const REQUEST_TIMEOUT_MS = 60_000;

/** Connections of one listener; 5,000 machines that boot together ask for small files, one after the other. */
const MAX_CONNECTIONS = 8192;

/** A bound listener. */
export interface HttpListener {
  readonly port: number;
  /** Answers by class of status, `2xx`. */
  readonly counters: ServiceCounters;
  close(): Promise<void>;
}

/** Binds and serves; throws `ServerError` when the port cannot be had. Open streams are cut by `close`. */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const counters: Record<string, number> = { "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0 };
  const counted = (response: Response): Response => {
    const statusClass = `${Math.floor(response.status / 100)}xx`;
    counters[statusClass] = (counters[statusClass] ?? 0) + 1;
    return response;
  };
  const listener = getRequestListener(async (request, env) =>
    counted(await options.handle(request, { address: peerOf(env) })),
  );
  const timeouts = options.longRequests ? { requestTimeout: 0 } : { requestTimeout: REQUEST_TIMEOUT_MS };
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, ...timeouts }, (incoming, outgoing) => {
    void listener(incoming, outgoing);
  });
  await listen(server, options);
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : options.port,
    counters,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, options: HttpListenerOptions): Promise<void> {
  const { service, option, address, port, onError } = options;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const refused = (error: Error): void => reject(listenError(service, option, address, port, error));
  server.maxConnections = MAX_CONNECTIONS;
  server.once("error", refused);
  server.listen(port, address, () => {
    server.off("error", refused);
    server.on("error", onError);
    resolve();
  });
  return promise;
}

/** hono's adapter hands Node's request in as `incoming`. */
function peerOf(env: unknown): string {
  const incoming = (env as { incoming?: { socket?: { remoteAddress?: string } } }).incoming;
  return incoming?.socket?.remoteAddress ?? "";
}
