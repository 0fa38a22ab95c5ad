import type { ChunkIndex, ChunkLocation } from "./chunk-index.ts";
import type { Digest } from "./digest.ts";
import { ChunkError, throwIfAborted } from "./errors.ts";
import { HttpFetcher } from "./http-fetcher.ts";
import { IndexRefresher } from "./http-index.ts";
import { HttpClient, random, waitFor } from "./http-socket.ts";
import { MAX_KEY_FILE_BYTES, MAX_MANIFEST_BYTES, MAX_PACK_BYTES } from "./limits.ts";
import type { Manifest } from "./manifest.ts";
import { CodecPool } from "./pool-worker.ts";
import { RangeQueue } from "./range-queue.ts";
import { verifiedManifest } from "./read-manifest.ts";
import { manifestPath, packPath, signaturePath } from "./store-core.ts";
import { wholeSignature } from "./stored-signature.ts";
import type * as Store from "./store.ts";

/** How a remote store is read. */
export interface HttpStoreOptions {
  /** Requests at once, each on a connection of its own. Default 8. */
  readonly maxRequests?: number;
  /** A request fails when nothing is heard for this long. Default 10 s. */
  readonly timeoutMs?: number;
  /** Tries in all of a request that failed in a way that may pass. Default 5, over about 3 s. */
  readonly attempts?: number;
  /** Threads that decompress and verify. Default 2. */
  readonly threads?: number;
  /** Threads shared with other stores instead, not ended by `close`. */
  readonly pool?: CodecPool;
  /** Waits before a request is tried again; for tests. */
  readonly wait?: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

const DEFAULT_MAX_REQUESTS = 8;
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_ATTEMPTS = 5;
const DEFAULT_THREADS = 2;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5000;

interface Reading {
  readonly bytes: Promise<Uint8Array>;
  readonly abort: AbortController;
  /** Readers that wait for it. */
  users: number;
}

/**
 * Another machine's chunk store, read over HTTP (`docs/formats/index.md`, "Over HTTP"): the files of a store directory as a
 * web server gives them out. Everything is verified; the server is trusted with nothing but availability.
 */
export class HttpStore implements Store.ChunkReader, Store.ManifestReader, Store.SignatureReader, AsyncDisposable {
  readonly #url: string;
  readonly #client: HttpClient;
  readonly #fetcher: HttpFetcher;
  readonly #index: IndexRefresher;
  readonly #ranges: RangeQueue;
  readonly #pool: CodecPool;
  readonly #ownsPool: boolean;
  readonly #closed = new AbortController();
  readonly #reading = new Map<Digest, Reading>();

