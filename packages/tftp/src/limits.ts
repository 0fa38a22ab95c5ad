/** Bounds on what comes from the network, and the defaults of what is configurable. */

/** Longest request packet that is looked at. RFC 2347 §"Options" bounds the request at 512 bytes. */
export const MAX_REQUEST_BYTES = 512;

/** Most options in one request or acknowledgement. Four are known; the rest is room for ones that are ignored. */
export const MAX_OPTIONS = 16;

/** Longest message of an ERROR packet that is kept, in bytes. */
export const MAX_ERROR_MESSAGE_BYTES = 256;

/** Block size without negotiation (RFC 1350 §2). */
export const DEFAULT_BLKSIZE = 512;

/** Smallest value of the blksize option (RFC 2348). */
export const MIN_BLKSIZE = 8;

/** Largest value of the blksize option (RFC 2348). */
export const MAX_BLKSIZE = 65_464;

/**
 * The block size that one unfragmented packet carries on Ethernet:
 * 1500 bytes of MTU - 20 of IPv4 - 8 of UDP - 4 of TFTP.
 */
const UNFRAGMENTED_BLKSIZE = 1468;

/** Smallest value of the timeout option, in seconds (RFC 2349). */
export const MIN_TIMEOUT_SECONDS = 1;

/** Largest timeout option that is granted, in seconds. RFC 2349 allows 255; so long a one would hold a slot for ever. */
export const MAX_TIMEOUT_SECONDS = 30;

/** Smallest value of the windowsize option, in blocks (RFC 7440 §3). */
export const MIN_WINDOWSIZE = 1;

/** Largest value of the windowsize option, in blocks (RFC 7440 §3). */
export const MAX_WINDOWSIZE = 65_535;

/** Bytes sent without an acknowledgement, whatever windowsize was asked for: the memory of a transfer hangs on it. */
export const MAX_WINDOW_BYTES = 1_048_576;

/** Bytes that one read of a file asks for, unless the window is larger. Two such parts are held per transfer. */
export const READ_AHEAD_BYTES = 65_536;

/** Time until the first retransmission, unless the client chose another. It doubles with each one in a row. */
export const FIRST_TIMEOUT_MS = 1000;

/** Longest time between two retransmissions. */
export const LONGEST_TIMEOUT_MS = 8000;

/** Retransmissions in a row before a client is given up. With the times above: after 1 + 2 + 4 + 8 + 8 + 8 + 8 = 39 seconds of silence. */
export const MAX_RETRANSMISSIONS = 6;

/** Transfers at one time. Each holds a socket and at most 2 × MAX_WINDOW_BYTES, and 128 KiB with a usual client. */
const MAX_TRANSFERS = 1024;

/** Transfers at one time for one client address. Firmware uses one; several machines may share an address by NAT. */
const MAX_TRANSFERS_PER_CLIENT = 16;

/** What an operator may choose. */
export interface TftpLimits {
  /** Largest block size granted, 8 to 65464 bytes. Default 1468, so that no packet is fragmented at an MTU of 1500. */
  readonly maxBlksize: number;
  /** Largest window granted, 1 to 65535 blocks. Default 64. MAX_WINDOW_BYTES holds as well. */
  readonly maxWindowsize: number;
  /** Transfers at one time. Requests beyond it are not answered: the client asks again. */
  readonly maxTransfers: number;
  /** Transfers at one time for one client address. */
  readonly maxTransfersPerClient: number;
}

/** What holds unless the operator says otherwise. */
export const DEFAULT_LIMITS: TftpLimits = {
  maxBlksize: UNFRAGMENTED_BLKSIZE,
  maxWindowsize: 64,
  maxTransfers: MAX_TRANSFERS,
  maxTransfersPerClient: MAX_TRANSFERS_PER_CLIENT,
};
