export { distributionBound, type SwarmCapacity } from "./bound.ts";
export { PieceMap } from "./piece-map.ts";
export { PieceSet } from "./piece-set.ts";
export { Peer, type NeighbourFacts, type PeerActions, type PeerOptions } from "./peer.ts";
export { type ImagePart, piecesOfPart } from "./seeds.ts";
export { Tracker, type Introduction, type Member } from "./tracker.ts";
export { SwarmError, type SwarmErrorCode, type SwarmErrorDetails } from "./errors.ts";
export {
  createIdentity,
  fingerprintOf,
  fingerprintOfCertificate,
  identityOf,
  isFingerprint,
  type Identity,
} from "./identity/identity.ts";
export { TICKET_BYTES, signTicket, verifyTicket, type Ticket, type TicketCheck } from "./identity/ticket.ts";
export {
  CHUNK_HEADER_BYTES,
  ChunkCodec,
  ChunkStreamDecoder,
  WrongChunkError,
  decodeChunk,
  decodeChunkStream,
  encodeChunk,
  encodeChunkHeader,
  encodeChunkStream,
  type ChunkHeader,
  type ExpectedChunks,
  type StoredChunk,
} from "./transfer/chunk-stream.ts";
export { TransferEngine } from "./transfer/engine-worker.ts";
export type {
  BulkAddress,
  ChunkLocation,
  FetchReport,
  FetchRequest,
  OpenImage,
  OpenImageOptions,
  TransferEngineOptions,
  TransferSource,
  TransferStats,
  UploadEvent,
} from "./transfer/transfer.ts";
export type {
  Admission,
  BanReason,
  BanReport,
  JoinAnswer,
  JoinRefusal,
  JoinRequest,
  PeerAddress,
  PeerContact,
  ReportAnswer,
  ReportNews,
  ReportRequest,
  SourceReport,
  TrackerClient,
  UnknownPeer,
} from "./node/tracker-client.ts";
export type { MemberStatus, TrackedPeer, TrackerEvent, TrackerServiceOptions } from "./tracked-swarm.ts";
export { TrackerService } from "./tracker-service.ts";
export type { SwarmClock } from "./node/clock.ts";
export { ControlDoor } from "./node/control-socket.ts";
export type { BulkDoor, SwarmNodeEvent, SwarmNodeOptions, SwarmNodeStats } from "./node/node-options.ts";
export { SwarmNode } from "./node/swarm-node.ts";
export { systemClock } from "./node/system-clock-socket.ts";
export { probeMulticast } from "./multicast/probe-socket.ts";
export { MulticastReceiver, type MulticastReceiverOptions, type ReceiverEnd } from "./multicast/receiver-socket.ts";
export type { EndReason, ReceiverStats } from "./multicast/receiver.ts";
export { MulticastSender, type MulticastSenderOptions } from "./multicast/sender-socket.ts";
export type { SenderStats } from "./multicast/sender.ts";
export { MAX_ORDER_RUNS, MIN_AUTO_RECEIVERS } from "./multicast/limits.ts";
export { createMulticastPlan, type MulticastPlan, type PieceRun, runsOf } from "./multicast/plan.ts";
