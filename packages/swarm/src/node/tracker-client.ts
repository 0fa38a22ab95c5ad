/** Where a peer's control door can be reached. */
export interface PeerAddress {
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

/** Whom a peer is to talk to. */
export interface PeerContact {
  /** SHA-256 of the public key it must show, in hexadecimal. */
  readonly fingerprint: string;
  /** All of them lead to the same peer, each perhaps by another link. */
  readonly addresses: readonly PeerAddress[];
  /** It stands in another site, across a slow line. */
  readonly isRemote: boolean;
}

/** What a peer says when it joins a swarm. Joining again, after a restart of either side, is no error. */
export interface JoinRequest {
  /** Port of its control door. */
  readonly port: number;
  /** Addresses of that door beside the one that the request comes from. */
  readonly hosts: readonly string[];
  /** Pieces that it holds. */
  readonly heldPieces: number;
  /** It holds the whole image. */
  readonly isComplete: boolean;
}

/** A peer that is not let in: thrown out because several others caught it sending wrong bytes, or the swarm has no room. */
export interface JoinRefusal {
  readonly state: "refused";
  readonly reason: "expelled" | "full";
}

/** What a peer needs to take part. */
export interface Admission {
  readonly state: "joined";
  /** Base64 of the statement that it shows other peers. */
  readonly ticket: string;
  readonly neighbours: readonly PeerContact[];
  /** Which of its site's gateways it is, from 0; absent when it is none. */
  readonly gatewayPlace?: number | undefined;
  /** When to report next, in milliseconds. */
  readonly reportAfterMs: number;
}

/** Answer to a `JoinRequest`. */
export type JoinAnswer = Admission | JoinRefusal;

/** Why a peer does not talk to another one any more. */
export type BanReason = "wrong-bytes" | "false-have" | "protocol" | "flood";

/** A neighbour that a peer has banned. */
export interface BanReport {
  readonly fingerprint: string;
  readonly reason: BanReason;
  /** With `wrong-bytes`: the piece that was not what it should be. */
  readonly piece?: number | undefined;
}

/** What a neighbour was worth as a source since the report before. */
export interface SourceReport {
  readonly fingerprint: string;
  /** Bytes of chunk streams that came, and the milliseconds of the requests that brought them, added up. */
  readonly bytes: number;
  readonly ms: number;
  /** Milliseconds until it answers; absent where that was not measured. */
  readonly latencyMs?: number | undefined;
  /** Requests that it let stand or refused, and connections that it let break without a word. */
  readonly failures: number;
}

/** What a peer tells the tracker from time to time; it is also the sign that it lives. */
export interface ReportRequest {
  readonly heldPieces: number;
  readonly isComplete: boolean;
  /** Neighbours that it is connected to. */
  readonly neighbours: number;
  /** Bytes on the wire to and from other peers since it joined. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Uploads offered or under way, and how many there may be. */
  readonly uploads: number;
  readonly uploadSlots: number;
  /** Those that something came from, or should have. */
  readonly sources: readonly SourceReport[];
  /** Those banned since the report before. */
  readonly bans: readonly BanReport[];
}

/** Answer to a report: what is new. */
export interface ReportNews {
  readonly state: "known";
  /** A new ticket, some time before the old one expires. */
  readonly ticket?: string | undefined;
  /** New neighbours only. */
  readonly neighbours: readonly PeerContact[];
  readonly gatewayPlace?: number | undefined;
  readonly reportAfterMs: number;
}

/** The tracker does not know the peer, because either of them was away: it has to join again, and goes on with its transfers meanwhile. */
export interface UnknownPeer {
  readonly state: "unknown";
}

/** Answer to a `ReportRequest`. */
export type ReportAnswer = ReportNews | UnknownPeer | JoinRefusal;

/** The way to the tracker for one peer in one swarm. Each call MAY fail; the peer tries again later and goes on without. */
export interface TrackerClient {
  join(request: JoinRequest, signal?: AbortSignal): Promise<JoinAnswer>;
  report(request: ReportRequest, signal?: AbortSignal): Promise<ReportAnswer>;
  leave(signal?: AbortSignal): Promise<void>;
}
