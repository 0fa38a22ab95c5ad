import { Worker } from "node:worker_threads";
import { type HandedConnection, isClaimed, type Portal, takeBack } from "@ingot/iscsi";
import { type LinkMessage, type TaskHandlers, ThreadLink } from "./thread-link.ts";
import {
  type MainTasks,
  ThreadError,
  type ToMain,
  type ToWorker,
  type WorkerSettings,
  type WorkerTasks,
} from "./worker-messages.ts";

/** What the main thread does with what a thread says. */
export interface WorkerThreadHandlers {
  readonly tasks: TaskHandlers<MainTasks>;
  onMessage(message: Exclude<ToMain, { kind: "ready" }>): void;
  /** The thread has ended, by itself or by `terminate`; everything that was asked of it has been rejected. Called once. */
  onEnd(error: Error): void;
}

/** One run of a thread that serves iSCSI, as the main thread holds it. */
export class WorkerThread {
  readonly settings: WorkerSettings;
  /** Resolves when it serves; rejects when it ended before. */
  readonly ready: Promise<void>;
  readonly link: ThreadLink<MainTasks, WorkerTasks>;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  /** Connections that were posted and perhaps not taken yet. */
  readonly #posted = new Set<HandedConnection>();
  #error: unknown;

  constructor(settings: WorkerSettings, handlers: WorkerThreadHandlers) {
    this.settings = settings;
    const worker = new Worker(new URL("./iscsi-worker.ts", import.meta.url), {
      name: `iscsi ${settings.number}`,
      workerData: settings,
    });
    this.#worker = worker;
    this.link = new ThreadLink((message, transfer) => worker.postMessage(message, transfer), handlers.tasks);
    const ready = Promise.withResolvers<void>();
    this.ready = ready.promise;
    // Whoever starts it waits for this; of one that ends later nobody does.
    this.ready.catch(() => undefined);
    worker.on("message", (message: ToMain | LinkMessage<MainTasks>) => {
      if (message.kind === "ready") ready.resolve();
      else if (message.kind === "task" || message.kind === "answer" || message.kind === "failure")
        this.link.receive(message);
      else handlers.onMessage(message);
    });
    worker.on("error", (error) => {
      this.#error = error;
    });
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    worker.on("exit", (code) => {
      const error = this.#endError(code);
      ready.reject(error);
      this.link.break(error);
      for (const connection of this.#posted) takeBack(connection);
      this.#posted.clear();
      ended.resolve();
      handlers.onEnd(error);
    });
  }

  /** Gives a connection to the thread; where it ends before it takes it, the connection is closed. */
  post(connection: HandedConnection): void {
    for (const posted of this.#posted) if (isClaimed(posted)) this.#posted.delete(posted);
    this.#posted.add(connection);
    this.#tell({ kind: "connection", connection });
  }

  /** Says where the server listens. */
  tellPortals(portals: readonly Portal[]): void {
    this.#tell({ kind: "portals", portals });
  }

  /** Ends the thread whatever it is doing; resolves when it has ended. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
    await this.#ended;
  }

  #tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #endError(code: number): Error {
    const { number } = this.settings;
    const why = this.#error instanceof Error ? this.#error.message : `exit code ${code}`;
    const stack = this.#error instanceof Error ? this.#error.stack : undefined;
    return new ThreadError({
      name: "ThreadError",
      message: `iSCSI worker ${number} has ended: ${why}`,
      code: "worker-ended",
      stack,
    });
  }
}
