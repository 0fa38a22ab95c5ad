import { once } from "node:events";
import { getCompileCacheDir } from "node:module";
import { Worker } from "node:worker_threads";
import type { Digest } from "@ingot/chunks";
import { SwarmError } from "../errors.ts";
import { EngineImage, type ImageLanes, type JobCommand, type JobReport } from "./engine-image.ts";
import { MAX_THREADS } from "./limits.ts";
import type { ThreadCommand, ThreadEvent, ThreadSetup } from "./messages.ts";
import { RateCap } from "./rate-cap.ts";
import { StoredChunkCache } from "./stored-chunk-cache.ts";
import type { OpenImage, OpenImageOptions, TransferEngineOptions, TransferStats, UploadEvent } from "./transfer.ts";

interface Job {
  readonly resolve: (report: JobReport) => void;
  readonly reject: (error: Error) => void;
  readonly onWritten: (chunks: readonly number[]) => void;
  readonly startedAt: number;
}

interface Lane {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  /** Set when the thread is gone. */
  failure: Error | undefined;
}

interface Closing {
  threadsLeft: number;
  readonly resolve: () => void;
}

/**
 * Moves chunks between disks and peers, off the event loop: each thread has its own connections, and does with what it receives all that is to
 * be done, from TLS to the disk. Whom to fetch from, and what, is decided elsewhere (`Peer`).
 */
export class TransferEngine implements ImageLanes, AsyncDisposable {
  /** Where the bulk door listens. */
  readonly port: number;
  readonly #lanes: readonly Lane[];
  readonly #uploads: Int32Array;
  readonly #images = new Map<number, EngineImage>();
  readonly #closing = new Map<number, Closing>();
  readonly #uploadListeners = new Set<(event: UploadEvent) => void>();
  #count = 0;
  #receivedBytes = 0;
  #sentBytes = 0;
  #closed: Promise<void> | undefined;

