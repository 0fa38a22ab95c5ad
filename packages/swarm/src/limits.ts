/** Neighbours that a tracker gives each peer: well above ln N + 3 for the largest swarm, few enough to be told of everything at once. */
export const NEIGHBOURS = 20;

/** Of a peer's neighbours in its own site, those that lie outside of its switch, so that no switch becomes an island. */
export const LONG_LINKS = 6;

/** Peers of a site that may fetch from other sites. */
export const GATEWAYS_PER_SITE = 4;

/** Neighbours in other sites of each gateway. */
export const REMOTE_LINKS = 4;

/** Uploads of a peer at a time, and downloads: equal, because a swarm with more of one than of the other leaves some of it idle. */
export const TRANSFER_SLOTS = 3;

/** A neighbour that is being served is served on until another one lacks this many pieces more. */
export const NEEDIER_BY_PIECES = 10;

/** Sources of one piece at a time, in the endgame; before it there is one. */
export const MAX_SOURCES_OF_PIECE = 2;

/** Pieces of one image; 10 TiB of the largest. */
export const MAX_PIECES = 2_621_440;
