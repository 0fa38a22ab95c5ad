/** Peers in one swarm. */
export const MAX_SWARM_MEMBERS = 20_000;

/** A member reports this often, in milliseconds, and this much more rarely for every member of the swarm. */
export const REPORT_AFTER_MS = 2000;
export const REPORT_AFTER_MS_PER_MEMBER = 2;

/** A member that has missed this many reports is taken for gone. */
export const SILENT_REPORTS = 4;

/** However large the swarm: who is silent for so long, in milliseconds, is taken for gone, so that a dead seed is replaced within half a minute. */
export const MAX_SILENCE_MS = 25_000;

/** How long a ticket is valid, in milliseconds: peers find each other with it while the server is away. It is renewed at half of its life. */
export const TICKET_LIFE_MS: number = 12 * 60 * 60 * 1000;

/** A peer that so many others have banned is expelled: two may err together, or be in league. */
export const EXPEL_AFTER_BANS = 3;

/** Neighbours that one answer of the tracker introduces; more are told with the next one. */
export const MAX_INTRODUCTIONS = 128;

/** Longest ticket that a peer is shown, in bytes. */
export const MAX_TICKET_BYTES = 512;

/** Addresses that a peer names beside the one it is connected by. */
export const MAX_HELLO_HOSTS = 8;

/** Longest address: IPv6 in text. */
export const MAX_HOST_LENGTH = 45;

/** Pieces that one message tells of. */
export const MAX_HAVE_PIECES = 1024;

/** Frames that a neighbour may send in one go, and per second in the long run. */
export const MAX_FRAME_BURST = 5000;
export const MAX_FRAMES_PER_SECOND = 1000;

/** Bytes that may wait for a neighbour that does not read. */
export const MAX_UNSENT_BYTES: number = 2 * 1024 * 1024;

/** Control connections of one peer in a swarm: twice what the tracker introduces, because of those that other peers choose. */
export const MAX_LINKS = 256;

/** Connections to the control door that have not shown a ticket yet. */
export const MAX_STRANGERS = 64;

/** Time for a connection to be made and its first frame to come, in milliseconds. */
export const HANDSHAKE_MS = 5000;

/** Connections that are being dialled at a time. */
export const MAX_DIALS = 8;

/** A neighbour that has said nothing for so long is asked for a sign of life, in milliseconds. */
export const PING_AFTER_MS = 2000;

/** A neighbour that has said nothing for so long is dead. */
export const DEAD_AFTER_MS = 8000;

/** Times that a neighbour may not have what it says it has, before it is banned; the same for messages out of turn. */
export const MAX_FALSE_HAVES = 3;
export const MAX_OUT_OF_TURN = 3;

/** A request is failed elsewhere when no byte has come for so long, or for four times as long as pieces take. */
export const MIN_STALL_MS = 2000;
export const MAX_STALL_MS = 20_000;

/** A way between network cards by which nothing came is left out for so long, in milliseconds, as long as there is another. */
export const WAY_ASIDE_MS = 30_000;

/** Failed requests in a row after which a neighbour is let go; it may come again. */
export const MAX_FAILURES = 5;

/** An upload that was asked for and of which nothing was heard since, in milliseconds. */
export const UPLOAD_FORGOTTEN_MS = 60_000;

/** Neighbours for which it is urgent are told of the pieces that came, at most so long after the first of them, in milliseconds. */
export const HAVE_DELAY_MS = 20;

/** The same for the others. */
export const LAZY_HAVE_DELAY_MS = 400;

/** A neighbour that lacks fewer pieces that are here hears of new ones soon. */
export const LITTLE_TO_GET = 6;

/** Neighbours that are told that their offers are welcome again, for each slot that is free. */
export const WELCOME_PER_SLOT = 3;

/** Connections that the control door takes at a time, for all swarms. */
export const MAX_DOOR_CONNECTIONS = 1024;

/** Longest head of the request that opens a control connection, and of its answer. */
export const MAX_UPGRADE_HEADER_BYTES = 4096;

/** Time until a peer that could not be reached is dialled again, in milliseconds; it doubles, up to the longest. */
export const MIN_DIAL_DELAY_MS = 500;
export const MAX_DIAL_DELAY_MS = 30_000;

/** Failed calls in a row after which a peer is dialled no more. */
export const MAX_DIAL_FAILURES = 12;

/** Time until the tracker is asked again when it did not answer, in milliseconds; it doubles, up to the longest, or to the time between two reports where that is longer. */
export const MIN_TRACKER_DELAY_MS = 500;
export const MAX_TRACKER_DELAY_MS = 10_000;

/** A call to the tracker that takes longer is given up, in milliseconds. */
export const TRACKER_TIMEOUT_MS = 10_000;

/** A peer without any neighbour joins again after so long, in milliseconds: the tracker may know others by now. */
export const ALONE_MS = 10_000;

/** Bans that one report tells of. */
export const MAX_BANS_PER_REPORT = 64;

/** Sources that one report tells of: as many as the tracker chooses, and some. */
export const MAX_SOURCES_PER_REPORT = 48;

/** Each neighbour is asked for a sign of life this often, in milliseconds, whatever it says meanwhile: how long it takes is its latency. */
export const LATENCY_EVERY_MS = 10_000;

/** A node says that nothing comes when no piece has come for so long, in milliseconds, and nothing is under way. */
export const STARVED_AFTER_MS = 15_000;

/** Nothing is under way when nothing has been for so long, in milliseconds: a fetch that fails at once, again and again, is none. */
export const UNFED_AFTER_MS = 2000;

/** How often a node looks at what time has brought, in milliseconds. */
export const TICK_MS = 250;

/** Offers of a neighbour from which nothing came are declined for so long, in milliseconds; it doubles with each failure, up to the longest. */
export const MIN_DECLINE_MS = 200;
export const MAX_DECLINE_MS = 5000;

/** An offer that comes while all download slots are taken waits so long for one, in milliseconds, before it is declined. */
export const PARKED_OFFER_MS = 20;
