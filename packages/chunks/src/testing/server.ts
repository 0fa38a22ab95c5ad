import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { pipeline } from "node:stream/promises";

/** What was asked of a store server, as it answered. */
export interface ServedRequest {
  readonly path: string;
  readonly range: string | undefined;
}

/** How a store directory is given out. */
export interface StoreServerOptions {
  /** Default `127.0.0.1`. */
  readonly address?: string;
  /** Default: any free one. */
  readonly port?: number;
  /** Called before each answer; may wait, or answer by itself and say so. For tests of what goes wrong. */
  readonly intercept?: (request: ServedRequest, response: http.ServerResponse) => boolean | Promise<boolean>;
}

/** A running store server. */
export interface StoreServer {
  /** The store's URL. */
  readonly url: string;
  readonly requests: readonly ServedRequest[];
  /** Ends all connections. */
  close(): Promise<void>;
}

const NAME =
  /^\/(?:index\/|index\/[0-9a-f]{64}\.index|manifests\/[0-9a-f]{64}\.(?:manifest|sig)|packs\/([0-9a-f]{2})\/\1[0-9a-f]{62}\.pack)$/;

/**
 * Gives out the files of a store directory as any web server would: whole or by one range, and a list of `index/`. For tests
 * and measurements, on networks that everybody may read from.
 */
export async function startStoreServer(directory: string, options: StoreServerOptions = {}): Promise<StoreServer> {
  const requests: ServedRequest[] = [];
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const served = { path: request.url ?? "", range: request.headers.range };
    requests.push(served);
    if ((await options.intercept?.(served, response)) === true) return;
    if (!NAME.test(served.path)) {
      response.writeHead(404).end();
    } else if (served.path.endsWith("/")) {
      const names = await readdir(path.join(directory, served.path));
      response.writeHead(200, { "content-type": "text/plain" }).end(names.map((name) => `${name}\n`).join(""));
    } else {
      await sendFile(path.join(directory, served.path), served.range, response);
    }
  };
  const server = http.createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
      if (response.headersSent) response.destroy();
      else response.writeHead(isAbsent ? 404 : 500).end();
    });
  });
  const address = options.address ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}/`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function sendFile(file: string, range: string | undefined, response: http.ServerResponse): Promise<void> {
  const { size } = await stat(file);
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  const headers = { "content-type": "application/octet-stream", "accept-ranges": "bytes" };
  if (from === undefined || to === undefined) {
    response.writeHead(200, { ...headers, "content-length": size });
    await pipeline(createReadStream(file), response);
    return;
  }
  const start = Number(from);
  const end = Math.min(Number(to), size - 1);
  if (start > end) {
    response.writeHead(416, { "content-range": `bytes */${size}` }).end();
    return;
  }
  response.writeHead(206, {
    ...headers,
    "content-length": end - start + 1,
    "content-range": `bytes ${start}-${end}/${size}`,
  });
  await pipeline(createReadStream(file, { start, end }), response);
}
