import { Worker } from "node:worker_threads";
import type { PieceMap } from "../piece-map.ts";
import type { PieceSet } from "../piece-set.ts";
import { CHUNK_HEADER_BYTES } from "../transfer/chunk-stream.ts";
import type { FromReceiver, ReceiverStart, ToReceiver } from "./messages.ts";
import type { MulticastPlan } from "./plan.ts";
import { piecesOf } from "./plan.ts";
import type { EndReason, ReceiverStats } from "./receiver.ts";
import { wholeChunksOf } from "./whole-chunks.ts";

/** What to receive, and where to put it. */
export interface MulticastReceiverOptions {
  readonly plan: MulticastPlan;
  /** IPv4 address of the interface that the sender is behind. */
  readonly interfaceAddress: string;
  readonly pieceMap: PieceMap;
  /** Pieces that are lacking; copied. */
  readonly wanted: PieceSet;
  /** Bytes of pieces that are incomplete or being written; 64 MiB when left out. What does not fit is lost. */
  readonly maxBufferedBytes?: number | undefined;
  /**
   * A chunk stream, not verified: of the whole piece, or of these chunks of it, ascending, when the rest was lost. The buffer is the callee's; it counts as
   * used until the promise settles, with the buffer where it may be used again. A rejection makes the piece a lost one.
   */
  readonly onPiece: (
    piece: number,
    stream: Uint8Array<ArrayBuffer>,
    chunks: readonly number[] | undefined,
  ) => Promise<ArrayBuffer | undefined>;
  /** These pieces do not come this way any more: peers have them. */
  readonly onLost: (pieces: readonly number[]) => void;
  /** Nothing was heard for 5 s; everything that had not come was told as lost before. Then the session is over. */
  readonly onSilent?: (() => void) | undefined;
}

/** How a session ended, and what it brought. */
export interface ReceiverEnd {
  readonly reason: EndReason | "stopped";
  readonly stats: ReceiverStats;
}

/** A multicast receiver in a thread of its own. Of every wanted piece it says once that it is there, or that it is lost, unless it is closed before. */
export class MulticastReceiver {
  /** When the session is over and the last piece was taken. Rejects when the thread fails. */
  readonly ended: Promise<ReceiverEnd>;
  readonly #worker: Worker;
  readonly #options: MulticastReceiverOptions;
  readonly #stop = new SharedArrayBuffer(4);
  readonly #settle: PromiseWithResolvers<ReceiverEnd> = Promise.withResolvers();
  readonly #taking = new Set<Promise<void>>();
  #stats: ReceiverStats | undefined;
  /** Whether the thread has said how it ended. */
  #over = false;

  private constructor(options: MulticastReceiverOptions) {
    const { plan, interfaceAddress, pieceMap, wanted, maxBufferedBytes } = options;
    this.#options = options;
    this.ended = this.#settle.promise;
    // Whoever waits for it gets the reason; nobody has to.
    this.ended.catch(() => undefined);
    const pieces = Array.from({ length: pieceMap.pieceCount }, (_unused, piece) => piece);
    const workerData: ReceiverStart = {
      plan,
      interfaceAddress,
      maxStreamBytes: Uint32Array.from(pieces, (piece) => maxStreamBytes(pieceMap, piece)),
      wanted: Uint32Array.from(pieces.filter((piece) => wanted.has(piece))),
      maxBufferedBytes,
      stop: this.#stop,
    };
    this.#worker = new Worker(new URL("./receiver-worker.ts", import.meta.url), { workerData });
  }

  /** Listens once it resolves. Throws `DecodeError` for a plan that does not fit the image, `SystemCallError` when there is no such interface. */
  static async start(options: MulticastReceiverOptions): Promise<MulticastReceiver> {
    piecesOf(options.plan, options.pieceMap.pieceCount);
    const receiver = new MulticastReceiver(options);
    const ready = Promise.withResolvers<void>();
    receiver.#worker.on("message", (message: FromReceiver) => {
      if (message.kind === "ready") ready.resolve();
      else receiver.#take(message);
    });
    receiver.#worker.on("error", (error) => {
      ready.reject(error);
      receiver.#settle.reject(error);
    });
    receiver.#worker.on("exit", () => {
      if (!receiver.#over) receiver.#settle.reject(new Error("the multicast receiver's thread has ended"));
    });
    await ready.promise;
    return receiver;
  }

  /** As of half a second ago at most; undefined before the first. */
  get stats(): ReceiverStats | undefined {
    return this.#stats;
  }

  /** These pieces were had otherwise. */
  forget(pieces: readonly number[]): void {
    this.#post({ kind: "forget", pieces });
  }

  /** Stops listening. Resolves when the thread has ended. Idempotent. */
  async close(): Promise<void> {
    Atomics.store(new Int32Array(this.#stop), 0, 1);
    await this.ended.catch(() => undefined);
    await this.#worker.terminate();
  }

  #take(message: Exclude<FromReceiver, { kind: "ready" }>): void {
    switch (message.kind) {
      case "piece":
        this.#hand(message.piece, message.stream, undefined);
        return;
      case "beginning": {
        const whole = wholeChunksOf(message.stream, this.#options.pieceMap.chunksOf(message.piece));
        if (whole.chunks.length > 0) this.#hand(message.piece, message.stream.slice(0, whole.bytes), whole.chunks);
        return;
      }
      case "lost":
        this.#options.onLost(message.pieces);
        return;
      case "stats":
        this.#stats = message.stats;
        return;
      case "end":
        this.#stats = message.stats;
        this.#over = true;
        void this.#end(message);
    }
  }

  #hand(piece: number, stream: Uint8Array<ArrayBuffer>, chunks: readonly number[] | undefined): void {
    const bytes = stream.length;
    const taken = this.#options
      .onPiece(piece, stream, chunks)
      .catch(() => {
        // What is not whole was told as lost anyway.
        if (chunks === undefined) this.#options.onLost([piece]);
        return undefined;
      })
      .then((buffer) => {
        this.#taking.delete(taken);
        if (chunks === undefined) this.#post({ kind: "release", bytes, buffer }, buffer === undefined ? [] : [buffer]);
      });
    this.#taking.add(taken);
  }

  async #end({ reason, stats }: ReceiverEnd): Promise<void> {
    await Promise.all(this.#taking);
    if (reason === "silent") this.#options.onSilent?.();
    this.#settle.resolve({ reason, stats });
  }

  #post(message: ToReceiver, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}

/** Every chunk with its header, none of them compressed. */
function maxStreamBytes(pieceMap: PieceMap, piece: number): number {
  const { first, end } = pieceMap.chunksOf(piece);
  return pieceMap.plainBytesOf(piece) + (end - first) * CHUNK_HEADER_BYTES;
}