  private constructor(url: URL, options: HttpStoreOptions) {
    const maxRequests = options.maxRequests ?? DEFAULT_MAX_REQUESTS;
    this.#url = url.href;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#client = new HttpClient(url, { maxConnections: maxRequests, timeoutMs });
    this.#fetcher = new HttpFetcher(this.#client, url.href, {
      attempts: options.attempts ?? DEFAULT_ATTEMPTS,
      firstDelayMs: FIRST_DELAY_MS,
      longestDelayMs: LONGEST_DELAY_MS,
      wait: options.wait ?? waitFor,
      random,
    });
    this.#index = new IndexRefresher(this.#fetcher, this.#closed.signal);
    this.#ranges = new RangeQueue((range, signal) => this.#fetchRange(range, signal), maxRequests);
    this.#ownsPool = options.pool === undefined;
    this.#pool = options.pool ?? new CodecPool(options.threads ?? DEFAULT_THREADS);
  }

  /**
   * Opens the store whose directory is at `url` (`http:` or `https:`), and reads its index.
   * Throws `ChunkError`: `io`, `damaged`, `unsupported`.
   */
  static async open(url: string | URL, options: HttpStoreOptions = {}): Promise<HttpStore> {
    const base = new URL(url);
    if (!base.pathname.endsWith("/")) base.pathname += "/";
    const store = new HttpStore(base, options);
    try {
      await store.#index.refresh();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** Chunks that the server's index names, as of the last look. */
  get chunkCount(): number {
    return this.#index.current.size;
  }

  /** See `ChunkReader`. Concurrent reads of one chunk are one; it goes on as long as somebody waits for it. */
  async readChunk(digest: Digest, signal?: AbortSignal): Promise<Uint8Array> {
    const what = `reading chunk ${digest}`;
    throwIfAborted(signal, what);
    this.#throwIfClosed();
    const reading = this.#reading.get(digest) ?? this.#begin(digest);
    reading.users += 1;
    const leave = Promise.withResolvers<never>();
    const onAbort = (): void => {
      const reason = new ChunkError("aborted", `${what} was aborted`, { cause: signal?.reason });
      leave.reject(reason);
      if (reading.users === 1) reading.abort.abort(reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([reading.bytes, leave.promise]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
      reading.users -= 1;
      if (reading.users === 0 && this.#reading.get(digest) === reading) this.#reading.delete(digest);
    }
  }

  /** See `ManifestReader`. */
  async readManifest(id: Digest): Promise<Manifest> {
    this.#throwIfClosed();
    const path = manifestPath(id);
    const bytes = await this.#fetcher.read(path, MAX_MANIFEST_BYTES, this.#closed.signal);
    if (bytes === undefined) {
      throw new ChunkError("missing", `manifest ${id}: not at ${this.#url}`, { manifest: id, path });
    }
    return verifiedManifest(id, bytes, path);
  }

  /** See `SignatureReader`. */
  async readSignature(id: Digest): Promise<Uint8Array | undefined> {
    this.#throwIfClosed();
    const path = signaturePath(id);
    const bytes = await this.#fetcher.read(path, MAX_KEY_FILE_BYTES, this.#closed.signal);
    return bytes === undefined ? undefined : wholeSignature(id, bytes, path);
  }

  /** Closes connections and ends threads. Operations under way fail with `closed`. Idempotent. */
  async close(): Promise<void> {
    this.#closed.abort(new ChunkError("closed", `the chunk store at ${this.#url} was closed`));
    await Promise.allSettled([...this.#reading.values()].map(({ bytes }) => bytes));
    this.#client.close();
    if (this.#ownsPool) await this.#pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #throwIfClosed(): void {
    this.#closed.signal.throwIfAborted();
  }

  #begin(digest: Digest): Reading {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#closed.signal]);
    const reading: Reading = { bytes: this.#readChunk(digest, signal), abort, users: 0 };
    this.#reading.set(digest, reading);
    return reading;
  }

  async #readChunk(digest: Digest, signal: AbortSignal): Promise<Uint8Array> {
    let location = this.#index.current.find(digest);
    // Added since, or moved by a prune: what the server has now decides.
    for (let isFresh = false; ; isFresh = true) {
      if (location !== undefined) {
        const bytes = await this.#readStored(location, signal);
        if (bytes !== undefined) return await this.#open(location, bytes);
      }
      if (isFresh) break;
      const seen: ChunkIndex = this.#index.current;
      await this.#index.refresh();
      if (this.#index.current === seen) break;
      location = this.#index.current.find(digest);
    }
    const details = location === undefined ? { chunk: digest } : { chunk: digest, pack: location.pack };
    throw new ChunkError("missing", `chunk ${digest}: not at ${this.#url}`, details);
  }

  /** The stored bytes, or `undefined` when the pack is not there. */
  async #readStored(location: ChunkLocation, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { pack, offset, storedLength } = location;
    try {
      return await this.#ranges.read({ pack, offset, length: storedLength }, signal);
    } catch (error) {
      if (!(error instanceof ChunkError)) throw error;
      if (error.code === "missing") return undefined;
      if (error.code !== "damaged") throw error;
      const { digest } = location;
      throw new ChunkError("damaged", `chunk ${digest}: ${error.message}`, { chunk: digest, pack, cause: error });
    }
  }

  async #fetchRange(
    range: { readonly pack: Digest; readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const path = packPath(range.pack);
    const bytes = await this.#fetcher.readRange(path, { ...range, maxFileBytes: MAX_PACK_BYTES }, signal);
    if (bytes !== undefined) return bytes;
    throw new ChunkError("missing", `${this.#url}${path}: not there`, { pack: range.pack, path });
  }

  async #open(location: ChunkLocation, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const { digest, pack, codec, plainLength } = location;
    const opened = await this.#pool.run({ kind: "open", bytes, codec, plainLength, digest }, true);
    if ("plain" in opened) return opened.plain;
    const path = packPath(pack);
    const message = `chunk ${digest} in ${this.#url}${path}: ${opened.damage}`;
    throw new ChunkError("damaged", message, { chunk: digest, pack, path });
  }
}
