import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { listenError } from "./listen-error.ts";

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
}

/** A bound listener. */
export interface HttpListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Binds and serves; throws `ServerError` when the port cannot be had. Open streams are cut by `close`. */
export async function listenHttp(options: HttpListenerOptions): Promise<HttpListener> {
  const listener = getRequestListener(
    (request, env) => options.handle(request, { address: peerOf(env) }),
    // Uploads are read as they come; a client that goes away must end its request's signal.
    { overrideGlobalObjects: false },
  );
  const server = createServer({ keepAliveTimeout: 30_000, requestTimeout: 0 }, (incoming, outgoing) => {
    void listener(incoming, outgoing);
  });
  await listen(server, options);
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, options: HttpListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(listenError(options.service, options.option, options.address, options.port, error)),
    );
    server.listen(options.port, options.address, () => resolve());
  });
}

/** hono's adapter hands Node's request in as `incoming`. */
function peerOf(env: unknown): string {
  const incoming = (env as { incoming?: { socket?: { remoteAddress?: string } } }).incoming;
  return incoming?.socket?.remoteAddress ?? "";
}
