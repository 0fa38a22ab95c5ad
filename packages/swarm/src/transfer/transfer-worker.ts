import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { DecodeError } from "@ingot/wire";
import { SwarmError } from "../errors.ts";
import { BulkClient } from "./bulk-client-socket.ts";
import { BulkServer } from "./bulk-server-socket.ts";
import { CHUNK_HEADER_BYTES, decodeChunkStream } from "./chunk-stream.ts";
import { FetchJob } from "./fetch-job.ts";
import { ImageFile, OpenPacks, type OutgoingChunk } from "./image-file.ts";
import { MAX_CHUNK_BYTES } from "./limits.ts";
import type { ThreadCommand, ThreadEvent, ThreadFailure, ThreadImage, ThreadSetup } from "./messages.ts";
import type { PiecePath } from "./piece-path.ts";
import { RateCap } from "./rate-cap.ts";
import { StoredChunkCache } from "./stored-chunk-cache.ts";
import type { ChunkLocation } from "./transfer.ts";

/** How often a thread looks for fetches that stand still. */
const TICK_MS = 100;

interface Entry {
  readonly number: number;
  readonly file: ImageFile;
  readonly isStore: boolean;
}

interface JobTotals {
  readonly wireBytes: number;
  readonly plainBytes: number;
}

type Command<K extends ThreadCommand["kind"]> = Extract<ThreadCommand, { kind: K }>;

/** The program of one thread of a `TransferEngine`. */
class TransferThread {
  readonly #port: MessagePort;
  readonly #setup: ThreadSetup;
  readonly #cache: StoredChunkCache;
  readonly #downloadCap: RateCap;
  readonly #packs = new OpenPacks();
  readonly #client: BulkClient;
  readonly #server: BulkServer;
  readonly #images = new Map<number, Entry>();
  readonly #jobs = new Map<number, { readonly job: FetchJob; readonly image: number }>();
  readonly #buffers: Uint8Array[] = [];
  readonly #queries = new Map<number, (locations: readonly (ChunkLocation | undefined)[]) => void>();
  #queryCount = 0;
  #tickedAt = performance.now();

