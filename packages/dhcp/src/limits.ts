/** Largest datagram looked at. RFC 2131 §2 asks for 576; an Ethernet jumbo frame holds the rest. Longer ones are counted and dropped. */
export const MAX_PACKET_BYTES = 9000;

/** Smallest message sent: BOOTP's fixed fields and 64 bytes of vendor area (RFC 951 §3, RFC 1542 §2.1). Some relays and ROMs drop shorter ones. */
export const MIN_PACKET_BYTES = 300;

/** What every client must accept, IP and UDP headers included (RFC 2131 §2, option 57). */
export const DEFAULT_MAX_MESSAGE_BYTES = 576;

/** IP (20) and UDP (8) headers, which option 57 counts in. */
export const IP_UDP_HEADER_BYTES = 28;

/** One option after joining its parts (RFC 3396). Nothing in use comes near; it bounds what a packet can make us copy. */
export const MAX_OPTION_BYTES = 2048;

/** A relay may not pass a packet on for ever (RFC 1542 §4.1.1). */
export const MAX_HOPS = 16;

/** Addresses in all pools together: a /15, far above 5,000 machines, and small enough to scan. */
export const MAX_POOL_ADDRESSES = 131_072;

/** An offer is kept for the client this long; then another may have the address. The PXE specification's slowest client asks again within 32 s. */
export const OFFER_HOLD_MS = 60_000;

/** A declined address (somebody else answered ARP for it) is not given out for this long. */
export const QUARANTINE_MS = 600_000;

/** Shortest lease granted when a client asks for less than the subnet's time. */
export const MIN_LEASE_SECONDS = 120;

/** Packets being answered at once; more are dropped and counted, the clients ask again. */
export const MAX_PACKETS_IN_PROGRESS = 1024;

/** A longer client identifier (option 61) is treated as absent; RFC 2132 §9.14 has no use for more than one option's worth. */
export const MAX_CLIENT_ID_BYTES = 255;

/** Characters of a client's host name (option 12) that are kept: the longest DNS name (RFC 1035 §2.3.4). */
export const MAX_HOST_NAME_CHARACTERS = 255;

/** A line of the lease log: 510 hex digits of identifier and a host name of which JSON may escape every character to six. */
export const MAX_LEASE_RECORD_BYTES = 4096;

/** The lease log is compacted when it holds this many records more than leases. */
export const LEASE_LOG_SLACK_RECORDS = 4096;

/** A longer lease log is not read: all pools full, with the slack, need an eighth of it. */
export const MAX_LEASE_LOG_BYTES = 268_435_456;
