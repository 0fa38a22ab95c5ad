import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type Server, type TLSSocket, createServer } from "node:tls";
import { SwarmError } from "../errors.ts";
import { fingerprintOfCertificate } from "../identity/identity.ts";
import { CHUNK_STREAM_TYPE } from "./chunk-stream.ts";
import { HEAD_END, parseRequestHead } from "./http-head.ts";
import type { OpenPacks, OutgoingChunk } from "./image-file.ts";
import {
  HANDSHAKE_MS,
  IDLE_CONNECTION_MS,
  MAX_CONNECTIONS,
  MAX_HEAD_BYTES,
  SEND_BUFFER_BYTES,
  UPLOAD_STALL_MS,
} from "./limits.ts";
import { type PiecePath, parsePiecePath } from "./piece-path.ts";
import type { RateCap } from "./rate-cap.ts";
import { StreamFile, streamBytesOf } from "./stream-file.ts";
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

/**
 * A thread's share of the bulk door: HTTP/1.1 over TLS that gives the pieces of an image to those whose key was allowed for it. Not `node:https`, whose requests
 * and responses cost more than sending a small piece does: there is one method, no body, and every answer has a length.
 */
export class BulkServer {
  readonly #options: BulkServerOptions;
  readonly #server: Server;
  /** By image: the keys of those that may have it. */
  readonly #members = new Map<string, Set<string>>();
  readonly #connections = new Set<Connection>();
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
        handshakeTimeout: HANDSHAKE_MS,
        noDelay: true,
      },
      (socket) => this.#accept(socket),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Listens beside the other threads, and returns the port. */
  async listen(address: string, port: number): Promise<number> {
    this.#server.listen({ host: address, port, reusePort: true });
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  allow(fingerprint: string, manifestId: string): void {
    const members = this.#members.get(manifestId);
    if (members === undefined) this.#members.set(manifestId, new Set([fingerprint]));
    else members.add(fingerprint);
  }

  /** Also ends its connections. */
  disallow(fingerprint: string, manifestId: string): void {
    this.#members.get(manifestId)?.delete(fingerprint);
    for (const connection of this.#connections) if (connection.fingerprint === fingerprint) connection.destroy();
  }

  /** Ends the uploads of an image; nobody may have it any more. */
  closeImage(manifestId: string): void {
    this.#members.delete(manifestId);
    for (const connection of this.#connections) if (connection.uploading === manifestId) connection.destroy();
  }

  #accept(socket: TLSSocket): void {
    const connection = new Connection(socket, (text) => this.#answer(connection, text));
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
  }

  async #answer(connection: Connection, text: string): Promise<void> {
    const { fingerprint } = connection;
    if (!this.#members.values().some((keys) => keys.has(fingerprint))) {
      return connection.refuse("403 Forbidden", "unknown key", true);
    }
    const request = parseRequestHead(text);
    if (request === undefined) return connection.refuse("400 Bad Request", "expected a GET without a body", true);
    const { method, target, closes } = request;
    if (method !== "GET") return connection.refuse("405 Method Not Allowed", "only GET", closes, "Allow: GET\r\n");
    const path = parsePiecePath(target);
    if (path === undefined) {
      return connection.refuse("404 Not Found", "expected /images/<manifest id>/pieces/<number>", closes);
    }
    // Who is not in its swarm does not learn whether the image is here.
    if (this.#members.get(path.manifestId)?.has(fingerprint) !== true) {
      return connection.refuse("403 Forbidden", "not for this key", closes);
    }
    const { uploads, maxUploads, onUpload } = this.#options;
    if (Atomics.add(uploads, 0, 1) >= maxUploads) {
      Atomics.sub(uploads, 0, 1);
      return connection.refuse("503 Service Unavailable", "too many uploads", closes);
    }
    connection.uploading = path.manifestId;
    const upload = { wireBytes: 0 };
    let state: "ended" | "failed" = "failed";
    try {
      const chunks = await this.#options.plan(path);
      if (chunks === undefined) return connection.refuse("404 Not Found", "not here", closes);
      await this.#send(connection, chunks, closes, upload);
      state = "ended";
    } catch (error) {
      if (!(error instanceof SwarmError)) throw error;
      // What the disk refuses is told as long as it can be.
      if (error.code === "read-failed" && upload.wireBytes === 0) {
        return connection.refuse("500 Internal Server Error", error.message, closes);
      }
      connection.destroy();
    } finally {
      Atomics.sub(uploads, 0, 1);
      connection.uploading = undefined;
      onUpload(path, fingerprint, upload.wireBytes, state);
    }
  }

  /** Throws `SwarmError`: `unreachable` when the connection ends before the last byte, `read-failed`. */
  async #send(
    connection: Connection,
    chunks: readonly OutgoingChunk[],
    closes: boolean,
    upload: { wireBytes: number },
  ): Promise<void> {
    const total = streamBytesOf(chunks);
    const stream = new StreamFile(chunks, this.#options.packs);
    const buffer = this.#buffers.pop() ?? new Uint8Array(SEND_BUFFER_BYTES);
    const head = headOf("200 OK", CHUNK_STREAM_TYPE, total, closes);
    // The head goes with the first bytes: one TLS record less.
    let at = new TextEncoder().encodeInto(head, buffer).written;
    for (let left = total; left > 0; at = 0) {
      connection.throwIfGone();
      const length = stream.read(buffer.subarray(at));
      const waitMs = this.#options.rateCap.reserve(length, process.hrtime.bigint());
      if (waitMs > 0) await delay(waitMs, undefined, { ref: false });
      await connection.write(buffer.subarray(0, at + length));
      upload.wireBytes += length;
      left -= length;
    }
    // Given back only here: a write that was broken off may still hold the buffer.
    this.#buffers.push(buffer);
    if (closes) connection.end();
  }
}

/** One client. Requests are answered one after the other, in the order in which they came. */
class Connection {
  /** Of the client's key; empty when it showed none. */
  readonly fingerprint: string;
  /** The image that is being sent. */
  uploading: string | undefined;
  readonly #socket: TLSSocket;
  readonly #answer: (head: string) => Promise<void>;
  #received = "";
  #isAnswering = false;

  constructor(socket: TLSSocket, answer: (head: string) => Promise<void>) {
    const certificate = socket.getPeerX509Certificate();
    this.fingerprint = certificate === undefined ? "" : fingerprintOfCertificate(certificate.raw);
    this.#socket = socket;
    this.#answer = answer;
    socket.setTimeout(2 * IDLE_CONNECTION_MS, () => socket.destroy());
    // A connection that fails is closed by that: nobody needs to hear of it.
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => this.#hear(bytes));
  }

  /** Resolves when the bytes have gone to the system. Throws `SwarmError` `unreachable`. */
  async write(bytes: Uint8Array): Promise<void> {
    this.throwIfGone();
    await new Promise<void>((resolve) => this.#socket.write(bytes, () => resolve()));
    this.throwIfGone();
  }

  throwIfGone(): void {
    if (this.#socket.destroyed) throw new SwarmError("unreachable", "the client has gone");
  }

  refuse(status: string, why: string, closes: boolean, fields = ""): void {
    const body = `${why}\n`;
    if (this.#socket.destroyed) return;
    this.#socket.write(headOf(status, "text/plain", Buffer.byteLength(body), closes, fields) + body);
    if (closes) this.end();
  }

  /** Closes behind what was written. */
  end(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #hear(bytes: Buffer): void {
    this.#received += bytes.toString("latin1");
    if (this.#received.length > MAX_HEAD_BYTES) this.destroy();
    else if (!this.#isAnswering) void this.#answerAll();
  }

  async #answerAll(): Promise<void> {
    this.#isAnswering = true;
    for (let end; (end = this.#received.indexOf(HEAD_END)) >= 0 && !this.#socket.writableEnded;) {
      const head = this.#received.slice(0, end);
      this.#received = this.#received.slice(end + HEAD_END.length);
      this.#socket.setTimeout(UPLOAD_STALL_MS);
      await this.#answer(head);
      this.#socket.setTimeout(2 * IDLE_CONNECTION_MS);
    }
    this.#isAnswering = false;
  }
}

function headOf(status: string, type: string, length: number, closes: boolean, fields = ""): string {
  const connection = closes ? "Connection: close\r\n" : "";
  return `HTTP/1.1 ${status}\r\n${connection}${fields}Content-Type: ${type}\r\nContent-Length: ${length}${HEAD_END}`;
}
