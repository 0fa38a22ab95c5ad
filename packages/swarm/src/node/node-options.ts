import type { Digest } from "@ingot/chunks";
import type { Identity } from "../identity/identity.ts";
import type { PieceMap } from "../piece-map.ts";
import type { OpenImage, UploadEvent } from "../transfer/transfer.ts";
import type { SwarmClock } from "./clock.ts";
import type { ControlDoor } from "./control-socket.ts";
import type { BanReason, JoinRefusal, TrackerClient } from "./tracker-client.ts";

/** What a node needs of the engine that moves its bytes. */
export interface BulkDoor {
  readonly port: number;
  allow(fingerprint: string, manifestId: Digest): void;
  disallow(fingerprint: string, manifestId: Digest): void;
  /** Returns how to be called no more. */
  onUpload(callback: (event: UploadEvent) => void): () => void;
}

/** How a node is started. */
export interface SwarmNodeOptions {
  readonly pieceMap: PieceMap;
  readonly identity: Identity;
  /** The server's Ed25519 key, 64 lower-case hex digits: checks the tickets of other peers. */
  readonly ticketKey: string;
  /** Fingerprint of the server's own key: a ban of it for wrong bytes ends when it has started anew. */
  readonly server?: string | undefined;
  readonly engine: BulkDoor;
  /** Open in that engine; stays the caller's to close, after the node. What it has is what the node begins with. */
  readonly image: Pick<OpenImage, "manifestId" | "fetch" | "has">;
  readonly tracker: TrackerClient;
  /** Where to listen (port 0 takes any), or a door that several nodes share. */
  readonly control: { readonly address: string; readonly port: number } | ControlDoor;
  /** Own addresses that peers may connect to beside the one that they see; with more than one, all are used. */
  readonly addresses?: readonly string[] | undefined;
  /** Uploads and downloads at a time; `TRANSFER_SLOTS` each when left out. */
  readonly uploadSlots?: number | undefined;
  readonly downloadSlots?: number | undefined;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly clock: SwarmClock;
  readonly onEvent?: ((event: SwarmNodeEvent) => void) | undefined;
}

/**
 * Something that people may want to know of a node. `starved`: nothing comes any more although pieces are missing, so many of which no neighbour has; `fed`: that is over.
 */
export type SwarmNodeEvent =
  | { readonly kind: "connected" | "lost"; readonly fingerprint: string; readonly host: string; readonly why?: string }
  | { readonly kind: "banned"; readonly fingerprint: string; readonly reason: BanReason; readonly why: string }
  | { readonly kind: "unreachable"; readonly host: string; readonly port: number; readonly why: string }
  | { readonly kind: "failed-fetch"; readonly fingerprint: string; readonly piece: number; readonly why: string }
  | { readonly kind: "starved"; readonly missing: number; readonly unheld: number; readonly neighbours: number }
  | { readonly kind: "fed" }
  | { readonly kind: "tracker"; readonly isReached: boolean; readonly why?: string }
  | { readonly kind: "refused"; readonly reason: JoinRefusal["reason"] };

/** Where a node stands. */
export interface SwarmNodeStats {
  readonly pieces: { readonly held: number; readonly total: number };
  /** Plain bytes of the distinct chunks of the image, and of the pieces that are here. */
  readonly totalBytes: number;
  readonly doneBytes: number;
  /** As transferred, but for `local`: plain bytes that were here at the start. */
  readonly bytes: { readonly seed: number; readonly peers: number; readonly multicast: number; readonly local: number };
  /** Sent to other peers. */
  readonly sentBytes: number;
  /** Coming in, averaged over some seconds. */
  readonly bytesPerSecond: number;
  /** Chunks that came and were right. */
  readonly hashesVerified: number;
  /** Requests that had to be made again. */
  readonly retries: number;
  readonly bans: number;
  readonly neighbours: number;
  /** Fetches under way. */
  readonly fetches: number;
}
