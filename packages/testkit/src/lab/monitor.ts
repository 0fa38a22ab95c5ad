import { createConnection, type Socket } from "node:net";
import { LabError } from "./errors.ts";

interface Pending {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Connects to a Unix socket that its owner may still be about to make; `stillComing` false ends the attempts. */
export async function connectUnix(path: string, stillComing: () => boolean): Promise<Socket> {
  for (;;) {
    const socket = await tryConnect(path);
    if (socket !== undefined) return socket;
    if (!stillComing()) throw new LabError("ended", `nothing listens on ${path}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      // A broken connection shows as "close"; QEMU may end before anyone listens for that.
      socket.removeAllListeners("error").on("error", () => undefined);
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") return resolve(undefined);
      return reject(error);
    });
  });
}

/** A QEMU monitor (QMP): one JSON object per line each way. Events of the machine are counted by name. */
export class Monitor {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #events = new Map<string, number>();
  #nextId = 1;
  #unread = "";

  /** Takes over a connected socket; throws `LabError` "monitor" or "ended". */
  static async open(socket: Socket): Promise<Monitor> {
    const monitor = new Monitor(socket);
    await monitor.execute("qmp_capabilities");
    return monitor;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#receive(text));
    socket.on("close", () => {
      for (const pending of this.#pending.values()) {
        pending.reject(new LabError("ended", `machine ended before it answered ${pending.command}`));
      }
      this.#pending.clear();
    });
  }

  /** How often an event (such as "RESET", "SHUTDOWN") came. */
  eventCount(name: string): number {
    return this.#events.get(name) ?? 0;
  }

  /** Runs one command of the QEMU Machine Protocol and resolves with what it returns. */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#socket.destroyed) return Promise.reject(new LabError("ended", `machine has ended; ${command} not sent`));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { command, resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#unread += text;
    const lines = this.#unread.split("\n");
    this.#unread = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.#take(JSON.parse(line));
  }

  #take(message: Record<string, unknown>): void {
    const { event, id, error } = message;
    if (typeof event === "string") this.#events.set(event, this.eventCount(event) + 1);
    if (typeof id !== "number") return;
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) pending?.resolve(message["return"]);
    else pending?.reject(new LabError("monitor", `${pending.command}: ${JSON.stringify(error)}`));
  }
}
