import { DecodeError } from "@ingot/wire";
import { SwarmError } from "../errors.ts";
import type { Exchange } from "./bulk-client-socket.ts";
import { CHUNK_HEADER_BYTES, ChunkStreamDecoder } from "./chunk-stream.ts";
import type { ImageFile } from "./image-file.ts";
import { formatPiecePath } from "./piece-path.ts";

/** What a fetch needs. */
export interface FetchJobOptions {
  readonly image: ImageFile;
  readonly piece: number;
  /** What is to come, ascending. */
  readonly chunks: readonly number[];
  readonly isWholePiece: boolean;
  readonly stallMs: number;
  /** One of those that the thread keeps. */
  readonly buffer: Uint8Array;
  /** Counts received bytes against the limit; returns for how many milliseconds to read no more. */
  readonly reserve: (bytes: number) => number;
  readonly onEnd: (job: FetchJob, error: Error | undefined) => void;
}

/** One piece on its way from a peer: each chunk is verified and written when its last byte is there. */
export class FetchJob implements Exchange {
  readonly path: string;
  readonly written: number[] = [];
  wireBytes = 0;
  plainBytes = 0;
  readonly #options: FetchJobOptions;
  readonly #decoder: ChunkStreamDecoder;
  #silentMs = 0;

  constructor(options: FetchJobOptions) {
    const { image, piece, chunks, isWholePiece, buffer } = options;
    this.#options = options;
    this.path = formatPiecePath(image.manifestId, piece, isWholePiece ? undefined : chunks);
    this.#decoder = new ChunkStreamDecoder({ lengthOf: (chunk) => image.table.lengthOf(chunk), chunks }, buffer);
  }

  begin(bodyBytes: number): void {
    const { image, chunks } = this.#options;
    const most = chunks.reduce((sum, chunk) => sum + CHUNK_HEADER_BYTES + image.table.lengthOf(chunk), 0);
    if (bodyBytes > most) throw this.#wrong(`${bodyBytes} bytes, expected at most ${most}`);
  }

  space(): Uint8Array {
    return this.#decoder.space();
  }

  advance(length: number): number {
    this.wireBytes += length;
    const pauseMs = this.#options.reserve(length);
    this.#silentMs = -pauseMs;
    try {
      for (const chunk of this.#decoder.advance(length)) {
        const isNew = this.#options.image.write(chunk);
        // Also what another fetch has just written and not yet told: when this one is done, the piece is here as far as anybody knows.
        this.written.push(chunk.chunk);
        if (isNew) this.plainBytes += this.#options.image.table.lengthOf(chunk.chunk);
      }
    } catch (error) {
      throw this.#named(error);
    }
    return pauseMs;
  }

  end(): void {
    try {
      this.#decoder.end();
    } catch (error) {
      throw this.#named(error);
    }
  }

  succeed(): void {
    this.#options.onEnd(this, undefined);
  }

  fail(error: Error): void {
    this.#options.onEnd(this, error);
  }

  /** Tells that time has passed; returns whether nothing has come for too long. */
  hasStalled(passedMs: number): boolean {
    this.#silentMs += passedMs;
    return this.#silentMs > this.#options.stallMs;
  }

  #named(error: unknown): unknown {
    return error instanceof DecodeError ? this.#wrong(error.message, error) : error;
  }

  #wrong(why: string, cause?: unknown): SwarmError {
    return new SwarmError("wrong-bytes", `piece ${this.#options.piece}: ${why}`, { cause });
  }
}