  private constructor(port: number, workers: readonly Worker[], uploads: Int32Array) {
    this.port = port;
    this.#uploads = uploads;
    this.#lanes = workers.map((worker) => {
      const lane: Lane = { worker, jobs: new Map(), failure: undefined };
      worker.on("message", (event: ThreadEvent) => this.#heard(lane, event));
      worker.on("error", (error: Error) => this.#lost(lane, error));
      worker.on("exit", () => this.#lost(lane, new Error("the thread has ended")));
      return lane;
    });
  }

  /** Resolves when all threads listen; rejects with what `listen` failed with. */
  static async start(options: TransferEngineOptions): Promise<TransferEngine> {
    const { threads, identity, listen } = options;
    if (!(threads >= 1 && threads <= MAX_THREADS))
      throw new RangeError(`${threads} threads, expected 1 to ${MAX_THREADS}`);
    const setup: ThreadSetup = {
      keyPem: identity.keyPem,
      certPem: identity.certPem,
      address: listen.address,
      port: listen.port,
      maxUploads: options.maxUploads,
      uploadBytesPerSecond: options.uploadBytesPerSecond ?? Infinity,
      downloadBytesPerSecond: options.downloadBytesPerSecond ?? Infinity,
      uploadClock: RateCap.of(0).shared,
      downloadClock: RateCap.of(0).shared,
      cache: StoredChunkCache.ofSize(options.cacheBytes).shared,
      uploads: new Int32Array(new SharedArrayBuffer(4)),
    };
    const workers: Worker[] = [];
    try {
      // The first one finds the port, the others share it.
      const port = await startThread(setup, workers);
      await Promise.all(Array.from({ length: threads - 1 }, () => startThread({ ...setup, port }, workers)));
      return new TransferEngine(port, workers, setup.uploads);
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw error;
    }
  }

  /** From now on a peer with that key is given that image; until the image is closed. */
  allow(fingerprint: string, manifestId: Digest): void {
    this.#tellAll({ kind: "allow", fingerprint, manifestId });
  }

  /** It is given that image no longer, and its connections end. */
  disallow(fingerprint: string, manifestId: Digest): void {
    this.#tellAll({ kind: "disallow", fingerprint, manifestId });
  }

  /** Takes part in an image. One manifest id at most once at a time. */
  async open(options: OpenImageOptions): Promise<OpenImage> {
    if (this.#closed !== undefined) throw new SwarmError("closed", "the engine is closed");
    for (const { manifestId } of this.#images.values()) {
      if (manifestId === options.manifestId) throw new RangeError(`image ${manifestId} is open already`);
    }
    const image = new EngineImage(++this.#count, options, this);
    this.#images.set(image.shared.image, image);
    this.#tellAll({ kind: "open", image: image.shared });
    return image;
  }

  /** Called for each upload that ends, until the function that it returns is called. */
  onUpload(callback: (event: UploadEvent) => void): () => void {
    this.#uploadListeners.add(callback);
    return () => this.#uploadListeners.delete(callback);
  }

  stats(): TransferStats {
    return {
      activeUploads: Atomics.load(this.#uploads, 0),
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
    };
  }

  /** Ends everything; what is under way rejects with `closed`. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For the images. */
  nextJob(): number {
    return ++this.#count;
  }

  /** For the images. */
  async run(
    command: JobCommand,
    onWritten: (chunks: readonly number[]) => void,
    signal?: AbortSignal,
  ): Promise<JobReport> {
    const { job } = command;
    if (signal?.aborted === true) throw new SwarmError("aborted", "aborted before it began", { cause: signal.reason });
    const lane = this.#idlestLane();
    const abort = (): void => tell(lane, { kind: "abort", job });
    const report = new Promise<JobReport>((resolve, reject) => {
      lane.jobs.set(job, { resolve, reject, onWritten, startedAt: performance.now() });
    });
    signal?.addEventListener("abort", abort);
    tell(lane, command, command.kind === "write" ? [command.stream.buffer] : []);
    try {
      return await report;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** For the images. */
  closeImage(image: number): Promise<void> {
    this.#images.delete(image);
    const alive = this.#lanes.filter(({ failure }) => failure === undefined);
    if (alive.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#closing.set(image, { threadsLeft: alive.length, resolve });
      this.#tellAll({ kind: "closeImage", image });
    });
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#images.values()].map((image) => image.close()));
    const exits = this.#lanes.filter(({ failure }) => failure === undefined).map(({ worker }) => once(worker, "exit"));
    this.#tellAll({ kind: "close" });
    await Promise.all(exits);
  }

  #idlestLane(): Lane {
    let best: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.failure === undefined && (best === undefined || lane.jobs.size < best.jobs.size)) best = lane;
    }
    if (best === undefined) throw new SwarmError("closed", "the engine is closed", { cause: this.#lanes[0]?.failure });
    return best;
  }

  #heard(lane: Lane, event: ThreadEvent): void {
    switch (event.kind) {
      case "done":
        return this.#ended(lane, event);
      case "locate": {
        const locations = this.#images.get(event.image)?.locate(event.chunks) ?? [];
        return tell(lane, { kind: "located", query: event.query, locations });
      }
      case "upload":
        return this.#uploaded(event);
      case "imageClosed": {
        const closing = this.#closing.get(event.image);
        if (closing === undefined || --closing.threadsLeft > 0) return;
        this.#closing.delete(event.image);
        return closing.resolve();
      }
      case "listening":
    }
  }

  #ended(lane: Lane, { job: number, written, result, buffer }: Extract<ThreadEvent, { kind: "done" }>): void {
    const job = lane.jobs.get(number);
    lane.jobs.delete(number);
    job?.onWritten(written);
    if ("code" in result) {
      this.#receivedBytes += result.details.wireBytes ?? 0;
      job?.reject(new SwarmError(result.code, result.message, { ...result.details, written }));
    } else {
      this.#receivedBytes += result.wireBytes;
      job?.resolve({ ...result, ms: performance.now() - job.startedAt, buffer });
    }
  }

  #uploaded({ image, fingerprint, piece, wireBytes, state }: Extract<ThreadEvent, { kind: "upload" }>): void {
    this.#sentBytes += wireBytes;
    const manifestId = this.#images.get(image)?.manifestId;
    if (manifestId === undefined) return;
    for (const listener of this.#uploadListeners) listener({ fingerprint, manifestId, piece, wireBytes, state });
  }

  /** A thread has ended, asked to or by a fault of ours. The others go on. */
  #lost(lane: Lane, cause: Error): void {
    lane.failure ??= cause;
    for (const { reject } of lane.jobs.values()) {
      reject(new SwarmError("closed", "a thread of the engine has ended", { cause: lane.failure }));
    }
    lane.jobs.clear();
    if (this.#lanes.some(({ failure }) => failure === undefined)) return;
    for (const { resolve } of this.#closing.values()) resolve();
    this.#closing.clear();
  }

  #tellAll(command: ThreadCommand): void {
    for (const lane of this.#lanes) tell(lane, command);
  }
}

function tell({ worker }: Lane, command: ThreadCommand, transfer: ArrayBuffer[] = []): void {
  worker.postMessage(command, transfer);
}

/** Starts a thread, adds it to `workers`, and returns its port. */
async function startThread(setup: ThreadSetup, workers: Worker[]): Promise<number> {
  // Where the program keeps compiled code, a thread finds it too: it starts in a third of the processor time.
  const cache = getCompileCacheDir();
  const env = cache === undefined ? {} : { env: { ...process.env, NODE_COMPILE_CACHE: cache } };
  const worker = new Worker(new URL("./transfer-worker.ts", import.meta.url), { workerData: setup, ...env });
  workers.push(worker);
  // `once` rejects when the thread dies of not being able to listen.
  const [event] = (await once(worker, "message")) as [ThreadEvent];
  if (event.kind !== "listening") throw new TypeError(`a thread began with ${event.kind}`);
  return event.port;
}
