/** Peers in one swarm. */
export const MAX_SWARM_MEMBERS = 20_000;

/** A member reports this often, in milliseconds, and this much more rarely for every member of the swarm. */
export const REPORT_AFTER_MS = 2000;
export const REPORT_AFTER_MS_PER_MEMBER = 2;

/** A member that has missed this many reports is taken for gone. */
export const SILENT_REPORTS = 4;

/** How long a ticket is valid, in milliseconds: peers find each other with it while the server is away. It is renewed at half of its life. */
export const TICKET_LIFE_MS: number = 12 * 60 * 60 * 1000;

/** A peer that so many others have banned is expelled: two may err together, or be in league. */
export const EXPEL_AFTER_BANS = 3;

/** Neighbours that one answer of the tracker introduces; more are told with the next one. */
export const MAX_INTRODUCTIONS = 128;
