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

/** Ethernet, IPv4 and UDP headers around a packet: what the rate counts besides. */
export const FRAME_OVERHEAD_BYTES = 42;

/** Rows that may leave late at once, when the sender was kept from running: switches buffer more than that. */
export const CATCH_UP_ROWS = 4;

/** Without anything to send, the sender says this often where it stands, in milliseconds. */
export const STATUS_INTERVAL_MS = 200;

/** A receiver that hears nothing authentic for so long gives up, in milliseconds. */
export const SILENCE_MS = 5000;

/** The sender waits this long after the first report of a block, so that one repair serves all who miss the same, in milliseconds. */
export const GATHER_MS = 40;

/** Reports of a packet that was repaired less than this ago come from before the repair, in milliseconds. */
export const REPAIR_HOLD_MS = 60;

/** Of this many rows one may be a repair, so that a bad receiver costs the others a bounded share. */
export const ROWS_PER_REPAIR = 3;

/** Packets that wait to be repaired, at most; what is beyond is left to the receivers' peers. */
export const MAX_REPAIRS = 65_536;

/** The sender answers reports for so long after the last one, in milliseconds. */
export const LINGER_MS = 2500;

/** The longest that it stays after the last packet, in milliseconds. */
export const MAX_LINGER_MS = 15_000;

/** Receivers whose reports are remembered. */
export const MAX_REPORTERS = 8192;

/** Reports a second of one receiver that are heard, and of all together. */
export const MAX_REPORTS_PER_SECOND = 40;
export const MAX_REPORTS_PER_SECOND_OF_ALL = 4000;

/** Parity is sent from this sum of the receivers' losses on, and no longer from that one down: it costs 5 %, repairs cost what the receivers lose in sum. */
export const PARITY_ON_LOSS = 0.06;
export const PARITY_OFF_LOSS = 0.03;

/** A receiver's loss counts for so long after its report, in milliseconds. */
export const LOSS_MEMORY_MS = 3000;

/** Bytes of pieces that the sender keeps, for those on their way and for repairs. */
export const SENDER_CACHE_BYTES: number = 64 * 1024 * 1024;

/** Pieces that the sender asks for ahead of the one that it sends. */
export const READ_AHEAD_PIECES = 4;

/** A receiver that misses packets waits for a random time between these before it reports them, in milliseconds. */
export const MIN_BACK_OFF_MS = 10;
export const MAX_BACK_OFF_MS = 60;

/** Reports of the same packet; then its piece is left to peers. Three, because a piece from a peer costs as much as a hundred repairs or more. */
export const MAX_ROUNDS = 3;

/** A repair that was asked for is waited for three times as long as repairs took so far, within these bounds, in milliseconds. */
export const MIN_REPAIR_WAIT_MS = 150;
export const MAX_REPAIR_WAIT_MS = 800;

/** A receiver that loses more than this share for so long drops out. */
export const MAX_LOSS = 0.1;
export const MAX_LOSS_MS = 5000;

/** How often a receiver that loses packets says so, even if parity has brought them back, in milliseconds. */
export const LOSS_REPORT_MS = 1000;

/** Blocks that a receiver looks back over for missing packets: 1.3 GB; who slept longer leaves the rest to peers. */
export const MAX_GAP_BLOCKS = 1024;

/** Bytes of incomplete pieces that a receiver holds, unless told otherwise. */
export const RECEIVER_BUFFER_BYTES: number = 64 * 1024 * 1024;

/** The kernel's buffers, in bytes: a second at 128 Mbit/s and more than a scheduler ever keeps a thread waiting at ten times that. */
export const RECEIVE_SOCKET_BYTES: number = 16 * 1024 * 1024;
export const SEND_SOCKET_BYTES: number = 1024 * 1024;

/** Fewer receivers than this get an image from each other as quickly, and without flooding the network. */
export const MIN_AUTO_RECEIVERS = 6;
