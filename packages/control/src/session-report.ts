/**
 * What the disk service knows of one open session, as a plain object that passes between threads. Totals count from the
 * session's beginning and only grow while `id` lives; rates are made of two reports one after the other.
 */
export interface SessionReport {
  /** Stable while the session lives, and never given to another one. */
  readonly id: string;
  /** Undefined where the target belongs to no machine, and for discovery sessions. */
  readonly machineId: string | undefined;
  /** The initiator's iSCSI name. */
  readonly initiator: string;
  /** The initiator session id, hex (RFC 7143 §11.12.5). */
  readonly isid: string;
  /** The target's iSCSI name; empty for a discovery session. */
  readonly target: string;
  /** The initiator's address. */
  readonly peer: string;
  /** The portal of ours that it came in by. */
  readonly portal: string;
  /** When it logged in, milliseconds since the epoch. */
  readonly startedMs: number;
  /** When its last PDU came, milliseconds since the epoch. */
  readonly lastActivityMs: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly readCommands: number;
  readonly writeCommands: number;
  /** Commands that neither read nor wrote the disk's content. */
  readonly otherCommands: number;
  /** Commands that ended with another status than GOOD, and not only to tell of a unit attention. */
  readonly failedCommands: number;
  /** Commands that have come and are not answered yet. */
  readonly openCommands: number;
  /** Bytes of answers that wait for the initiator to read them. */
  readonly queuedOutputBytes: number;
  /** Sampled reads by how long they took: entry `i` counts those below 2^(i+1) µs (and not below 2^i), the last one all that are longer. */
  readonly readLatency: readonly number[];
  /** Sampled writes, as {@link readLatency}. */
  readonly writeLatency: readonly number[];
  /** The worker thread that the session is on; 0 where there are none. */
  readonly worker: number;
}
