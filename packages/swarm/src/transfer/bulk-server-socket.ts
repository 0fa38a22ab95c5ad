import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Server, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { SwarmError } from "../errors.ts";
import { fingerprintOfCertificate } from "../identity/identity.ts";
import { CHUNK_HEADER_BYTES, CHUNK_STREAM_TYPE, encodeChunkHeader } from "./chunk-stream.ts";
import { type OpenPacks, type OutgoingChunk, readFully } from "./image-file.ts";
import { IDLE_CONNECTION_MS, MAX_CONNECTIONS, SEND_BUFFER_BYTES, UPLOAD_STALL_MS } from "./limits.ts";
import { type PiecePath, parsePiecePath } from "./piece-path.ts";
import type { RateCap } from "./rate-cap.ts";
import { TLS_OPTIONS } from "./tls-options.ts";

/** What the bulk door of a thread needs. */
export interface BulkServerOptions {
  readonly keyPem: string;
  readonly certPem: string;
  readonly packs: OpenPacks;
  readonly rateCap: RateCap;
  readonly maxUploads: number;
  /** Uploads under way in all threads: one number. */
  readonly uploads: Int32Array<SharedArrayBuffer>;
  /** The chunks of an image that were asked for, ready to be sent; `undefined` when something of it is not here. */
  readonly plan: (path: PiecePath) => Promise<readonly OutgoingChunk[] | undefined>;
  readonly onUpload: (path: PiecePath, fingerprint: string, wireBytes: number, state: "ended" | "failed") => void;
}

/** A thread's share of the bulk door: HTTPS that gives pieces to those whose key was allowed. */
export class BulkServer {
  readonly #options: BulkServerOptions;
  readonly #server: Server;
  readonly #allowed = new Set<string>();
  readonly #fingerprints = new WeakMap<object, string>();
  readonly #sockets = new Set<TLSSocket>();
  readonly #uploads = new Map<ServerResponse, string>();
  readonly #buffers: Uint8Array<ArrayBuffer>[] = [];

