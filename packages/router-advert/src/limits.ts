/** After a router was heard nobody else is answered for this long: the longest interval of its advertisements (RFC 4861 §6.2.1). */
export const ROUTER_MEMORY_MS = 1_800_000;

/** At first only listened, so that a router can answer our own solicitation: it may wait 3 s for its turn (RFC 4861 §6.2.6). */
export const LISTEN_FIRST_MS = 4000;

/** Shortest time between two answers by multicast (MIN_DELAY_BETWEEN_RAS, RFC 4861 §10). */
export const MIN_MULTICAST_INTERVAL_MS = 3000;

/** Answers of any kind in one second. A machine that got none asks again after a quarter, a half, one second, and so on. */
export const MAX_ANSWERS_PER_SECOND = 200;
