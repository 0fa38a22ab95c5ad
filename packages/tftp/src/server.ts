import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { DecodeError } from "@ingot/wire";
import { Delivery } from "./delivery.ts";
import type { ClientLink, Clock, TransferReport } from "./delivery.ts";
import { TftpError } from "./errors.ts";
import type { TftpClient, TftpCounts, TftpServerEvent } from "./events.ts";
import type { TftpFiles } from "./files.ts";
import { DEFAULT_LIMITS, MAX_BLKSIZE, MAX_REQUEST_BYTES, MAX_WINDOWSIZE, MIN_BLKSIZE } from "./limits.ts";
import type { TftpLimits } from "./limits.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import type { RequestPacket } from "./packet.ts";
import { decideRequest } from "./request.ts";
import type { RequestDecision } from "./request.ts";

/** The well-known port (RFC 1350 §4). */
const TFTP_PORT = 69;

/** How a server is set up. */
export interface TftpServerOptions {
  readonly files: TftpFiles;
  /** The address to listen on; answers come from it too. `0.0.0.0` listens on all and lets the route choose. */
  readonly address: string;
  /** Default 69; 0 lets the system choose. */
  readonly port?: number;
  readonly limits?: Partial<TftpLimits>;
  /** Told of everything that happens, at once. MUST not throw. */
  readonly onEvent?: (event: TftpServerEvent) => void;
}

/** A running server. */
export interface TftpServer {
  readonly address: string;
  readonly port: number;
  /** How often each kind of event has happened since the start. */
  counts(): TftpCounts;
  /** Transfers under way. */
  readonly activeTransfers: number;
  /** Ends every transfer (clients get ERROR 0) and resolves when sockets, timers and files are gone. Idempotent. */
  close(): Promise<void>;
}

const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Opens a read-only TFTP server.
 *
 * @throws {TftpError} `limitInvalid` or `listenFailed`, whose cause is the system's error.
 */
export async function openTftpServer(options: TftpServerOptions): Promise<TftpServer> {
  const limits = checkedLimits({ ...DEFAULT_LIMITS, ...options.limits });
  const socket = newSocket(options.address);
  await bindTo(socket, options.address, options.port ?? TFTP_PORT);
  return new Server(socket, options.address, options.files, limits, options.onEvent ?? (() => undefined));
}

interface Slot {
  readonly client: TftpClient;
  /** The request's bytes as text, to know a repeated request from a new one. */
  readonly request: string;
  delivery: Delivery | undefined;
  replaced: boolean;
}

class Server implements TftpServer {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #files: TftpFiles;
  readonly #limits: TftpLimits;
  readonly #onEvent: (event: TftpServerEvent) => void;
  readonly #counts = { requested: 0, completed: 0, probed: 0, failed: 0, refused: 0, garbage: 0 };
  /** By client address and port; a slot is taken from the request on, before the file is open. */
  readonly #slots = new Map<string, Slot>();
  readonly #perAddress = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  #closing: Promise<void> | undefined;

