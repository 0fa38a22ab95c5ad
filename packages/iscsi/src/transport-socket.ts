import type { Socket } from "node:net";
import type { Transport } from "./iscsi/output.ts";

/** After `end`, a peer that does not read keeps its socket no longer than this. */
const LINGER_MS = 2000;

/** A TCP connection as the {@link Transport} of an iSCSI connection. */
export class SocketTransport implements Transport {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  send(parts: readonly Uint8Array[], sent: () => void): void {
    const socket = this.#socket;
    if (parts.length === 1) {
      socket.write(parts[0] as Uint8Array, sent);
      return;
    }
    socket.cork();
    const last = parts.length - 1;
    parts.forEach((part, i) => (i === last ? socket.write(part, sent) : socket.write(part)));
    socket.uncork();
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  end(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }
}
