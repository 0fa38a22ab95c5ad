import type { Session } from "@ingot/api";
import { compareNames } from "../live/fleet.ts";

/** By what sessions are sorted. */
export const SESSION_SORTS = ["machine", "read", "write", "latency", "failed", "waiting", "since"] as const;
/** One of {@link SESSION_SORTS}. */
export type SessionSort = (typeof SESSION_SORTS)[number];

/** Which sessions are shown: all, those over which something goes, those with failed commands. */
export const SESSION_SHOWS = ["all", "busy", "failed"] as const;
/** One of {@link SESSION_SHOWS}. */
type SessionShow = (typeof SESSION_SHOWS)[number];

/** What the operator wants to see. */
export interface SessionFilter {
  readonly text: string;
  readonly show: SessionShow;
  readonly sort: SessionSort;
}

/** Whether something goes over the session now, or waits. */
function isBusy({ read, write, openCommands }: Session): boolean {
  return read.commandsPerSecond > 0 || write.commandsPerSecond > 0 || openCommands > 0;
}

/** The time within which 99 of 100 commands were answered, of reads or writes, whichever is longer; 0 where there were none. */
export function worstP99(session: Session): number {
  return Math.max(session.read.p99Us ?? 0, session.write.p99Us ?? 0);
}

/** The sessions that `filter` lets through, in its order; those that are equal by the machine's name. */
export function selectSessions(sessions: Iterable<Session>, filter: SessionFilter): readonly Session[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = [...sessions].filter((session) => {
    if (filter.show === "busy" && !isBusy(session)) return false;
    if (filter.show === "failed" && session.failedCommands === 0) return false;
    if (words.length === 0) return true;
    const { machineName = "discovery", image, initiator, peer } = session;
    const text = `${machineName}\n${image === undefined ? "" : `${image.name}:${image.version}`}\n${initiator}\n${peer}`;
    return words.every((word) => text.toLowerCase().includes(word));
  });
  const rank = RANKS[filter.sort];
  return chosen.sort(
    (a, b) => rank(a, b) || compareNames(a.machineName ?? "", b.machineName ?? "") || (a.id < b.id ? -1 : 1),
  );
}

const RANKS: Readonly<Record<SessionSort, (a: Session, b: Session) => number>> = {
  machine: () => 0,
  read: (a, b) => b.read.bytesPerSecond - a.read.bytesPerSecond,
  write: (a, b) => b.write.bytesPerSecond - a.write.bytesPerSecond,
  latency: (a, b) => worstP99(b) - worstP99(a),
  failed: (a, b) => b.failedCommands - a.failedCommands,
  waiting: (a, b) => b.openCommands - a.openCommands || b.queuedBytes - a.queuedBytes,
  since: (a, b) => (a.since === b.since ? 0 : a.since < b.since ? 1 : -1),
};

/** What all sessions together do. */
export interface SessionSums {
  readonly sessions: number;
  readonly machines: number;
  readonly busy: number;
  readonly readBytesPerSecond: number;
  readonly readsPerSecond: number;
  readonly writtenBytesPerSecond: number;
  readonly writesPerSecond: number;
  readonly failedCommands: number;
  /** Sessions with failed commands. */
  readonly failing: number;
  /** The session whose commands take longest. */
  readonly slowest: Session | undefined;
}

/** Sums up. */
export function sumSessions(sessions: Iterable<Session>): SessionSums {
  const machines = new Set<string>();
  const sums = { sessions: 0, busy: 0, readBytesPerSecond: 0, readsPerSecond: 0, failedCommands: 0, failing: 0 };
  let writtenBytesPerSecond = 0;
  let writesPerSecond = 0;
  let slowest: Session | undefined;
  for (const session of sessions) {
    sums.sessions += 1;
    if (session.machine !== undefined) machines.add(session.machine);
    if (isBusy(session)) sums.busy += 1;
    sums.readBytesPerSecond += session.read.bytesPerSecond;
    sums.readsPerSecond += session.read.commandsPerSecond;
    writtenBytesPerSecond += session.write.bytesPerSecond;
    writesPerSecond += session.write.commandsPerSecond;
    sums.failedCommands += session.failedCommands;
    if (session.failedCommands > 0) sums.failing += 1;
    if (worstP99(session) > (slowest === undefined ? 0 : worstP99(slowest))) slowest = session;
  }
  return { ...sums, machines: machines.size, writtenBytesPerSecond, writesPerSecond, slowest };
}
