import { emptyHistogram } from "./latency.ts";
import type { SessionParameters } from "./negotiation.ts";

/** What a session has done so far; the object lives as long as the session and changes with it. */
export interface SessionCounters {
  /** Bytes that the initiator read. */
  readBytes: number;
  /** Bytes that the initiator wrote. */
  writtenBytes: number;
  readCommands: number;
  writeCommands: number;
  otherCommands: number;
  /** Commands that ended with another status than GOOD, and not only to tell of a unit attention. */
  failedCommands: number;
  /** Commands that have come and are not answered yet; as of the last call of `sessions()`. */
  openCommands: number;
  /** Bytes of answers that the network has not taken yet; as of the last call of `sessions()`. */
  queuedOutputBytes: number;
  /** Sampled reads by how long they took (see `countLatency`): from the arrival of the command to its answer being ready to be sent. */
  readLatency: number[];
  /** Sampled writes, as `readLatency`. */
  writeLatency: number[];
  /** Milliseconds since the epoch of the last bytes received. */
  lastActivityMs: number;
}

/** A session, for whoever watches. */
export interface SessionInfo {
  /** Unique while the server runs. */
  readonly id: number;
  readonly initiatorName: string;
  readonly initiatorAlias?: string;
  readonly isid: string;
  /** Absent in a discovery session. */
  readonly targetName?: string;
  readonly peerAddress: string;
  readonly portal: string;
  /** Which of our portal groups it came in by, from 1. */
  readonly portalGroupTag: number;
  readonly startedMs: number;
  readonly parameters: Readonly<SessionParameters>;
  readonly counters: Readonly<SessionCounters>;
}

/** Counters that start at zero. */
export function zeroCounters(nowMs: number): SessionCounters {
  return {
    readBytes: 0,
    writtenBytes: 0,
    readCommands: 0,
    writeCommands: 0,
    otherCommands: 0,
    failedCommands: 0,
    openCommands: 0,
    queuedOutputBytes: 0,
    readLatency: emptyHistogram(),
    writeLatency: emptyHistogram(),
    lastActivityMs: nowMs,
  };
}
