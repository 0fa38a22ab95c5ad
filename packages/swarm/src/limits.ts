/** Neighbours that a tracker chooses for each peer, twice as many at most with those that choose it: more than ln N + 3 of the largest swarm. */
export const NEIGHBOURS = 15;

/** Neighbours of one peer, with those that chose it. */
export const MAX_NEIGHBOURS: number = NEIGHBOURS * 2;

/** Of a peer's neighbours in its own site, those that lie outside of its switch, so that no switch becomes an island. */
export const LONG_LINKS = 6;

/** Peers of a site that may fetch from other sites. */
export const GATEWAYS_PER_SITE = 4;

/** Neighbours in other sites of each gateway. */
export const REMOTE_LINKS = 4;

/**
 * Uploads of a peer at a time, and downloads: equal, because a swarm with more of one than of the other leaves some of it idle. Between two pieces a slot
 * waits for three messages; six slots hide 50 ms each of a busy machine or a full queue (simulated, 24 machines on 100 Mbit/s: 1.16 times the bound, with
 * three slots 1.41), and cost little where messages are quick (1,000 machines: 1.050, with three 1.046).
 */
export const TRANSFER_SLOTS = 6;

/** Uploads of a seed beyond its slots: all wait for what only it can give, and a neighbour that died unnoticed holds a slot for a while. */
export const SEED_EXTRA_SLOTS = 1;

/** Uploads of a gateway to other sites at a time, and downloads: one moves while the next is arranged. */
export const LINE_SLOTS = 2;

/** Uploads of a seed to other sites at a time: it has its site's line to itself. */
export const SEED_LINE_SLOTS: number = GATEWAYS_PER_SITE * LINE_SLOTS;

/** A neighbour that is being served is served on until another one lacks this many pieces more. */
export const NEEDIER_BY_PIECES = 10;

/** The endgame begins when no more pieces than these are missing, and all of them on their way: with more, much is sent twice for nothing. */
export const ENDGAME_PIECES = 3;

/** Sources of one piece at a time, in the endgame; before it there is one. */
export const MAX_SOURCES_OF_PIECE = 2;

/** An offer unanswered for so long, in milliseconds, takes no slot: more than TCP takes to send again (200 ms), less than a death takes to prove. */
export const QUIET_AFTER_MS = 250;

/** Seeds of its own site that a newcomer is introduced to, where there are so many with room. */
export const SEEDS_PER_PEER = 2;

/** A source that was not measured yet is taken to be as quick as a gigabit, in bytes per second: so it gets a chance. */
export const ASSUMED_UPLOAD_RATE = 125_000_000;

/** What a receiver says of a source counts for so long, in milliseconds: more than the longest time between two reports. */
export const VERDICT_MS = 12_000;

/** A source from which so many got nothing, and nobody anything, has stalled: one alone may have a bad cable. */
export const STALLED_BY = 2;

/** A seed is slow when it takes this many times as long as the one in the middle. */
export const SLOW_SEED_FACTOR = 3;

/** Pieces of one image; 10 TiB of the largest. */
export const MAX_PIECES = 2_621_440;