  constructor(
    socket: Socket,
    address: string,
    files: TftpFiles,
    limits: TftpLimits,
    onEvent: (event: TftpServerEvent) => void,
  ) {
    this.#socket = socket;
    this.address = address;
    this.port = socket.address().port;
    this.#files = files;
    this.#limits = limits;
    this.#onEvent = onEvent;
    socket.on("message", (bytes, remote) => this.#receive(bytes, remote));
    // ICMP errors that answers to earlier clients provoked are reported here; they end nothing.
    socket.on("error", () => undefined);
  }

  get activeTransfers(): number {
    return this.#slots.size;
  }

  counts(): TftpCounts {
    return { ...this.#counts };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await closeSocket(this.#socket);
    for (const slot of this.#slots.values()) {
      slot.replaced = true;
      slot.delivery?.receive({ kind: "gone", reason: "serverClosed" });
    }
    await Promise.all(this.#running);
  }

  #emit(event: TftpServerEvent): void {
    this.#counts[event.kind] += 1;
    this.#onEvent(event);
  }

  #receive(bytes: Uint8Array, remote: RemoteInfo): void {
    const client = { address: remote.address, port: remote.port };
    try {
      if (bytes.length > MAX_REQUEST_BYTES) {
        this.#emit({ kind: "garbage", client, message: `${bytes.length} bytes, at most ${MAX_REQUEST_BYTES}` });
        return;
      }
      const packet = decodePacket(bytes);
      if (packet.kind !== "rrq" && packet.kind !== "wrq") {
        // Not answered: two servers that answer each other's errors would never stop (RFC 1350 §7).
        this.#emit({ kind: "garbage", client, message: `${packet.kind} outside of a transfer` });
        return;
      }
      this.#admit(packet, client, Buffer.from(bytes).toString("latin1"));
    } catch (error) {
      if (!(error instanceof DecodeError)) {
        throw error;
      }
      this.#emit({ kind: "garbage", client, message: error.message });
    }
  }

  #admit(packet: RequestPacket, client: TftpClient, request: string): void {
    const key = `${client.address} ${client.port}`;
    const present = this.#slots.get(key);
    if (present !== undefined) {
      const repeated = present.request === request && present.delivery?.stalled !== true;
      if (repeated) {
        present.delivery?.receive({ kind: "repeated" });
        return;
      }
      // The client has started over from the same port: its old transfer is of no use to it.
      present.replaced = true;
      this.#release(key, present);
      present.delivery?.replace();
    }
    const ofAddress = this.#perAddress.get(client.address) ?? 0;
    if (this.#slots.size >= this.#limits.maxTransfers || ofAddress >= this.#limits.maxTransfersPerClient) {
      const message = `${this.#slots.size} transfers under way, ${ofAddress} of them for this client`;
      this.#emit({ kind: "refused", client, filename: undefined, reason: "busy", message });
      return;
    }
    const slot: Slot = { client, request, delivery: undefined, replaced: false };
    this.#slots.set(key, slot);
    this.#perAddress.set(client.address, ofAddress + 1);
    // The packet's bytes belong to the socket; what is used after this call is copied.
    const kept = { ...packet, filename: packet.filename.slice() };
    const running = this.#serve(kept, slot)
      .catch((cause: unknown) => {
        // No socket or no memory left, or a fault of the file's owner: this request fails, the others go on.
        const message = cause instanceof Error ? cause.message : String(cause);
        this.#emit({ kind: "refused", client, filename: undefined, reason: "internal", message });
      })
      .finally(() => {
        this.#release(key, slot);
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  #release(key: string, slot: Slot): void {
    if (this.#slots.get(key) !== slot) {
      return;
    }
    this.#slots.delete(key);
    const left = (this.#perAddress.get(slot.client.address) ?? 1) - 1;
    if (left === 0) {
      this.#perAddress.delete(slot.client.address);
    } else {
      this.#perAddress.set(slot.client.address, left);
    }
  }

  async #serve(packet: RequestPacket, slot: Slot): Promise<void> {
    const { client } = slot;
    const decision = await decideRequest(packet, this.#files, this.#limits);
    if (decision.kind === "refuse") {
      const { filename, reason, code, message, detail } = decision;
      this.#emit({ kind: "refused", client, filename, reason, message: detail });
      await this.#sendError(client, code, message);
      return;
    }
    try {
      if (!slot.replaced) {
        await this.#deliver(decision, slot);
      }
    } finally {
      await decision.file.close();
    }
  }

  /** One ERROR from a port of its own, as any answer to a request comes from one (RFC 1350 §4). */
  async #sendError(client: TftpClient, code: number, message: string): Promise<void> {
    const socket = await this.#openTransferSocket(client);
    const sent = new Promise((resolve) => {
      socket.send(encodePacket({ kind: "error", code, message }), resolve);
    });
    await sent;
    await closeSocket(socket);
  }

  async #deliver(decision: RequestDecision & { kind: "serve" }, slot: Slot): Promise<void> {
    const { client } = slot;
    const { filename, file, plan, acknowledged } = decision;
    const { blksize, windowsize } = plan.parameters;
    this.#emit({ kind: "requested", client, filename, sizeBytes: plan.sizeBytes, blksize, windowsize });
    const socket = await this.#openTransferSocket(client);
    const { promise: ended, resolve: onEnd } = Promise.withResolvers<TransferReport>();
    const delivery = new Delivery({ plan, acknowledged, file, link: linkOf(socket), clock: systemClock, onEnd });
    slot.delivery = delivery;
    // The kernel delivers only what comes from the client's own port: other transfer identifiers cannot disturb.
    socket.on("message", (bytes) => {
      try {
        delivery.receivePacket(bytes);
      } catch (error) {
        if (!(error instanceof DecodeError)) {
          throw error;
        }
        this.#emit({ kind: "garbage", client, message: error.message });
      }
    });
    // A connected socket reports the ICMP "port unreachable" of a client that has gone.
    socket.on("error", () => delivery.receive({ kind: "gone", reason: "peerGone" }));
    delivery.start();
    if (slot.replaced) {
      delivery.replace();
    }
    const { outcome, ...figures } = await ended;
    await delivery.settled();
    await closeSocket(socket);
    this.#emit({ ...outcome, client, filename, ...figures });
  }

  async #openTransferSocket(client: TftpClient): Promise<Socket> {
    const socket = newSocket(this.address);
    await bindTo(socket, this.address, 0);
    try {
      socket.connect(client.port, client.address);
      await once(socket, "connect");
    } catch (cause) {
      await closeSocket(socket);
      throw cause;
    }
    return socket;
  }
}

/** How long to wait between two looks at a socket's send queue, in milliseconds. */
const QUEUE_POLL_MS = 1;

function linkOf(socket: Socket): ClientLink {
  return {
    send(packet) {
      socket.send(packet);
    },
    drained() {
      return socket.getSendQueueCount() === 0 ? undefined : queueEmpty(socket);
    },
  };
}

async function queueEmpty(socket: Socket): Promise<void> {
  while (socket.getSendQueueCount() > 0) {
    await new Promise((resolve) => setTimeout(resolve, QUEUE_POLL_MS));
  }
}

function newSocket(address: string): Socket {
  return createSocket({ type: isIPv6(address) ? "udp6" : "udp4" });
}

async function bindTo(socket: Socket, address: string, port: number): Promise<void> {
  try {
    socket.bind({ address, port, exclusive: true });
    await once(socket, "listening");
  } catch (cause) {
    await closeSocket(socket);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TftpError("listenFailed", `TFTP cannot listen on ${address}:${port}: ${reason}`, { cause });
  }
}

async function closeSocket(socket: Socket): Promise<void> {
  const closed = once(socket, "close");
  socket.close();
  await closed;
}

function checkedLimits(limits: TftpLimits): TftpLimits {
  const ranges: Record<keyof TftpLimits, readonly [number, number]> = {
    maxBlksize: [MIN_BLKSIZE, MAX_BLKSIZE],
    maxWindowsize: [1, MAX_WINDOWSIZE],
    maxTransfers: [1, Number.MAX_SAFE_INTEGER],
    maxTransfersPerClient: [1, Number.MAX_SAFE_INTEGER],
  };
  for (const [name, [minimum, maximum]] of Object.entries(ranges)) {
    const value = limits[name as keyof TftpLimits];
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw new TftpError("limitInvalid", `TFTP limit ${name} is ${value}, expected ${minimum} to ${maximum}`);
    }
  }
  return limits;
}
