import type { ChunkLocation, BulkAddress, FetchReport } from "./transfer.ts";
import type { SharedChunkTable } from "./chunk-table.ts";
import type { CachePlaces, SharedCache } from "./stored-chunk-cache.ts";
import type { SwarmErrorCode, SwarmErrorDetails } from "../errors.ts";

/** What a thread gets when it starts. */
export interface ThreadSetup {
  readonly keyPem: string;
  readonly certPem: string;
  readonly address: string;
  readonly port: number;
  readonly maxUploads: number;
  readonly uploadBytesPerSecond: number;
  readonly downloadBytesPerSecond: number;
  readonly uploadClock: BigInt64Array<SharedArrayBuffer>;
  readonly downloadClock: BigInt64Array<SharedArrayBuffer>;
  readonly cache: SharedCache;
  /** One number: uploads under way. */
  readonly uploads: Int32Array<SharedArrayBuffer>;
}

/** An image as a thread gets it. */
export interface ThreadImage {
  readonly image: number;
  readonly manifestId: string;
  readonly table: SharedChunkTable;
  readonly held: Uint8Array<SharedArrayBuffer>;
  readonly incompressible: Uint8Array<SharedArrayBuffer>;
  readonly cachePlaces: CachePlaces;
  /** The target, or `undefined` for a store. */
  readonly disk: { readonly fd: number; readonly offset: number } | undefined;
}

/** What a thread is told. */
export type ThreadCommand =
  | { readonly kind: "open"; readonly image: ThreadImage }
  | { readonly kind: "closeImage"; readonly image: number }
  | { readonly kind: "allow" | "disallow"; readonly fingerprint: string; readonly manifestId: string }
  | {
      readonly kind: "fetch";
      readonly job: number;
      readonly image: number;
      readonly piece: number;
      readonly chunks: readonly number[];
      readonly isWholePiece: boolean;
      readonly from: BulkAddress;
      readonly stallMs: number;
    }
  | {
      readonly kind: "write";
      readonly job: number;
      readonly image: number;
      readonly piece: number;
      readonly chunks: readonly number[];
      readonly stream: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: "abort"; readonly job: number }
  | { readonly kind: "located"; readonly query: number; readonly locations: readonly (ChunkLocation | undefined)[] }
  | { readonly kind: "close" };

/** An error on its way between threads. */
export interface ThreadFailure {
  readonly code: SwarmErrorCode;
  readonly message: string;
  readonly details: Omit<SwarmErrorDetails, "cause" | "written">;
}

/** What a thread tells. */
export type ThreadEvent =
  | { readonly kind: "listening"; readonly port: number }
  | {
      readonly kind: "done";
      readonly job: number;
      readonly written: readonly number[];
      readonly result: Omit<FetchReport, "ms"> | ThreadFailure;
      /** Of the stream that was written. */
      readonly buffer?: ArrayBuffer | undefined;
    }
  | {
      readonly kind: "locate";
      readonly query: number;
      readonly image: number;
      readonly chunks: readonly number[];
    }
  | {
      readonly kind: "upload";
      readonly image: number;
      readonly fingerprint: string;
      readonly piece: number;
      readonly wireBytes: number;
      readonly state: "ended" | "failed";
    }
  | { readonly kind: "imageClosed"; readonly image: number };
