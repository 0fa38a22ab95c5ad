import type { Digest } from "@ingot/chunks";
import type { Identity } from "../identity/identity.ts";
import type { PieceMap } from "../piece-map.ts";
import type { ChunkCodec } from "./chunk-stream.ts";

/** How an engine is started. */
export interface TransferEngineOptions {
  /** Threads that receive, hash, decompress, write, read and send; at least 1. */
  readonly threads: number;
  readonly identity: Identity;
  /** Where the bulk door listens; port 0 takes any. */
  readonly listen: { readonly address: string; readonly port: number };
  /** Uploads at a time over all threads; above it a peer is told to come again. */
  readonly maxUploads: number;
  /** Bytes per second over all threads; no limit when left out. */
  readonly uploadBytesPerSecond?: number | undefined;
  readonly downloadBytesPerSecond?: number | undefined;
  /** Compressed chunks kept for handing on, over all threads. */
  readonly cacheBytes: number;
}

/** Where a chunk's stored bytes stand in a file, as `DirectoryStore.locate` gives it. */
export interface ChunkLocation {
  readonly path: string;
  readonly offset: number;
  readonly storedLength: number;
  readonly codec: ChunkCodec;
}

/** What an image is read from and written to. */
export type TransferSource =
  | {
      readonly kind: "disk";
      /** Open for reading and writing; stays the caller's. */
      readonly fd: number;
      /** Where the image begins in it, in bytes. */
      readonly offset: number;
      /** The chunks that are there, verified: bit `n % 8` of byte `n div 8` is chunk `n`. Copied. */
      readonly held: Uint8Array | "all";
    }
  | {
      readonly kind: "store";
      /** `undefined` for what is not there. Asked for each piece that somebody fetches. */
      readonly locate: (digest: Digest) => ChunkLocation | undefined;
    };

/** An image that takes part in transfers. */
export interface OpenImageOptions {
  readonly manifestId: Digest;
  readonly pieceMap: PieceMap;
  readonly source: TransferSource;
}

/** A peer's bulk door. */
export interface BulkAddress {
  readonly host: string;
  readonly port: number;
  /** What its key has to be. */
  readonly fingerprint: string;
  /** The own address to connect from, where there are several. */
  readonly localAddress?: string | undefined;
}

/** One piece, or some of its chunks, from one peer. */
export interface FetchRequest {
  readonly piece: number;
  /** Chunk numbers, ascending, all of the piece; the whole piece when left out. */
  readonly chunks?: readonly number[] | undefined;
  readonly from: BulkAddress;
  /** Without a byte for so long the fetch fails with `stalled`; 2,000 when left out. Connecting counts. */
  readonly stallMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a fetch came to. */
export interface FetchReport {
  /** Bytes of the chunk stream. */
  readonly wireBytes: number;
  readonly plainBytes: number;
  /** From the call to the last byte written. */
  readonly ms: number;
}

/** What a write came to. */
export interface WriteReport extends FetchReport {
  /** The stream's buffer, to be used again: new memory costs as much as receiving into it. */
  readonly buffer: ArrayBuffer;
}

/** An upload that ended, well or not. */
export interface UploadEvent {
  /** Whose it was. */
  readonly fingerprint: string;
  readonly manifestId: Digest;
  readonly piece: number;
  /** Bytes of the chunk stream that were handed to the network. */
  readonly wireBytes: number;
  readonly state: "ended" | "failed";
}

/** One image of an engine: fetches into it, writes what came otherwise, serves what is held. */
export interface OpenImage {
  readonly manifestId: Digest;
  /**
   * Fetches, verifies, and writes each chunk to every place that it has in the image. Rejects with `SwarmError`: `wrong-bytes`, `stalled`,
   * `refused`, `unreachable`, `write-failed`, `aborted`, `closed`; its `written` are the chunks that were written all the same.
   */
  fetch(request: FetchRequest): Promise<FetchReport>;
  /**
   * Verifies and writes chunks that came another way: a chunk stream with `chunks`, ascending, or with the whole piece. `stream` is handed to a
   * thread with the whole of its buffer, which must not be used before the report brings it back. Rejects as `fetch`.
   */
  write(piece: number, stream: Uint8Array<ArrayBuffer>, chunks?: readonly number[]): Promise<WriteReport>;
  /** Called with the chunks that a fetch or write has written, when it has ended, before its promise settles. */
  onWritten(callback: (chunks: readonly number[]) => void): void;
  /** Whether a chunk is here, verified. */
  has(chunk: number): boolean;
  /** Chunks that turned out to be damaged are no longer served. */
  forget(chunks: readonly number[]): void;
  /** Ends its fetches and uploads. Idempotent. The descriptor may be closed once it resolves. */
  close(): Promise<void>;
}

/** Counters since the start. */
export interface TransferStats {
  readonly activeUploads: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}
