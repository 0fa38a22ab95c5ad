import { request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { AgentError } from "../errors.ts";
import { MAX_ANSWER_BYTES, REQUEST_TIMEOUT_MS } from "../limits.ts";
import type { PinnedAgent } from "./pinned-tls.ts";

/** One request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly body?: string | AsyncIterable<Uint8Array> | undefined;
  readonly contentType?: string | undefined;
  readonly maxAnswerBytes?: number | undefined;
  /** Longest silence; `Infinity` waits for ever. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A whole answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly retryAfterSeconds: number | undefined;
}

/**
 * Sends a request and reads the whole answer. Errors: `server-unreachable` for everything that trying again can help,
 * `wrong-server`, `bad-answer` for one that is too large; the signal's reason.
 */
export async function sendRequest(agent: PinnedAgent, options: HttpRequest): Promise<HttpAnswer> {
  const { body, signal } = options;
  try {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = httpsRequest(options.url, {
      agent,
      method: options.method,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": options.contentType ?? "application/json" }),
        ...(typeof body === "string" ? { "content-length": Buffer.byteLength(body) } : {}),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    if (Number.isFinite(timeoutMs))
      outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer for ${timeoutMs / 1000} s`)));
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    // The server may answer, and close, before it has read everything: its answer counts, not the broken pipe.
    if (body === undefined || typeof body === "string") outgoing.end(body);
    else pipeline(body, outgoing).catch(reject);
    const incoming = await promise;
    outgoing.on("error", () => undefined);
    return await readAnswer(incoming, options);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof AgentError) throw error;
    // What the body's own source failed with is not the server's fault.
    if (error instanceof Error && "code" in error && typeof body === "object" && !isNetworkCode(error.code))
      throw error;
    throw new AgentError("server-unreachable", `${options.url.host} does not answer`, { cause: error });
  }
}

async function readAnswer(incoming: IncomingMessage, options: HttpRequest): Promise<HttpAnswer> {
  const limit = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > limit) {
      incoming.destroy();
      throw new AgentError("bad-answer", `${options.url.pathname}: more than ${limit} bytes`);
    }
    parts.push(part);
  }
  const retryAfter = Number(incoming.headers["retry-after"] ?? Number.NaN);
  return {
    status: incoming.statusCode ?? 0,
    body: Buffer.concat(parts),
    retryAfterSeconds: retryAfter >= 0 && retryAfter <= 3600 ? retryAfter : undefined,
  };
}

function isNetworkCode(code: unknown): boolean {
  return (
    typeof code === "string" &&
    /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ERR_STREAM|ERR_SSL|ERR_TLS|EPROTO)/.test(code)
  );
}
