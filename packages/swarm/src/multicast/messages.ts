import type { MulticastPlan } from "./plan.ts";
import type { EndReason, ReceiverStats } from "./receiver.ts";
import type { SenderStats } from "./sender.ts";

/** What a sender's thread is started with. */
export interface SenderStart {
  readonly plan: MulticastPlan;
  readonly pieceCount: number;
  readonly interfaceAddress: string;
  readonly ttl: number;
  readonly loop: boolean;
  readonly awaited: number | undefined;
  /** One 32-bit word that changes with every message to the thread, which waits on it. */
  readonly wake: SharedArrayBuffer;
}

/** To a sender's thread. */
export type ToSender =
  | { readonly kind: "begin" }
  | { readonly kind: "stop" }
  | { readonly kind: "piece"; readonly piece: number; readonly stream: Uint8Array<ArrayBuffer> };

/** From a sender's thread. */
export type FromSender =
  | { readonly kind: "ready" }
  | { readonly kind: "read"; readonly pieces: readonly number[] }
  | { readonly kind: "stats"; readonly stats: SenderStats }
  | { readonly kind: "ended"; readonly stats: SenderStats };

/** What a receiver's thread is started with. */
export interface ReceiverStart {
  readonly plan: MulticastPlan;
  readonly interfaceAddress: string;
  /** The longest chunk stream of each piece, in bytes. */
  readonly maxStreamBytes: Uint32Array;
  /** Pieces to put together. */
  readonly wanted: Uint32Array;
  readonly maxBufferedBytes: number | undefined;
  /** One 32-bit word: not 0 when the thread is to end. */
  readonly stop: SharedArrayBuffer;
}

/** To a receiver's thread. */
export type ToReceiver =
  | { readonly kind: "release"; readonly bytes: number; readonly buffer: ArrayBuffer | undefined }
  | { readonly kind: "forget"; readonly pieces: readonly number[] };

/** From a receiver's thread. */
export type FromReceiver =
  | { readonly kind: "ready" }
  | { readonly kind: "piece"; readonly piece: number; readonly stream: Uint8Array<ArrayBuffer> }
  | { readonly kind: "beginning"; readonly piece: number; readonly stream: Uint8Array<ArrayBuffer> }
  | { readonly kind: "lost"; readonly pieces: readonly number[] }
  | { readonly kind: "stats"; readonly stats: ReceiverStats }
  | { readonly kind: "end"; readonly reason: EndReason | "stopped"; readonly stats: ReceiverStats };
