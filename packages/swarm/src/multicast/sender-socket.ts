import { Worker } from "node:worker_threads";
import type { FromSender, SenderStart, ToSender } from "./messages.ts";
import type { MulticastPlan } from "./plan.ts";
import { piecesOf } from "./plan.ts";
import type { SenderStats } from "./sender.ts";

/** What to send, and where. */
export interface MulticastSenderOptions {
  readonly plan: MulticastPlan;
  /** Pieces of the image. */
  readonly pieceCount: number;
  /** IPv4 address of the interface that the receivers are behind. */
  readonly interfaceAddress: string;
  /** Networks that packets may pass through; 1 when left out: none but the own. */
  readonly ttl?: number | undefined;
  /** Whether this machine hears it too; false when left out. */
  readonly loop?: boolean | undefined;
  /** It begins by itself when so many receivers have said that they hear it; never when left out. */
  readonly awaited?: number | undefined;
  /** The whole chunk stream of a piece: the same bytes each time it is asked for. A buffer of its own is handed to the sender's thread. */
  readonly readPiece: (piece: number) => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * A multicast sender in a thread of its own. From the start it says that it is there, so that receivers can find out whether they hear it; it sends when
 * they have said so, or from `begin` on, once, and repairs what is reported; it ends when nobody reports any more.
 */
export class MulticastSender {
  /** When the session is over, with what it did. Rejects when a piece cannot be read or packets cannot be sent. */
  readonly ended: Promise<SenderStats>;
  readonly #worker: Worker;
  readonly #wake = new SharedArrayBuffer(4);
  readonly #options: MulticastSenderOptions;
  readonly #settle: PromiseWithResolvers<SenderStats> = Promise.withResolvers();
  #stats: SenderStats | undefined;

  private constructor(options: MulticastSenderOptions) {
    this.#options = options;
    this.ended = this.#settle.promise;
    // Whoever waits for it gets the reason; nobody has to.
    this.ended.catch(() => undefined);
    const { plan, pieceCount, interfaceAddress, ttl = 1, loop = false, awaited } = options;
    const workerData: SenderStart = { plan, pieceCount, interfaceAddress, ttl, loop, awaited, wake: this.#wake };
    this.#worker = new Worker(new URL("./sender-worker.ts", import.meta.url), { workerData });
  }

  /** Throws `DecodeError` for a plan that does not fit, `SystemCallError` when there is no such interface. */
  static async start(options: MulticastSenderOptions): Promise<MulticastSender> {
    piecesOf(options.plan, options.pieceCount);
    const sender = new MulticastSender(options);
    const ready = Promise.withResolvers<void>();
    sender.#worker.on("message", (message: FromSender) => {
      if (message.kind === "ready") ready.resolve();
      else sender.#take(message);
    });
    sender.#worker.on("error", (error) => {
      ready.reject(error);
      sender.#settle.reject(error);
    });
    sender.#worker.on("exit", () => sender.#settle.reject(new Error("the multicast sender's thread has ended")));
    await ready.promise;
    return sender;
  }

  /** As of half a second ago at most; undefined before the first. */
  get stats(): SenderStats | undefined {
    return this.#stats;
  }

  /** Begins to send pieces. */
  begin(): void {
    this.#post({ kind: "begin" });
  }

  /** Says goodbye: receivers have the rest from peers. Resolves when the thread has ended. Idempotent. */
  async close(): Promise<void> {
    this.#post({ kind: "stop" });
    await this.ended.catch(() => undefined);
    await this.#worker.terminate();
  }

  #take(message: Exclude<FromSender, { kind: "ready" }>): void {
    switch (message.kind) {
      case "read":
        for (const piece of message.pieces) void this.#read(piece);
        return;
      case "stats":
        this.#stats = message.stats;
        return;
      case "ended":
        this.#stats = message.stats;
        this.#settle.resolve(message.stats);
    }
  }

  async #read(piece: number): Promise<void> {
    try {
      const stream = await this.#options.readPiece(piece);
      const owned = stream.length === stream.buffer.byteLength;
      this.#post({ kind: "piece", piece, stream }, owned ? [stream.buffer] : []);
    } catch (error) {
      this.#settle.reject(error);
      this.#post({ kind: "stop" });
    }
  }

  #post(message: ToSender, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
    const wake = new Int32Array(this.#wake);
    Atomics.add(wake, 0, 1);
    Atomics.notify(wake, 0);
  }
}
