import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { Readable } from "node:stream";

/** A built console and an API behind one port of the loopback interface. */
export interface ConsoleServer {
  readonly url: string;
  /** Ends all connections and closes the port. */
  stop(): Promise<void>;
  /** Listens on the same port again after {@link stop}. */
  start(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Serves the files of `folder`, and `respond` under `/api/`. */
export async function serveConsole(
  folder: string,
  respond: (request: Request) => Promise<Response>,
): Promise<ConsoleServer> {
  const server = createServer((incoming, outgoing) => {
    const answer =
      incoming.url?.startsWith("/api/") === true
        ? answerApi(incoming, outgoing, respond)
        : answerFile(incoming, outgoing, folder);
    answer.catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : undefined));
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    start: () => listen(port),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerApi(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  respond: (request: Request) => Promise<Response>,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
  const body = Buffer.concat(chunks);
  const { method = "GET", url = "/" } = incoming;
  const request = new Request(new URL(url, "http://127.0.0.1"), { method, ...(body.length > 0 && { body }) });
  const response = await respond(request);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  const stream = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  outgoing.on("close", () => stream.destroy());
  stream.on("error", () => outgoing.destroy());
  stream.pipe(outgoing);
}

async function answerFile(incoming: IncomingMessage, outgoing: ServerResponse, folder: string): Promise<void> {
  const path = normalize(new URL(incoming.url ?? "/", "http://127.0.0.1").pathname);
  const file = join(folder, path === "/" ? "index.html" : path);
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) {
    outgoing.writeHead(404).end();
    return;
  }
  outgoing.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(content);
}
