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
  /** Commands that ended with another status than GOOD. */
  failedCommands: number;
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
    lastActivityMs: nowMs,
  };
}
