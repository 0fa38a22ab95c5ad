import { parseBootTarget } from "./boot-target.ts";
import type { Clock } from "./clock.ts";
import type { EventLog } from "./event-log.ts";
import { MAX_FACT_LENGTH, MAX_REFUSAL_EVENTS, MAX_REMEMBERED_REFUSALS } from "./limits.ts";

/** A login that was answered with a status other than success. */
export interface RefusedLogin {
  /** What the initiator calls itself; absent when its first request was not even readable. */
  readonly initiator?: string | undefined;
  /** The target that it asked for; absent for a discovery session. */
  readonly target?: string | undefined;
  /** The initiator's address, with or without a port. */
  readonly peer: string;
  readonly portal: string;
  /** The name of the status that the initiator was told, of a closed set. */
  readonly status: string;
}

/** The same initiator with the same reason becomes an event this often at most: firmware tries every few seconds, for ever. */
export const REFUSAL_EVENT_MS: number = 60_000;

/** What the statuses of RFC 7143 §11.13.5 mean for whoever has to mend it. */
const REASONS: Readonly<Record<string, string>> = {
  initiatorError: "its login is not as iSCSI wants it",
  authenticationFailure: "its CHAP name or secret is wrong or missing",
  authorizationFailure: "it may not use this disk",
  notFound: "there is no such target",
  targetRemoved: "the target is gone for good",
  unsupportedVersion: "it speaks another version of iSCSI",
  tooManyConnections: "a session has one connection here",
  missingParameter: "its login lacks a key",
  sessionTypeNotSupported: "it asks for an unknown type of session",
  sessionDoesNotExist: "the session that it wants to add to is not there",
  invalidDuringLogin: "it sent something else in the middle of its login",
  targetError: "the server failed; its log says more",
  serviceUnavailable: "the disk is not available just now",
  outOfResources: "the target has as many sessions as it may have",
};

/** These send an initiator elsewhere. */
const redirects: readonly string[] = ["targetMovedTemporarily", "targetMovedPermanently"];

interface Remembered {
  toldMs: number;
  /** Refusals since the event. */
  untold: number;
}

/**
 * Makes events of refused logins: the first of each initiator and reason at once, then one a minute that says how many there
 * were. Names are what anybody on the network sends, so what is remembered and what is written is bounded.
 */
export class LoginRefusals {
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #deps: {
    readonly hasMachine: (id: string) => Promise<boolean>;
    readonly machineAt: (address: string) => string | undefined;
    readonly onError: (error: unknown) => void;
  };
  readonly #counts = new Map<string, number>();
  /** By initiator, target and status, oldest event first. */
  readonly #remembered = new Map<string, Remembered>();
  /** Why the control plane refused, until the disk service tells that it did. */
  readonly #reasons = new Map<string, string>();
  readonly #recording = new Set<Promise<void>>();
  #minuteMs = -Infinity;
  #eventsInMinute = 0;
  #overBudget = 0;

  constructor(deps: {
    readonly clock: Clock;
    readonly events: EventLog;
    readonly hasMachine: (id: string) => Promise<boolean>;
    /** The machine that was last seen with an IP address. */
    readonly machineAt: (address: string) => string | undefined;
    readonly onError: (error: unknown) => void;
  }) {
    this.#clock = deps.clock;
    this.#events = deps.events;
    this.#deps = deps;
  }

  /** How many logins were refused since the start, by the status that they were told. Redirects are among them. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Notes why a login is about to be refused: a status alone does not say that a machine is in another boot meanwhile. */
  explain(login: { readonly initiator: string; readonly target: string }, reason: string): void {
    this.#reasons.set(keyOf(login.initiator, login.target), reason);
    dropOldest(this.#reasons);
  }

  /** Counts a refused login and makes an event of it where it is time for one. Never waits. */
  record(login: RefusedLogin): void {
    const { initiator = "", target = "", status } = login;
    this.#counts.set(status, (this.#counts.get(status) ?? 0) + 1);
    const loginKey = keyOf(initiator, target);
    const reason = this.#reasons.get(loginKey) ?? REASONS[status] ?? status;
    this.#reasons.delete(loginKey);
    if (redirects.includes(status)) return;
    const nowMs = this.#clock.now();
    const key = keyOf(initiator === "" ? login.peer : initiator, status);
    const known = this.#remembered.get(key);
    if (known !== undefined && nowMs - known.toldMs < REFUSAL_EVENT_MS) {
      known.untold += 1;
      return;
    }
    if (!this.#mayTell(nowMs)) {
      this.#overBudget += 1;
      return;
    }
    this.#remembered.delete(key);
    this.#remembered.set(key, { toldMs: nowMs, untold: 0 });
    dropOldest(this.#remembered);
    const count = 1 + (known?.untold ?? 0);
    const others = this.#overBudget;
    this.#overBudget = 0;
    const recording = this.#write(login, reason, count, others).catch(this.#deps.onError);
    this.#recording.add(recording);
    void recording.finally(() => this.#recording.delete(recording));
  }

  /** Resolves when every event that is due is written. */
  async settled(): Promise<void> {
    await Promise.all(this.#recording);
  }

  #mayTell(nowMs: number): boolean {
    if (nowMs - this.#minuteMs >= 60_000) {
      this.#minuteMs = nowMs;
      this.#eventsInMinute = 0;
    }
    this.#eventsInMinute += 1;
    return this.#eventsInMinute <= MAX_REFUSAL_EVENTS;
  }

  async #write(login: RefusedLogin, reason: string, count: number, others: number): Promise<void> {
    const { initiator, target, peer, portal, status } = login;
    const machine = await this.#machineOf(login);
    const who = initiator === undefined || initiator === "" ? "an initiator without a name" : printable(initiator);
    const where = machine !== undefined || target === undefined ? "" : ` to ${printable(target)}`;
    const times = count === 1 ? "" : ` (${count} times since the last entry)`;
    const more = others === 0 ? "" : `; ${others} logins of others were refused too`;
    await this.#events.record({
      kind: "disk.refused",
      ...(machine !== undefined && { machine }),
      message: `login of ${who} at ${peer}${where} refused: ${printable(reason)}${times}${more}`,
      data: {
        ...(initiator !== undefined && { initiator: printable(initiator) }),
        ...(target !== undefined && { target: printable(target) }),
        peer,
        portal,
        status,
        count,
        ...(others > 0 && { others }),
      },
    });
  }

  /** The machine whose disk was asked for, or that was last seen at the address. */
  async #machineOf(login: RefusedLogin): Promise<string | undefined> {
    const { machineId } = (login.target === undefined ? undefined : parseBootTarget(login.target)) ?? {};
    if (machineId !== undefined && (await this.#deps.hasMachine(machineId))) return machineId;
    return this.#deps.machineAt(login.peer.replace(/:\d+$/, ""));
  }
}

function keyOf(...parts: readonly string[]): string {
  return parts.join("\0");
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= MAX_REMEMBERED_REFUSALS) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

/** Longest name that iSCSI allows, in bytes (RFC 7143 §4.2.7.1), and reasons with two of them. */
const longestText = 2 * 223 + MAX_FACT_LENGTH;

/** What a stranger sent, for a log that is read on terminals too: no control characters, and not too long. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?").slice(0, longestText);
}
