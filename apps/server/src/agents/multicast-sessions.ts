import type { MulticastAnswer, MulticastJoin, PieceRange } from "@ingot/api";
import { createMulticastPlan, MIN_AUTO_RECEIVERS, type MulticastPlan } from "@ingot/swarm";

/** A session that does not know how many come begins when nobody came for so long… */
const QUIET_MS = 2000;
/** …and at the latest so long after the first; those that come later begin in the middle. */
const GATHER_MS = 15_000;
/** A session that waits for a known number gives up on the others after this. */
const EXPECT_MS = 60_000;

/** From the answer to the first packet at the latest: receivers start a thread, join the group, and say that they hear the sender. */
const START_MS = 1000;

/** A sending under way. */
export interface Sending {
  /** Resolves when everything was sent and repaired, rejects when it could not. */
  readonly done: Promise<void>;
  /** Ends it. */
  stop(): void;
}

/** What the coordinator needs. */
export interface MulticastDeps {
  readonly nowMs: () => number;
  /** Calls back once; returns how to withdraw it. */
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Bits per second of Ethernet frames; undefined: this server sends none. */
  readonly rate: number | undefined;
  /** Sends `plan` of a version as soon as so many receivers say that they hear it, at the latest after `START_MS`. */
  readonly send: (manifestId: string, plan: MulticastPlan, receivers: number, delayMs: number) => Sending;
  readonly onError: (error: unknown) => void;
}

interface Waiting {
  readonly join: MulticastJoin;
  readonly answer: (answer: MulticastAnswer) => void;
}

interface Gathering {
  readonly since: number;
  readonly waiting: Waiting[];
  cancelTimer: () => void;
}

interface Session {
  readonly plan: MulticastPlan;
  readonly startsAt: number;
  readonly sending: Sending;
}

/**
 * Gathers the receivers of an image until they are all there, then lets one sender serve them together. Whoever comes while it sends is told
 * where to listen; what it has missed it gets from its peers.
 */
export class MulticastSessions {
  readonly #deps: MulticastDeps;
  readonly #gathering = new Map<string, Gathering>();
  readonly #sessions = new Map<string, Session>();
  #closed = false;

  constructor(deps: MulticastDeps) {
    this.#deps = deps;
  }

  /** Versions that are being sent now. */
  get active(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  /** A receiver is ready; resolves when its session begins, or will not. One that has gone (`signal`) is not waited for any more. */
  join(manifestId: string, join: MulticastJoin, signal?: AbortSignal): Promise<MulticastAnswer> {
    if (this.#deps.rate === undefined || this.#closed) return Promise.resolve({ state: "none", reason: "off" });
    const session = this.#sessions.get(manifestId);
    if (session !== undefined) return Promise.resolve(this.#answerOf(session));
    const { promise, resolve } = Promise.withResolvers<MulticastAnswer>();
    let gathering = this.#gathering.get(manifestId);
    if (gathering === undefined) {
      gathering = { since: this.#deps.nowMs(), waiting: [], cancelTimer: () => undefined };
      this.#gathering.set(manifestId, gathering);
    }
    const receiver = { join, answer: resolve };
    gathering.waiting.push(receiver);
    signal?.addEventListener("abort", () => this.#withdraw(manifestId, receiver), { once: true });
    this.#wait(manifestId, gathering);
    return promise;
  }

  /** Ends everything; those that wait hear that there is none. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { cancelTimer, waiting } of this.#gathering.values()) {
      cancelTimer();
      for (const { answer } of waiting) answer({ state: "none", reason: "off" });
    }
    this.#gathering.clear();
    for (const { sending } of this.#sessions.values()) sending.stop();
  }

  /** Nothing happens when its session has begun. */
  #withdraw(manifestId: string, receiver: Waiting): void {
    const gathering = this.#gathering.get(manifestId);
    const at = gathering?.waiting.indexOf(receiver) ?? -1;
    if (gathering === undefined || at < 0) return;
    gathering.waiting.splice(at, 1);
    receiver.answer({ state: "none", reason: "off" });
    if (gathering.waiting.length > 0) return;
    gathering.cancelTimer();
    this.#gathering.delete(manifestId);
  }

  /** Begins at once when all are there, else sets the time at which it begins without the others. */
  #wait(manifestId: string, gathering: Gathering): void {
    gathering.cancelTimer();
    const { waiting, since } = gathering;
    const expected = Math.max(...waiting.map(({ join }) => join.expect ?? 0));
    if (expected > 0 && waiting.length >= expected) return this.#begin(manifestId, gathering);
    const now = this.#deps.nowMs();
    const latest = since + (expected > 0 ? EXPECT_MS : GATHER_MS);
    const at = expected > 0 ? latest : Math.min(latest, now + QUIET_MS);
    gathering.cancelTimer = this.#deps.setTimer(Math.max(0, at - now), () => this.#begin(manifestId, gathering));
  }

  #begin(manifestId: string, { waiting }: Gathering): void {
    this.#gathering.delete(manifestId);
    const isWanted = waiting.some(({ join }) => join.method === "multicast");
    const missing = unionOf(waiting.map(({ join }) => join.missing));
    if (missing.length === 0 || (!isWanted && waiting.length < MIN_AUTO_RECEIVERS)) {
      for (const { answer } of waiting) answer({ state: "none", reason: "few" });
      return;
    }
    const session = this.#open(manifestId, missing, waiting.length);
    const answer: MulticastAnswer =
      session === undefined ? { state: "none", reason: "failed" } : this.#answerOf(session);
    for (const receiver of waiting) receiver.answer(answer);
  }

  #open(manifestId: string, order: readonly PieceRange[], receivers: number): Session | undefined {
    const { rate = 0, randomBytes, nowMs, send, onError } = this.#deps;
    try {
      const plan = createMulticastPlan({ rate, order, random: randomBytes });
      const sending = send(manifestId, plan, receivers, START_MS);
      const session: Session = { plan, startsAt: nowMs() + START_MS, sending };
      this.#sessions.set(manifestId, session);
      session.sending.done.catch(onError).finally(() => this.#sessions.delete(manifestId));
      return session;
    } catch (error) {
      onError(error);
      return undefined;
    }
  }

  #answerOf({ plan, startsAt }: Session): MulticastAnswer {
    return { state: "session", plan, startsInMs: Math.round(startsAt - this.#deps.nowMs()) };
  }
}

/** What at least one of them lacks: ascending, no two ranges touching. */
function unionOf(all: readonly (readonly PieceRange[])[]): PieceRange[] {
  const union: { first: number; end: number }[] = [];
  for (const { first, end } of all.flat().sort((a, b) => a.first - b.first)) {
    const last = union.at(-1);
    if (last !== undefined && first <= last.end) last.end = Math.max(last.end, end);
    else union.push({ first, end });
  }
  return union;
}