  constructor(port: MessagePort, setup: ThreadSetup) {
    this.#port = port;
    this.#setup = setup;
    this.#cache = new StoredChunkCache(setup.cache);
    this.#downloadCap = new RateCap(setup.downloadBytesPerSecond, setup.downloadClock);
    this.#client = new BulkClient(setup);
    this.#server = new BulkServer({
      keyPem: setup.keyPem,
      certPem: setup.certPem,
      packs: this.#packs,
      rateCap: new RateCap(setup.uploadBytesPerSecond, setup.uploadClock),
      maxUploads: setup.maxUploads,
      uploads: setup.uploads,
      plan: (path) => this.#plan(path),
      onUpload: ({ manifestId, piece }, fingerprint, wireBytes, state) => {
        const image = this.#find(manifestId)?.number;
        if (image !== undefined) this.#tell({ kind: "upload", image, fingerprint, piece, wireBytes, state });
      },
    });
    setInterval(() => this.#tick(), TICK_MS);
    port.on("message", (command: ThreadCommand) => this.#obey(command));
  }

  async listen(): Promise<void> {
    const port = await this.#server.listen(this.#setup.address, this.#setup.port);
    this.#tell({ kind: "listening", port });
  }

  #obey(command: ThreadCommand): void {
    switch (command.kind) {
      case "open":
        return this.#open(command.image);
      case "closeImage":
        return this.#closeImage(command.image);
      case "allow":
        return this.#server.allow(command.fingerprint, command.manifestId);
      case "disallow":
        return this.#server.disallow(command.fingerprint, command.manifestId);
      case "fetch":
        return this.#fetch(command);
      case "write":
        return this.#write(command);
      case "abort":
        return this.#abort(command.job, new SwarmError("aborted", "the fetch was aborted"));
      case "located":
        this.#queries.get(command.query)?.(command.locations);
        this.#queries.delete(command.query);
        return;
      case "close":
        return this.#close();
    }
  }

  #open(image: ThreadImage): void {
    const file = new ImageFile(image, this.#cache);
    this.#images.set(image.image, { number: image.image, file, isStore: image.disk === undefined });
  }

  #closeImage(image: number): void {
    const entry = this.#images.get(image);
    for (const [job, { image: of }] of this.#jobs) {
      if (of === image) this.#abort(job, new SwarmError("closed", "the image was closed"));
    }
    this.#images.delete(image);
    if (entry !== undefined) {
      entry.file.close();
      this.#server.closeImage(entry.file.manifestId);
    }
    this.#tell({ kind: "imageClosed", image });
  }

  #fetch({ job: number, image, piece, chunks, isWholePiece, from, stallMs }: Command<"fetch">): void {
    const entry = this.#images.get(image);
    if (entry === undefined) return this.#end(number, [], new SwarmError("closed", "the image was closed"));
    const cap = this.#downloadCap;
    const buffer = this.#buffers.pop() ?? new Uint8Array(CHUNK_HEADER_BYTES + MAX_CHUNK_BYTES);
    const job = new FetchJob({
      image: entry.file,
      piece,
      chunks,
      isWholePiece,
      stallMs,
      buffer,
      // Called for every TLS record: the clock is read only for a limit.
      reserve: (bytes) => (cap.isUnlimited ? 0 : cap.reserve(bytes, process.hrtime.bigint())),
      onEnd: ({ written, wireBytes, plainBytes }, error) => {
        this.#jobs.delete(number);
        this.#buffers.push(buffer);
        this.#end(number, written, error ?? { wireBytes, plainBytes }, wireBytes);
      },
    });
    this.#jobs.set(number, { job, image });
    this.#client.start(job, from);
  }

  #write({ job, image, piece, chunks, stream }: Command<"write">): void {
    const entry = this.#images.get(image);
    if (entry === undefined) return this.#end(job, [], new SwarmError("closed", "the image was closed"));
    const { file } = entry;
    const written: number[] = [];
    let plainBytes = 0;
    try {
      const expected = { lengthOf: (chunk: number) => file.table.lengthOf(chunk), chunks };
      for (const stored of decodeChunkStream(stream, expected)) {
        if (!file.write(stored)) continue;
        written.push(stored.chunk);
        plainBytes += file.table.lengthOf(stored.chunk);
      }
    } catch (error) {
      if (error instanceof DecodeError) {
        return this.#end(
          job,
          written,
          new SwarmError("wrong-bytes", `piece ${piece}: ${error.message}`, { cause: error }),
        );
      }
      if (error instanceof SwarmError) return this.#end(job, written, error);
      throw error;
    }
    this.#end(job, written, { wireBytes: stream.length, plainBytes }, 0, stream.buffer);
  }

  #abort(number: number, error: SwarmError): void {
    const entry = this.#jobs.get(number);
    if (entry === undefined) return;
    this.#client.abort(entry.job);
    entry.job.fail(error);
  }

  /** A thread that was held up itself, by a slow disk, counts that as one tick: the bytes may be waiting already. */
  #tick(): void {
    const now = performance.now();
    const passedMs = Math.min(now - this.#tickedAt, 2 * TICK_MS);
    this.#tickedAt = now;
    for (const [number, { job }] of this.#jobs) {
      if (job.hasStalled(passedMs)) this.#abort(number, new SwarmError("stalled", "no byte came for too long"));
    }
  }

  async #plan({ manifestId, piece, ranges }: PiecePath): Promise<readonly OutgoingChunk[] | undefined> {
    const entry = this.#find(manifestId);
    if (entry === undefined) return undefined;
    const { first, end } = entry.file.table.chunksOf(piece);
    const chunks: number[] = [];
    for (const range of ranges ?? [{ first, last: end - 1 }]) {
      if (range.first < first || range.last >= end) return undefined;
      for (let chunk = range.first; chunk <= range.last; chunk++) chunks.push(chunk);
    }
    if (chunks.length === 0 || !chunks.every((chunk) => entry.file.has(chunk))) return undefined;
    if (!entry.isStore) return await this.#planFromDisk(entry.file, chunks);
    const locations = await this.#locate(entry.number, chunks);
    const outgoing: OutgoingChunk[] = [];
    for (const [index, chunk] of chunks.entries()) {
      const location = locations[index];
      if (location === undefined) return undefined;
      const { path, offset, storedLength, codec } = location;
      // Opened now, so that a pack that has gone is told of before anything is sent.
      this.#packs.open(path);
      outgoing.push({ chunk, codec, length: storedLength, file: path, position: offset });
    }
    return outgoing;
  }

  async #planFromDisk(file: ImageFile, chunks: readonly number[]): Promise<OutgoingChunk[]> {
    const outgoing: OutgoingChunk[] = [];
    for (const chunk of chunks) {
      const one = file.outgoing(chunk);
      outgoing.push(one);
      // Compressing a piece takes 10 ms: others are let in between.
      if ("payload" in one) await new Promise(setImmediate);
    }
    return outgoing;
  }

  #locate(image: number, chunks: readonly number[]): Promise<readonly (ChunkLocation | undefined)[]> {
    const query = ++this.#queryCount;
    return new Promise((resolve) => {
      this.#queries.set(query, resolve);
      this.#tell({ kind: "locate", query, image, chunks });
    });
  }

  #find(manifestId: string): Entry | undefined {
    for (const entry of this.#images.values()) if (entry.file.manifestId === manifestId) return entry;
    return undefined;
  }

  #end(job: number, written: readonly number[], result: JobTotals | Error, wireBytes = 0, buffer?: ArrayBuffer): void {
    const outcome = result instanceof Error ? failureOf(result, wireBytes) : result;
    this.#tell({ kind: "done", job, written, result: outcome, buffer }, buffer === undefined ? [] : [buffer]);
  }

  #tell(event: ThreadEvent, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(event, transfer);
  }

  /** Ends the thread now: a handshake that is under way would hold it for seconds. */
  #close(): void {
    this.#client.close();
    this.#packs.close();
    process.exit();
  }
}

/** What is no `SwarmError` is a fault of ours: the thread dies of it. */
function failureOf(error: Error, wireBytes: number): ThreadFailure {
  if (!(error instanceof SwarmError)) throw error;
  const { code, message, piece, chunk, lba, errno, status } = error;
  return { code, message, details: { piece, chunk, lba, errno, status, wireBytes } };
}

if (parentPort !== null) await new TransferThread(parentPort, workerData as ThreadSetup).listen();
