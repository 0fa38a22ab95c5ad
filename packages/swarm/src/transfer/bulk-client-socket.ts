import type { OnReadOpts } from "node:net";
import { type ConnectionOptions, type SecureContext, type TLSSocket, connect } from "node:tls";
import { SwarmError } from "../errors.ts";
import { fingerprintOfCertificate } from "../identity/identity.ts";
import { IDLE_CONNECTION_MS, MAX_HEAD_BYTES, MAX_IDLE_CONNECTIONS, MAX_REFUSAL_BYTES } from "./limits.ts";
import { HEAD_END, type ResponseHead, parseResponseHead } from "./http-head.ts";
import { clientContext } from "./tls-context-socket.ts";
import type { BulkAddress } from "./transfer.ts";

/** One request on a connection: where its answer's body goes, and how it ends. Exactly one of `succeed` and `fail` is called, once. */
export interface Exchange {
  readonly path: string;
  /** The body is about to come. Throws when it cannot be what was asked for. */
  begin(bodyBytes: number): void;
  /** Where the next bytes of the body may be put; not empty. */
  space(): Uint8Array;
  /** So many bytes were put there. Throws when they are wrong. Returns for how many milliseconds no more should be read. */
  advance(length: number): number;
  /** The body is complete. Throws when something is missing. */
  end(): void;
  succeed(): void;
  fail(error: Error): void;
}

/** The own end of every connection. */
export interface ClientIdentity {
  readonly keyPem: string;
  readonly certPem: string;
}

/** Connections of one thread to bulk doors. Idle ones are kept for a while. */
export class BulkClient {
  readonly #context: SecureContext;
  readonly #idle = new Map<string, Connection[]>();
  readonly #connections = new Set<Connection>();
  /** Exchanges under way, with what aborts them. */
  readonly #active = new Map<Exchange, Connection>();

  constructor(identity: ClientIdentity) {
    this.#context = clientContext(identity);
  }

  start(exchange: Exchange, to: BulkAddress): void {
    const key = `${to.host} ${to.port} ${to.fingerprint} ${to.localAddress ?? ""}`;
    const idle = this.#idle.get(key)?.pop();
    if (idle === undefined) this.#startNew(exchange, to, key);
    else {
      // The other side may close an idle connection at the moment at which it is used: that says nothing, another one does.
      idle.start(exchange, (error, hasAnswered) => {
        this.#active.delete(exchange);
        if (hasAnswered) exchange.fail(error);
        else this.#startNew(exchange, to, key);
      });
      this.#active.set(exchange, idle);
    }
  }

  /** Ends an exchange without another word to it. */
  abort(exchange: Exchange): void {
    this.#active.get(exchange)?.drop();
    this.#active.delete(exchange);
  }

  close(): void {
    for (const connection of this.#connections) connection.drop();
  }

  #startNew(exchange: Exchange, to: BulkAddress, key: string): void {
    const connection = new Connection(to, this.#context, {
      onFree: (ended) => {
        this.#active.delete(ended);
        const list = this.#idle.get(key) ?? [];
        if (list.length >= MAX_IDLE_CONNECTIONS) return false;
        this.#idle.set(key, [...list, connection]);
        return true;
      },
      onClosed: () => {
        this.#connections.delete(connection);
        const left = (this.#idle.get(key) ?? []).filter((one) => one !== connection);
        if (left.length === 0) this.#idle.delete(key);
        else this.#idle.set(key, left);
      },
    });
    this.#connections.add(connection);
    this.#active.set(exchange, connection);
    connection.start(exchange, (error) => {
      this.#active.delete(exchange);
      exchange.fail(error);
    });
  }
}

interface ConnectionEvents {
  /** The exchange has succeeded. Returns whether the connection is to be kept. */
  readonly onFree: (ended: Exchange) => boolean;
  readonly onClosed: () => void;
}

type OnFailed = (error: Error, hasAnswered: boolean) => void;

/**
 * One TLS connection, one exchange at a time. HTTP/1.1 as far as the bulk door speaks it: answers have a Content-Length. TLS hands its
 * plaintext out into a buffer of ours, so the bytes of a chunk are put where they are hashed and written from, without a copy on the way.
 */
class Connection {
  readonly #to: BulkAddress;
  readonly #events: ConnectionEvents;
  readonly #socket: TLSSocket;
  readonly #head = new Uint8Array(MAX_HEAD_BYTES);
  #headLength = 0;
  #state: "idle" | "head" | "body" | "refusal" | "closed" = "idle";
  #response: ResponseHead | undefined;
  #bodyLeft = 0;
  #isSecure = false;
  #exchange: Exchange | undefined;
  #onFailed: OnFailed = () => undefined;

