/** Largest JSON body of a request, in bytes. The largest honest one, a machine with 16 MAC addresses, has about 2 KiB. */
export const MAX_JSON_BODY_BYTES: number = 256 * 1024;

/** Largest report of a machine, in bytes: a state and a sentence. */
export const MAX_REPORT_BYTES: number = 16 * 1024;

/** Most event streams open at once: each holds a mailbox. */
export const MAX_STREAMS: number = 100;

/** Most events that wait for one slow stream; beyond this the reader starts over with a new `hello`. */
export const MAX_WAITING_EVENTS: number = 1000;

/** Most events that a reader gets again when it comes back with `Last-Event-ID`. */
export const MAX_REPLAYED_EVENTS: number = 1000;

/** Events that are kept; about 20 events a machine for 5,000 machines. */
export const MAX_KEPT_EVENTS: number = 100_000;

/** How many events are written between two looks at {@link MAX_KEPT_EVENTS}. */
export const EVENTS_BETWEEN_PRUNES: number = 1000;

/** Machines that register themselves: more than this are refused, so that a flood of made-up MAC addresses ends somewhere. */
export const MAX_MACHINES: number = 20_000;

/** Longest serial number, product or manufacturer that is kept, in characters. SMBIOS strings are short; the query is hostile. */
export const MAX_FACT_LENGTH: number = 64;

/** Machines that one tick of live updates publishes; the others wait for the next. */
export const MAX_UPDATES_PER_TICK: number = 500;

/** Sessions that one message of live updates holds; the others wait for the next, two seconds later. */
export const MAX_SESSION_UPDATES: number = 2000;

/** Ended sessions that wait for one slow stream; beyond this the reader starts over with a new `hello`. */
export const MAX_WAITING_ENDED_SESSIONS: number = 10_000;

/** Refused logins that become events within a minute; the others are only counted. */
export const MAX_REFUSAL_EVENTS: number = 100;

/** Initiators and reasons of refused logins that are remembered, so that one that tries again and again is told of once a minute. */
export const MAX_REMEMBERED_REFUSALS: number = 5000;

/** Points of a disk's growth that are kept. */
export const MAX_GROWTH_POINTS: number = 60;

/** iSCSI sessions that one machine's disk may have at once; a healthy boot has one or two. */
export const MAX_SESSIONS_PER_MACHINE: number = 16;

/** Entries of damage that one verification lists. */
export const MAX_DAMAGE_ENTRIES: number = 1000;

/** Machines (by MAC or IP address) whose first steps are kept until it is known who they are. */
export const MAX_PENDING_PRELUDES: number = 1000;

/** First steps that are kept of one such machine. */
export const MAX_PRELUDE_FACTS: number = 8;

/** Lines of job logs that are kept: about 200 for each of 5,000 machines. */
export const MAX_KEPT_JOB_LOG_ROWS: number = 1_000_000;

/** How many lines are written between two looks at {@link MAX_KEPT_JOB_LOG_ROWS}. */
export const JOB_LOG_ROWS_BETWEEN_PRUNES: number = 10_000;

/** Jobs that are not over: each costs a look at all its tasks every second. */
export const MAX_OPEN_JOBS: number = 200;

/** Machines that are switched on within a second: a thousand that start at once are a load for fuses, and for DHCP. */
export const MAX_WAKES_PER_SECOND: number = 25;

/** Alerts that a job keeps; the history has all of them. */
export const MAX_JOB_ALERTS: number = 20;

/** Agents that the server knows, those that wait included. */
export const MAX_AGENTS: number = 40_000;

/** Agents that wait for approval or are quarantined: more than this are refused, so that a flood of made-up keys ends somewhere. */
export const MAX_WAITING_AGENTS: number = 5000;

/** Tokens that are kept, used ones included. */
export const MAX_AGENT_TOKENS: number = 10_000;

/** Largest body that an agent may send, in bytes; captures apart. A machine with 128 disks says about 60 KiB. */
export const MAX_AGENT_BODY_BYTES: number = 128 * 1024;
