import type { SwarmClock } from "./clock.ts";
import { ALONE_MS, MAX_TRACKER_DELAY_MS, MIN_TRACKER_DELAY_MS, TRACKER_TIMEOUT_MS } from "./limits.ts";
import type {
  Admission,
  JoinRefusal,
  JoinRequest,
  PeerContact,
  ReportNews,
  ReportRequest,
  TrackerClient,
} from "./tracker-client.ts";

/** What a membership needs of its peer. */
export interface MembershipDeps {
  readonly tracker: TrackerClient;
  readonly clock: SwarmClock;
  readonly random: () => number;
  /** What to say when joining. */
  readonly joinRequest: () => JoinRequest;
  /** What to report. */
  readonly reportRequest: () => ReportRequest;
  /** The report did not arrive. */
  readonly onUnreported: (request: ReportRequest) => void;
  readonly onTicket: (ticket: Uint8Array) => void;
  readonly onNeighbours: (contacts: readonly PeerContact[]) => void;
  readonly onGatewayPlace: (place: number | undefined) => void;
  /** The tracker was reached, or was not. */
  readonly onTracker: (isReached: boolean, why?: string) => void;
  readonly onRefused: (reason: JoinRefusal["reason"]) => void;
}

/** A peer's place in the swarm as the tracker sees it: joins, reports, joins again where it is not known any more. The swarm goes on without. */
export class Membership {
  readonly #deps: MembershipDeps;
  readonly #stop = new AbortController();
  #isKnown = false;
  #delayMs = MIN_TRACKER_DELAY_MS;
  /** Members of large swarms report seldom, and come back over a longer time. */
  #longestDelayMs = MAX_TRACKER_DELAY_MS;
  #takeBack: () => void = () => undefined;
  #isAsking = false;
  #isHurried = false;
  #aloneSince: number | undefined;
  #leaving: Promise<void> | undefined;

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
    this.#ask();
  }

  /** Reports at once instead of at the next time. */
  hurry(): void {
    this.#isHurried = this.#isAsking;
    if (!this.#isAsking) this.#ask();
  }

  /** Tells the tracker, unless that takes long. Idempotent. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    this.#stop.abort();
    this.#takeBack();
    if (!this.#isKnown) return;
    try {
      await this.#deps.tracker.leave(AbortSignal.timeout(MIN_TRACKER_DELAY_MS));
    } catch (error) {
      this.#deps.onTracker(false, messageOf(error));
    }
  }

  #ask(): void {
    if (this.#stop.signal.aborted) return;
    this.#takeBack();
    this.#isAsking = true;
    const nextMs = this.#isKnown ? this.#report() : this.#join();
    void nextMs
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#deps.onTracker(false, messageOf(error));
        const delay = this.#delayMs * (0.5 + this.#deps.random());
        // Spread over all of the time, so that those who lost the tracker together do not come back together.
        this.#delayMs = Math.min(this.#longestDelayMs / 1.5, this.#delayMs * 2);
        return delay;
      })
      .then((ms) => {
        this.#isAsking = false;
        const delay = this.#isHurried ? 0 : ms;
        this.#isHurried = false;
        if (this.#stop.signal.aborted) return;
        this.#takeBack = this.#deps.clock.after(delay, () => this.#ask());
      });
  }

  async #join(): Promise<number> {
    const answer = await this.#deps.tracker.join(this.#deps.joinRequest(), this.#signal());
    if (this.#stop.signal.aborted) return 0;
    if (answer.state === "refused") return this.#refused(answer);
    this.#isKnown = true;
    return this.#learn(answer);
  }

  async #report(): Promise<number> {
    const request = this.#deps.reportRequest();
    const answer = await this.#deps.tracker.report(request, this.#signal()).catch((error: unknown) => {
      this.#deps.onUnreported(request);
      throw error;
    });
    if (this.#stop.signal.aborted) return 0;
    if (answer.state === "unknown") {
      this.#deps.onUnreported(request);
      this.#isKnown = false;
      return 0;
    }
    if (answer.state === "refused") return this.#refused(answer);
    this.#noteCompany(request.neighbours);
    return this.#learn(answer);
  }

  #learn(news: Admission | ReportNews): number {
    this.#delayMs = MIN_TRACKER_DELAY_MS;
    this.#deps.onTracker(true);
    if (news.ticket !== undefined) this.#deps.onTicket(Uint8Array.fromBase64(news.ticket));
    this.#deps.onGatewayPlace(news.gatewayPlace);
    this.#deps.onNeighbours(news.neighbours);
    this.#longestDelayMs = Math.max(MAX_TRACKER_DELAY_MS, news.reportAfterMs);
    return news.reportAfterMs * (0.9 + 0.2 * this.#deps.random());
  }

  #refused({ reason }: JoinRefusal): number {
    this.#isKnown = false;
    this.#deps.onRefused(reason);
    return MAX_TRACKER_DELAY_MS;
  }

  /** Somebody without neighbours has lost them in a way that the tracker does not know of: it is told by joining anew. */
  #noteCompany(neighbours: number): void {
    const now = this.#deps.clock.now();
    if (neighbours > 0) this.#aloneSince = undefined;
    else this.#aloneSince ??= now;
    if (this.#aloneSince === undefined || now - this.#aloneSince < ALONE_MS) return;
    this.#aloneSince = undefined;
    this.#isKnown = false;
  }

  #signal(): AbortSignal {
    return AbortSignal.any([this.#stop.signal, AbortSignal.timeout(TRACKER_TIMEOUT_MS)]);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error);
}
