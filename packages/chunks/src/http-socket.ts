import type http from "node:http";
import https from "node:https";
import { ChunkError } from "./errors.ts";
import type { HttpAnswer, HttpGetter, HttpWish } from "./http-fetcher.ts";

/** Importing it as a module makes Node load its web clients, 50 ms that every program pays which knows how to read a store. */
const { Agent: PlainAgent, get: getPlain } = process.getBuiltinModule("node:http");

/** A body that is not read, so that the connection can be used again, is at most this long. */
const MAX_SKIPPED_BYTES = 16 * 1024;

/** How a client uses the network. */
export interface HttpClientOptions {
  /** Connections at once; they are kept open and used again. */
  readonly maxConnections: number;
  /** A request fails when nothing is heard for this long. */
  readonly timeoutMs: number;
}

/** GET requests to one server over kept connections. Redirects are not followed. */
export class HttpClient implements HttpGetter {
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #timeoutMs: number;

  /** `base` is the URL of the store's directory. `http:` and `https:`. */
  constructor(base: URL, options: HttpClientOptions) {
    this.#base = base;
    this.#timeoutMs = options.timeoutMs;
    const { maxConnections: maxSockets } = options;
    const Agent = base.protocol === "https:" ? https.Agent : PlainAgent;
    this.#agent = new Agent({ keepAlive: true, maxSockets });
  }

  /** See HttpGetter. */
  get(path: string, wish: HttpWish): Promise<HttpAnswer> {
    const url = new URL(path, this.#base);
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const headers: Record<string, string> = { accept: "*/*", "accept-encoding": "identity" };
    if (wish.range === undefined) headers["cache-control"] = "no-cache";
    else headers["range"] = `bytes=${wish.range.offset}-${wish.range.offset + wish.range.length - 1}`;
    const { signal } = wish;
    const get = url.protocol === "https:" ? https.get : getPlain;
    const request = get(url, { agent: this.#agent, headers, ...(signal && { signal }) });
    request.setTimeout(this.#timeoutMs, () => {
      request.destroy(new Error(`nothing was heard for ${this.#timeoutMs} ms`));
    });
    request.on("error", reject);
    request.on("response", (response) => {
      readBody(response, wish.maxBytes).then((bytes) => {
        resolve({ status: response.statusCode ?? 0, bytes, contentRange: response.headers["content-range"] });
      }, reject);
    });
    return promise;
  }

  /** Closes all connections; requests under way fail. */
  close(): void {
    this.#agent.destroy();
  }
}

/** Resolves after `delayMs`, or rejects with the signal's reason. */
export function waitFor(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** 0 … 1, for the waits between tries. */
export function random(): number {
  return Math.random();
}

async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const isWanted = response.statusCode === 200 || response.statusCode === 206;
  const limit = isWanted ? maxBytes : MAX_SKIPPED_BYTES;
  const announced = Number(response.headers["content-length"] ?? 0);
  if (!isWanted && announced > limit) {
    response.destroy();
    return new Uint8Array();
  }
  if (announced > limit) {
    response.destroy();
    throw tooLong(`the answer has ${announced} bytes, expected at most ${limit}`);
  }
  // The announced length is within the limit; an answer in chunked coding grows up to it.
  let bytes = new Uint8Array(announced);
  let filled = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    const end = filled + part.length;
    if (end > limit) {
      response.destroy();
      throw tooLong(`the answer is longer than ${limit} bytes`);
    }
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.min(limit, Math.max(end, bytes.length * 2)));
      larger.set(bytes);
      bytes = larger;
    }
    bytes.set(part, filled);
    filled = end;
  }
  if (filled < announced) throw new Error(`the answer ended after ${filled} of ${announced} bytes`);
  return bytes.length === filled ? bytes : bytes.slice(0, filled);
}

function tooLong(message: string): ChunkError {
  return new ChunkError("too-large", message);
}
