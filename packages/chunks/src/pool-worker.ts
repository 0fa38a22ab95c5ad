import { Worker } from "node:worker_threads";
import type { CodecAnswers, CodecRequest, CodecResponse, CodecTask } from "./codec-tasks.ts";
import { ChunkError } from "./errors.ts";

interface Waiting {
  readonly task: CodecTask;
  readonly resolve: (answer: CodecAnswers[CodecTask["kind"]]) => void;
  readonly reject: (error: Error) => void;
}

interface Lane {
  readonly worker: Worker;
  current: Waiting | undefined;
}

/**
 * A few threads that hash, compress and open chunks, so that the event loop does not. Threads start when they are first needed.
 * Urgent tasks (somebody waits for a read) go before the others. The pool does not keep the process alive by itself.
 */
export class CodecPool {
  readonly #limit: number;
  readonly #lanes: Lane[] = [];
  readonly #urgent: Waiting[] = [];
  readonly #normal: Waiting[] = [];
  #closed = false;

  /** `threads`: at least 1. */
  constructor(threads: number) {
    this.#limit = Math.max(1, threads);
  }

  /** Runs a task; its bytes are moved to the worker when they fill their buffer, else copied. */
  run<T extends CodecTask>(task: T, urgent = false): Promise<CodecAnswers[T["kind"]]> {
    if (this.#closed) return Promise.reject(new ChunkError("closed", "the chunk store is closed"));
    return new Promise<CodecAnswers[CodecTask["kind"]]>((resolve, reject) => {
      (urgent ? this.#urgent : this.#normal).push({ task, resolve, reject });
      this.#dispatch();
    }) as Promise<CodecAnswers[T["kind"]]>;
  }

  /** Ends the threads; tasks under way fail with `closed`. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const lanes = this.#lanes.splice(0);
    const waiting = [...this.#urgent.splice(0), ...this.#normal.splice(0)];
    for (const lane of lanes) if (lane.current !== undefined) waiting.push(lane.current);
    for (const one of waiting) one.reject(new ChunkError("closed", "the chunk store was closed"));
    await Promise.all(lanes.map((lane) => lane.worker.terminate()));
  }

  #dispatch(): void {
    while (this.#urgent.length + this.#normal.length > 0) {
      const lane = this.#lanes.find((one) => one.current === undefined) ?? this.#addLane();
      if (lane === undefined) return;
      const waiting = this.#urgent.shift() ?? this.#normal.shift();
      if (waiting === undefined) return;
      lane.current = waiting;
      lane.worker.ref();
      const { bytes } = waiting.task;
      // Sending a view copies the whole buffer behind it, so a view is made a buffer of its own first.
      const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
      lane.worker.postMessage({ task: { ...waiting.task, bytes: whole } } satisfies CodecRequest, [whole.buffer]);
    }
  }

  #addLane(): Lane | undefined {
    if (this.#lanes.length >= this.#limit) return undefined;
    const lane: Lane = { worker: new Worker(new URL("./codec-worker.ts", import.meta.url)), current: undefined };
    lane.worker.on("message", (response: CodecResponse) => this.#settle(lane, response));
    lane.worker.on("error", (error: Error) => this.#lost(lane, error));
    this.#lanes.push(lane);
    return lane;
  }

  #settle(lane: Lane, response: CodecResponse): void {
    const waiting = lane.current;
    lane.current = undefined;
    lane.worker.unref();
    if (response.answer === undefined) waiting?.reject(new Error(`codec worker: ${response.failure}`));
    else waiting?.resolve(response.answer);
    this.#dispatch();
  }

  /** A thread died (out of memory, a bug): its task fails, the next task starts a new thread. */
  #lost(lane: Lane, error: Error): void {
    const at = this.#lanes.indexOf(lane);
    if (at >= 0) this.#lanes.splice(at, 1);
    lane.current?.reject(error);
    lane.current = undefined;
    this.#dispatch();
  }
}
