export { distributionBound, type SwarmCapacity } from "./bound.ts";
export { PieceMap } from "./piece-map.ts";
export { PieceSet } from "./piece-set.ts";
export { Peer, type NeighbourFacts, type PeerActions, type PeerOptions } from "./peer.ts";
export { Tracker, type Introduction, type Member } from "./tracker.ts";
