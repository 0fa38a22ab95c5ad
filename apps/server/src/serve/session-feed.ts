import type { SessionMonitor, SessionReport } from "@ingot/control";
import type { SessionInfo } from "@ingot/iscsi";

/** How often the control plane hears of the sessions. */
const FEED_MS = 1000;

/** Brings the figures of the iSCSI sessions to the control plane, once a second. */
export class SessionFeed {
  readonly #monitor: Pick<SessionMonitor, "report">;
  readonly #read: () => readonly SessionReport[];
  readonly #timer: NodeJS.Timeout;
  #ended: SessionReport[] = [];

  /** `read` is asked for all sessions that are open. */
  constructor(monitor: Pick<SessionMonitor, "report">, read: () => readonly SessionReport[]) {
    this.#monitor = monitor;
    this.#read = read;
    this.#timer = setInterval(() => this.feed(), FEED_MS);
  }

  /** Notes the last figures of a session that is over, so that its last second counts too. */
  end(report: SessionReport): void {
    this.#ended.push(report);
  }

  /** Brings what is known now. */
  feed(): void {
    const ended = this.#ended;
    this.#ended = [];
    this.#monitor.report(this.#read(), ended);
  }

  /** Ends it, after a last time. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.feed();
  }
}

/** A session as the control plane wants to hear of it: a copy, because the target's own figures go on. */
export function sessionReportOf(info: SessionInfo, machineId: string | undefined, worker: number): SessionReport {
  const { counters } = info;
  return {
    // The target gives the number of an ended session to a new one after 65,535 logins.
    id: `${worker}.${info.id}.${info.startedMs.toString(36)}`,
    machineId,
    initiator: info.initiatorName,
    isid: info.isid,
    target: info.targetName ?? "",
    peer: info.peerAddress,
    portal: info.portal,
    startedMs: info.startedMs,
    lastActivityMs: counters.lastActivityMs,
    readBytes: counters.readBytes,
    writtenBytes: counters.writtenBytes,
    readCommands: counters.readCommands,
    writeCommands: counters.writeCommands,
    otherCommands: counters.otherCommands,
    failedCommands: counters.failedCommands,
    openCommands: counters.openCommands,
    queuedOutputBytes: counters.queuedOutputBytes,
    readLatency: [...counters.readLatency],
    writeLatency: [...counters.writeLatency],
    worker,
  };
}