  constructor(to: BulkAddress, secureContext: SecureContext, events: ConnectionEvents) {
    this.#to = to;
    this.#events = events;
    // tls.connect takes `onread` as net.connect does; the types do not know.
    const options: ConnectionOptions & { readonly onread: OnReadOpts } = {
      secureContext,
      host: to.host,
      port: to.port,
      ...(to.localAddress === undefined ? {} : { localAddress: to.localAddress }),
      // The fingerprint decides, see #secured.
      rejectUnauthorized: false,
      onread: {
        buffer: () => this.#space(),
        callback: (length) => this.#received(length),
      },
    };
    this.#socket = connect(options);
    this.#socket.setNoDelay(true);
    this.#socket.once("secureConnect", () => this.#secured());
    this.#socket.on("error", (error) => this.#fail(this.#unreachable(error.message, error)));
    this.#socket.on("end", () => this.#fail(this.#unreachable("closed by the other side")));
    this.#socket.on("close", () => {
      this.#fail(this.#unreachable("closed"));
      this.#events.onClosed();
    });
    this.#socket.on("timeout", () => this.drop());
  }

  start(exchange: Exchange, onFailed: OnFailed): void {
    this.#exchange = exchange;
    this.#onFailed = onFailed;
    this.#headLength = 0;
    this.#response = undefined;
    this.#state = "head";
    this.#socket.setTimeout(0);
    if (this.#isSecure) this.#send();
  }

  /** Closes without telling the exchange. */
  drop(): void {
    this.#state = "closed";
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  #secured(): void {
    const certificate = this.#socket.getPeerX509Certificate();
    const got = certificate === undefined ? "no certificate" : fingerprintOfCertificate(certificate.raw);
    if (got !== this.#to.fingerprint) {
      this.#fail(this.#unreachable(`its key is ${got}, expected ${this.#to.fingerprint}`));
      return;
    }
    this.#isSecure = true;
    if (this.#state === "head") this.#send();
  }

  #send(): void {
    const { host } = this.#to;
    const name = host.includes(":") ? `[${host}]` : host;
    this.#socket.write(`GET ${this.#exchange?.path} HTTP/1.1\r\nHost: ${name}:${this.#to.port}\r\n\r\n`, "latin1");
  }

  #space(): Uint8Array {
    if (this.#state === "body" && this.#exchange !== undefined) {
      const space = this.#exchange.space();
      return space.length > this.#bodyLeft ? space.subarray(0, this.#bodyLeft) : space;
    }
    return this.#state === "head" ? this.#head.subarray(this.#headLength) : this.#head;
  }

  /** Returns false when no more should be read for now. */
  #received(length: number): boolean {
    try {
      if (this.#state === "head") return this.#receivedHead(length);
      if (this.#state === "body") return this.#receivedBody(length);
      if (this.#state === "refusal") this.#receivedRefusal(length);
      // Bytes that nobody asked for.
      else if (this.#state === "idle") this.drop();
      return true;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return true;
    }
  }

  #receivedHead(length: number): boolean {
    this.#headLength += length;
    const text = Buffer.from(this.#head.buffer, 0, this.#headLength);
    const at = text.indexOf(HEAD_END);
    if (at < 0) {
      if (this.#headLength === this.#head.length)
        throw this.#wrong(`no end of its answer's head in ${MAX_HEAD_BYTES} bytes`);
      return true;
    }
    this.#response = parseResponseHead(text.toString("latin1", 0, at));
    if (this.#response === undefined) throw this.#wrong("its answer is not HTTP/1.1 with a Content-Length");
    const { status, contentLength } = this.#response;
    const bodyAt = at + HEAD_END.length;
    this.#bodyLeft = contentLength;
    if (status !== 200) {
      if (contentLength > MAX_REFUSAL_BYTES) throw this.#refused(status);
      this.#state = "refusal";
      this.#receivedRefusal(this.#headLength - bodyAt);
      return true;
    }
    this.#exchange?.begin(contentLength);
    this.#state = "body";
    return this.#copyBody(this.#head.subarray(bodyAt, this.#headLength));
  }

  /** The bytes that came behind the head: the only ones that are copied. */
  #copyBody(bytes: Uint8Array): boolean {
    if (bytes.length > this.#bodyLeft) throw this.#wrong("its answer is longer than it said");
    let isWanted = true;
    for (let at = 0; at < bytes.length;) {
      const space = this.#space();
      const part = bytes.subarray(at, at + space.length);
      space.set(part);
      at += part.length;
      isWanted = this.#receivedBody(part.length);
    }
    if (this.#bodyLeft === 0 && this.#state === "body") this.#complete();
    return isWanted;
  }

  #receivedBody(length: number): boolean {
    this.#bodyLeft -= length;
    const pauseMs = this.#exchange?.advance(length) ?? 0;
    if (this.#bodyLeft === 0) this.#complete();
    if (pauseMs <= 0) return true;
    setTimeout(() => this.#socket.resume(), pauseMs).unref();
    return false;
  }

  #receivedRefusal(length: number): void {
    this.#bodyLeft -= length;
    if (this.#bodyLeft > 0) return;
    const exchange = this.#exchange;
    const error = this.#refused(this.#response?.status ?? 0);
    this.#free();
    exchange?.fail(error);
  }

  #complete(): void {
    const exchange = this.#exchange;
    exchange?.end();
    this.#free();
    exchange?.succeed();
  }

  #free(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#headLength = 0;
    this.#state = "idle";
    const isKept = exchange !== undefined && this.#events.onFree(exchange);
    if (!isKept || this.#response?.closes === true) this.drop();
    else this.#socket.setTimeout(IDLE_CONNECTION_MS);
  }

  #fail(error: Error): void {
    if (this.#state === "closed") return;
    const exchange = this.#exchange;
    const hasAnswered = this.#response !== undefined || this.#headLength > 0;
    this.drop();
    if (exchange !== undefined) this.#onFailed(error, hasAnswered);
  }

  #unreachable(why: string, cause?: Error): SwarmError {
    return new SwarmError("unreachable", `${this.#to.host}:${this.#to.port}: ${why}`, { cause });
  }

  #refused(status: number): SwarmError {
    return new SwarmError("refused", `${this.#to.host}:${this.#to.port} answered ${status}`, { status });
  }

  #wrong(why: string): SwarmError {
    return new SwarmError("wrong-bytes", `${this.#to.host}:${this.#to.port}: ${why}`);
  }
}
