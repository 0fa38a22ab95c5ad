import type { DiskSession } from "@ingot/api";

/** What came over sessions since the last look. */
export interface Transfer {
  readonly bootId: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** One session on a machine's disk, as the iSCSI side holds it. */
export interface SessionHandle {
  /** Call for every read that was answered. */
  countRead(lengthBytes: number): void;
  /** Call for every write that was taken. */
  countWritten(lengthBytes: number): void;
  /** Call when the session is gone. Idempotent. */
  close(): Promise<void>;
}

/** One open session. */
export class Session {
  readonly machineId: string;
  readonly bootId: number;
  readonly initiator: string;
  readonly peer: string;
  readonly since: string;
  /** Ends the session from our side; resolves when no more reads or writes of it can come. */
  readonly drop: () => Promise<void>;
  bytesRead = 0;
  bytesWritten = 0;
  #takenRead = 0;
  #takenWritten = 0;

  constructor(facts: {
    readonly machineId: string;
    readonly bootId: number;
    readonly initiator: string;
    readonly peer: string;
    readonly since: string;
    readonly drop: () => Promise<void>;
  }) {
    this.machineId = facts.machineId;
    this.bootId = facts.bootId;
    this.initiator = facts.initiator;
    this.peer = facts.peer;
    this.since = facts.since;
    this.drop = facts.drop;
  }

  /** The session as the API shows it. */
  view(): DiskSession {
    const { initiator, peer, since, bytesRead, bytesWritten } = this;
    return { initiator, peer, since, bytesRead, bytesWritten };
  }

  /** What came since the last call. */
  take(): Transfer {
    const transfer: Transfer = {
      bootId: this.bootId,
      bytesRead: this.bytesRead - this.#takenRead,
      bytesWritten: this.bytesWritten - this.#takenWritten,
    };
    this.#takenRead = this.bytesRead;
    this.#takenWritten = this.bytesWritten;
    return transfer;
  }
}

/** Every open session, by machine. */
export class SessionRegistry {
  readonly #sessionsOf = new Map<string, Set<Session>>();

  /** Adds a session; answers how many its machine has now. */
  add(session: Session): number {
    const sessions = this.#sessionsOf.get(session.machineId) ?? new Set();
    this.#sessionsOf.set(session.machineId, sessions.add(session));
    return sessions.size;
  }

  /** Removes a session; answers how many its machine has left, `undefined` where it was not there. */
  remove(session: Session): number | undefined {
    const sessions = this.#sessionsOf.get(session.machineId);
    if (sessions === undefined || !sessions.delete(session)) return undefined;
    if (sessions.size === 0) this.#sessionsOf.delete(session.machineId);
    return sessions.size;
  }

  /** The sessions of a machine. */
  of(machineId: string): readonly Session[] {
    return [...(this.#sessionsOf.get(machineId) ?? [])];
  }

  /** Machines with sessions. */
  machineIds(): readonly string[] {
    return [...this.#sessionsOf.keys()];
  }

  /** How many sessions are open. */
  get count(): number {
    let count = 0;
    for (const sessions of this.#sessionsOf.values()) count += sessions.size;
    return count;
  }
}
