/**
 * Neighbours that a tracker chooses for each peer; with those that choose it there are 15 to 30. Well above ln N + 3 for the largest swarm, few
 * enough to be told of everything at once.
 */
export const NEIGHBOURS = 15;

/** Of a peer's neighbours in its own site, those that lie outside of its switch, so that no switch becomes an island. */
export const LONG_LINKS = 6;

/** Peers of a site that may fetch from other sites. */
export const GATEWAYS_PER_SITE = 4;

/** Neighbours in other sites of each gateway. */
export const REMOTE_LINKS = 4;

/** Uploads of a peer at a time, and downloads: equal, because a swarm with more of one than of the other leaves some of it idle. */
export const TRANSFER_SLOTS = 3;

/**
 * Uploads that a seed has beyond its slots: what only it can give is what all wait for, and while a neighbour that has died is not noticed it takes
 * a slot.
 */
export const SEED_EXTRA_SLOTS = 1;

/**
 * Uploads of a gateway to other sites at a time, and downloads from them: two, so that one moves while the next is being arranged. More make each
 * piece slow and what waits for it late; an image of few pieces feels that with two already, and has one.
 */
export const LINE_SLOTS = 2;

/** An image of fewer pieces has few. */
export const MANY_PIECES = 500;

/** A neighbour that is being served is served on until another one lacks this many pieces more. */
export const NEEDIER_BY_PIECES = 10;

/** Sources of one piece at a time, in the endgame; before it there is one. */
export const MAX_SOURCES_OF_PIECE = 2;

/**
 * An offer that is not answered, or a transfer of which nothing moves, for this long no longer takes a slot. Longer than a lost packet takes to be
 * sent again (200 ms at least on Linux), and far shorter than it takes to be sure that a machine is dead.
 */
export const QUIET_AFTER_MS = 250;

/** Pieces of one image; 10 TiB of the largest. */
export const MAX_PIECES = 2_621_440;
