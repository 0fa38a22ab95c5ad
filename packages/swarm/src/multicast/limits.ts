/** UDP payload of every data and parity packet: with VLAN tags, PPPoE or a tunnel around it no link has to fragment it. */
export const PACKET_BYTES = 1400;

/** Bytes before a packet's payload. */
export const HEADER_BYTES = 24;

/** Bytes behind it: the truncated SHA-256 of key and packet. */
export const MAC_BYTES = 16;

/** Bytes of a piece's chunk stream in each data packet; the last one of a piece is filled up with zeros. */
export const PAYLOAD_BYTES: number = PACKET_BYTES - HEADER_BYTES - MAC_BYTES;

/** Packets that leave in one system call, a *row*: as many as a datagram of 64 KiB has room for before the kernel cuts it (udp(7), UDP_SEGMENT). */
export const ROW_PACKETS = 46;

/** Rows that one parity row protects, a *block*: it costs 5 %, and any one of its rows may be lost, or one packet of each of its columns. */
export const BLOCK_ROWS = 20;

/** Packets of a block. */
export const BLOCK_PACKETS: number = BLOCK_ROWS * ROW_PACKETS;

/** Packets of one session: 32-bit sequence numbers that never wrap, 5.8 TB. */
export const MAX_SEQUENCE: number = 2 ** 32 - BLOCK_PACKETS;

/** Ranges of missing packets in one report, so that it fits a packet. */
export const MAX_REPORT_RANGES: number = Math.floor(PAYLOAD_BYTES / 8);

/** Bytes of a job's multicast key. */
export const KEY_BYTES = 32;

/** Runs of pieces that a plan's order may have. */
export const MAX_ORDER_RUNS = 4096;

/** Slowest and fastest rate of a plan, in bits per second. */
export const MIN_RATE: number = 1_000_000;
export const MAX_RATE: number = 10_000_000_000;
