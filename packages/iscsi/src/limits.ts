/** Every bound that is held against the network before anything is allocated or looped over. */

/** Largest data segment we accept in full feature phase; declared as our MaxRecvDataSegmentLength. */
export const MAX_DATA_SEGMENT_BYTES = 262_144;

/** Largest data segment before full feature phase: the default of MaxRecvDataSegmentLength (RFC 7143 §13.12). */
export const MAX_LOGIN_SEGMENT_BYTES = 8192;

/** One pooled buffer holds the largest PDU (48 + 1020 of additional headers + 4 + 262144 + 4 = 263220 bytes), rounded up to whole 4 KiB pages. */
export const POOLED_BUFFER_BYTES = 266_240;

/** Free pooled buffers kept for reuse by a server (about 17 MB); more are left to the garbage collector. */
export const MAX_FREE_BUFFERS = 64;

/**
 * Pooled buffers in use (about 200 MB) from which on a thread is sparing with them: then each session gets as much as it needs to go on,
 * and nothing for going on faster. Nobody waits for another session's memory, so nobody can be kept waiting by one that is dead.
 */
export const SCARCE_BUFFERS = 768;

/** Largest text that may be collected over PDUs with the C bit: four full login segments. */
export const MAX_TEXT_BYTES = 32_768;

/** Keys in one text negotiation; the standard set has about 25. */
export const MAX_TEXT_KEYS = 64;

/** Longest key name (RFC 7143 §6.1). */
export const MAX_KEY_NAME_LENGTH = 63;

/** Longest value of an ordinary key (RFC 7143 §6.1); iSCSI names have their own limit. */
export const MAX_VALUE_LENGTH = 255;

/** Longest iSCSI name in bytes (RFC 7143 §4.2.7.2). */
export const MAX_NAME_LENGTH = 223;

/** Longest decoded binary value (CHAP_C, CHAP_R): RFC 7143 §12.1.3 allows up to 1024 bytes. */
export const MAX_BINARY_VALUE_BYTES = 1024;

/** Login requests of one login; a mutual CHAP login with split keys needs about eight. */
export const MAX_LOGIN_REQUESTS = 32;

/** MaxBurstLength we offer: one Data-In sequence. R2Ts ask for less, see `MAX_WRITE_BURST_BYTES`. */
export const MAX_BURST_BYTES = 1_048_576;

/** FirstBurstLength we offer: the most unsolicited data of one command. */
export const MAX_FIRST_BURST_BYTES = 262_144;

/** The most one R2T asks for, so that a burst fits one pooled buffer. */
export const MAX_WRITE_BURST_BYTES = 262_144;

/** MaxOutstandingR2T we offer. */
export const MAX_OUTSTANDING_R2T = 8;

/** Bytes asked for by R2Ts of one connection at a time; further writes wait for their R2T. */
export const MAX_SOLICITED_BYTES = 8_388_608;

/** Non-immediate commands that one session may have open (the CmdSN window). */
export const COMMAND_WINDOW = 64;

/** The same while buffers are scarce. What an initiator was told before stays: MaxCmdSN never falls. */
export const SCARCE_COMMAND_WINDOW = 4;

/** Immediate commands that one session may have open; more are rejected (RFC 7143 §11.17.1 reason 6). */
export const MAX_IMMEDIATE_COMMANDS = 32;

/** Immediate task management and text requests that one session may have open; more are rejected. */
export const MAX_OPEN_REQUESTS = 16;

/** Commands and their data that one session may have waiting, behind a gap in CmdSN or for their task attribute. */
export const MAX_HELD_BYTES = 1_048_576;

/** Data-Out PDUs that are kept with one waiting command: a whole first burst in pieces of 512 bytes. */
export const MAX_HELD_PDUS = 512;

/** Output that a connection may hold before its socket is no longer read and reads stop producing. */
export const MAX_QUEUED_OUTPUT_BYTES = 1_048_576;

/** The same while buffers are scarce. */
export const SCARCE_QUEUED_OUTPUT_BYTES = 65_536;

/** Bytes of reads that one session may have under way at a device that takes time; further reads wait. */
export const MAX_READING_BYTES = 8_388_608;

/** Bytes of writes handed to the device and not finished before the socket is no longer read. */
export const MAX_WRITING_BYTES = 16_777_216;

/** Parameter lists (MODE SELECT, UNMAP, PERSISTENT RESERVE OUT …) that are collected whole. */
export const MAX_PARAMETER_BYTES = 65_536;

/** Largest transfer of one command in bytes, reported as MAXIMUM TRANSFER LENGTH (SBC-3 §6.6.3). */
export const MAX_TRANSFER_BYTES = 8_388_608;

/** Blocks that one COMPARE AND WRITE may hold; both halves are collected whole. */
export const MAX_COMPARE_AND_WRITE_BLOCKS = 32;

/** Block descriptors in one UNMAP. */
export const MAX_UNMAP_DESCRIPTORS = 256;

/** Target descriptors of one EXTENDED COPY; both can only be this disk. */
export const MAX_COPY_TARGETS = 2;

/** Segment descriptors of one EXTENDED COPY, of 65535 blocks at most each: 256 MiB in all, so that an abort need not wait long. */
export const MAX_COPY_SEGMENTS = 8;

/** Initiators registered for persistent reservations on one logical unit. */
export const MAX_REGISTRATIONS = 64;

/** Unit attentions kept for one initiator; the oldest go first. */
export const MAX_UNIT_ATTENTIONS = 8;

/**
 * Connections of one thread: three for each of 5,000 machines (firmware, system, a stale one). Each is one descriptor, and its disk a few
 * more; where RLIMIT_NOFILE is lower, the system refuses first, which is an event and costs no other connection.
 */
export const MAX_CONNECTIONS = 16_384;

/** Connections of one thread that have not finished their login, and those that have not said yet where they want to go. */
export const MAX_CONNECTIONS_IN_LOGIN = 256;

/** Sessions on one target. */
export const MAX_SESSIONS_PER_TARGET = 16;

/** Logins from one address that may fail by its own fault within `FAILED_LOGIN_WINDOW_MS`; further ones are told to come later. */
export const MAX_FAILED_LOGINS = 32;

/** See `MAX_FAILED_LOGINS`. */
export const FAILED_LOGIN_WINDOW_MS = 10_000;

/** Addresses whose failed logins are remembered. */
export const MAX_FAILED_LOGIN_PEERS = 4096;

/** A login must be done within this time; iPXE and Linux give up after 15 s themselves. */
export const LOGIN_TIMEOUT_MS = 30_000;

/** After this silence an initiator that pings is pinged by us; twice what open-iscsi lets pass between two pings of its own. */
export const PING_AFTER_SILENCE_MS = 10_000;

/** An initiator that has answered pings before, and is silent for so long after one, is dead; its disk is given back. */
export const PING_TIMEOUT_MS = 60_000;

/** How often to look for sessions that are silent. */
export const PING_CHECK_MS = 5_000;

/** Seconds that initiators are given to log out when the server stops, before their connections are closed. */
export const SHUTDOWN_LOGOUT_SECONDS = 2;

/** After this silence TCP probes the peer; initiators that never ping (iPXE) are told from dead ones this way. */
export const KEEP_ALIVE_DELAY_MS = 30_000;

/** Bytes taken from a socket at a time. */
export const READ_BYTES = 262_144;
