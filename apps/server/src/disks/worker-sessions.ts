import type { SessionReport } from "@ingot/control";
import type { IscsiEvent, SessionInfo } from "@ingot/iscsi";

/** Which login a session came of. */
interface LoginOf {
  (session: SessionInfo): { readonly id: string; readonly machineId: string | undefined } | undefined;
}

/** Makes plain reports of a thread's sessions, those that ended in between included. */
export class WorkerSessions {
  readonly #worker: number;
  readonly #nextId: () => string;
  readonly #loginOf: LoginOf;
  readonly #facts = new WeakMap<SessionInfo, { readonly id: string; readonly machineId: string | undefined }>();
  #ended: SessionReport[] = [];

  constructor(worker: number, nextId: () => string, loginOf: LoginOf) {
    this.#worker = worker;
    this.#nextId = nextId;
    this.#loginOf = loginOf;
  }

  /** Notes who came, while it is known by which login, and what those had done who left. */
  note(event: IscsiEvent): void {
    if (event.kind === "login") this.#factsOf(event.session);
    if (event.kind === "logout") this.#ended.push(this.#reportOf(event.session));
  }

  /** The open sessions, and those that ended since the call before. */
  take(open: readonly SessionInfo[]): { readonly sessions: SessionReport[]; readonly ended: SessionReport[] } {
    const ended = this.#ended;
    this.#ended = [];
    return { sessions: open.map((session) => this.#reportOf(session)), ended };
  }

  #factsOf(session: SessionInfo): { readonly id: string; readonly machineId: string | undefined } {
    const known = this.#facts.get(session);
    if (known !== undefined) return known;
    // A discovery session comes of no login that the main thread knows.
    const facts = this.#loginOf(session) ?? { id: this.#nextId(), machineId: undefined };
    this.#facts.set(session, facts);
    return facts;
  }

  #reportOf(session: SessionInfo): SessionReport {
    const { initiatorName, isid, targetName = "", peerAddress, portal, startedMs, counters } = session;
    const facts = this.#factsOf(session);
    return {
      ...facts,
      initiator: initiatorName,
      isid,
      target: targetName,
      peer: peerAddress,
      portal,
      startedMs,
      ...counters,
      readLatency: [...counters.readLatency],
      writeLatency: [...counters.writeLatency],
      worker: this.#worker,
    };
  }
}