  constructor(options: BulkServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        ...TLS_OPTIONS,
        key: options.keyPem,
        cert: options.certPem,
        requestCert: true,
        // No authority has signed these certificates: the list of allowed keys decides.
        rejectUnauthorized: false,
        keepAliveTimeout: 2 * IDLE_CONNECTION_MS,
        noDelay: true,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.setTimeout(UPLOAD_STALL_MS);
    this.#server.on("secureConnection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      const certificate = socket.getPeerX509Certificate();
      if (certificate !== undefined) this.#fingerprints.set(socket, fingerprintOfCertificate(certificate.raw));
    });
  }

  /** Listens beside the other threads, and returns the port. */
  async listen(address: string, port: number): Promise<number> {
    this.#server.listen({ host: address, port, reusePort: true });
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  allow(fingerprint: string): void {
    this.#allowed.add(fingerprint);
  }

  /** Also ends its connections. */
  disallow(fingerprint: string): void {
    this.#allowed.delete(fingerprint);
    for (const socket of this.#sockets) if (this.#fingerprints.get(socket) === fingerprint) socket.destroy();
  }

  /** Ends the uploads of an image. */
  dropUploads(manifestId: string): void {
    for (const [response, id] of this.#uploads) if (id === manifestId) response.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fingerprint = this.#fingerprints.get(request.socket);
    if (fingerprint === undefined || !this.#allowed.has(fingerprint)) {
      response.setHeader("connection", "close");
      return refuse(response, 403, "unknown key");
    }
    if (request.method !== "GET") return refuse(response, 405, "only GET");
    const path = parsePiecePath(request.url ?? "");
    if (path === undefined) return refuse(response, 404, "expected /images/<manifest id>/pieces/<number>");
    const { uploads, maxUploads, onUpload } = this.#options;
    if (Atomics.add(uploads, 0, 1) >= maxUploads) {
      Atomics.sub(uploads, 0, 1);
      return refuse(response, 503, "too many uploads");
    }
    this.#uploads.set(response, path.manifestId);
    const upload = { wireBytes: 0 };
    let state: "ended" | "failed" = "failed";
    try {
      const chunks = await this.#options.plan(path);
      if (chunks === undefined) return refuse(response, 404, "not here");
      await this.#send(response, chunks, upload);
      state = "ended";
    } catch (error) {
      // What the disk refuses is told; what the other side broke off cannot be.
      if (response.headersSent || response.destroyed) response.destroy();
      else if (error instanceof SwarmError) refuse(response, 500, error.message);
      else throw error;
    } finally {
      Atomics.sub(uploads, 0, 1);
      this.#uploads.delete(response);
      onUpload(path, fingerprint, upload.wireBytes, state);
    }
  }

  /** Rejects when the connection ends before the last byte, or when a file cannot be read. */
  async #send(
    response: ServerResponse,
    chunks: readonly OutgoingChunk[],
    upload: { wireBytes: number },
  ): Promise<void> {
    const total = chunks.reduce((sum, { length }) => sum + CHUNK_HEADER_BYTES + length, 0);
    response.writeHead(200, { "content-type": CHUNK_STREAM_TYPE, "content-length": total });
    const buffer = this.#buffers.pop() ?? new Uint8Array(SEND_BUFFER_BYTES);
    const closed = new Promise<never>((_resolve, reject) =>
      response.once("close", () => reject(new Error("the connection was closed"))),
    );
    // Only races read it; without one under way its rejection is nobody's.
    closed.catch(() => undefined);
    const filler = new BufferFiller(chunks, this.#options.packs);
    for (let left = total; left > 0;) {
      const length = filler.fill(buffer);
      const waitMs = this.#options.rateCap.reserve(length, process.hrtime.bigint());
      if (waitMs > 0) await Promise.race([delay(waitMs, undefined, { ref: false }), closed]);
      await Promise.race([write(response, buffer.subarray(0, length)), closed]);
      upload.wireBytes += length;
      left -= length;
    }
    // Given back only here: a write that was broken off may still hold the buffer.
    this.#buffers.push(buffer);
    response.end();
  }
}

/** Turns chunks into a chunk stream, a buffer at a time. */
class BufferFiller {
  readonly #chunks: readonly OutgoingChunk[];
  readonly #packs: OpenPacks;
  readonly #header = new Uint8Array(CHUNK_HEADER_BYTES);
  #index = 0;
  /** Bytes of the current chunk, header included, that were given out. */
  #done = 0;

  constructor(chunks: readonly OutgoingChunk[], packs: OpenPacks) {
    this.#chunks = chunks;
    this.#packs = packs;
  }

  /** Fills the buffer, or as much of it as is left; returns the bytes. Throws `SwarmError` `read-failed`. */
  fill(buffer: Uint8Array): number {
    let at = 0;
    while (at < buffer.length) {
      const chunk = this.#chunks[this.#index];
      if (chunk === undefined) break;
      at += this.#copy(chunk, buffer.subarray(at));
      if (this.#done < CHUNK_HEADER_BYTES + chunk.length) continue;
      this.#index++;
      this.#done = 0;
    }
    return at;
  }

  #copy(chunk: OutgoingChunk, into: Uint8Array): number {
    if (this.#done < CHUNK_HEADER_BYTES) {
      encodeChunkHeader({ chunk: chunk.chunk, codec: chunk.codec, storedLength: chunk.length }, this.#header);
      const part = this.#header.subarray(this.#done, this.#done + into.length);
      into.set(part);
      this.#done += part.length;
      return part.length;
    }
    const at = this.#done - CHUNK_HEADER_BYTES;
    const length = Math.min(into.length, chunk.length - at);
    if ("payload" in chunk) into.set(chunk.payload.subarray(at, at + length));
    else {
      const fd = typeof chunk.file === "number" ? chunk.file : this.#packs.open(chunk.file);
      readFully(fd, into.subarray(0, length), chunk.position + at);
    }
    this.#done += length;
    return length;
  }
}

function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

function refuse(response: ServerResponse, status: number, why: string): void {
  const body = `${why}\n`;
  response.writeHead(status, { "content-type": "text/plain", "content-length": body.length });
  response.end(body);
}
