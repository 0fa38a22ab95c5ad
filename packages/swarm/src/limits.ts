/** Neighbours that a tracker chooses for each peer, twice as many at most with those that choose it: more than ln N + 3 of the largest swarm. */
export const NEIGHBOURS = 15;

/** Of a peer's neighbours in its own site, those that lie outside of its switch, so that no switch becomes an island. */
export const LONG_LINKS = 6;

/** Peers of a site that may fetch from other sites. */
export const GATEWAYS_PER_SITE = 4;

/** Neighbours in other sites of each gateway. */
export const REMOTE_LINKS = 4;

/** Uploads of a peer at a time, and downloads: equal, because a swarm with more of one than of the other leaves some of it idle. */
export const TRANSFER_SLOTS = 3;

/** Uploads of a seed beyond its slots: all wait for what only it can give, and a neighbour that died unnoticed holds a slot for a while. */
export const SEED_EXTRA_SLOTS = 1;

/** Uploads of a gateway to other sites at a time, and downloads: one moves while the next is arranged. One only for an image of few pieces. */
export const LINE_SLOTS = 2;

/** An image of fewer pieces has few: each counts, and must not be slow. */
export const MANY_PIECES = 500;

/** A neighbour that is being served is served on until another one lacks this many pieces more. */
export const NEEDIER_BY_PIECES = 10;

/** Sources of one piece at a time, in the endgame; before it there is one. */
export const MAX_SOURCES_OF_PIECE = 2;

/** An offer unanswered, or a transfer still, for so long takes no slot: more than TCP takes to send again (200 ms), less than a death takes to prove. */
export const QUIET_AFTER_MS = 250;

/** A seed is slow when it takes this many times as long as the one in the middle. */
export const SLOW_SEED_FACTOR = 3;

/** Pieces of one image; 10 TiB of the largest. */
export const MAX_PIECES = 2_621_440;
